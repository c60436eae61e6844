//! Behaviour of arrays: any chunking = one chunk, any scheduler = sync.

#[path = "edges.rs"]
mod edges;
#[path = "functions.rs"]
mod functions;
#[path = "operators.rs"]
mod operators;

use std::sync::Arc;

use dask_array::ndarray::{Array2, ArrayD, Axis, s};
use dask_array::{Array, ArrayError, Binary, Compare, Computed, Element, Index};
use dask_core::{Collection, RunContext, Scheduler};
use dask_sched::SyncScheduler;
use proptest::prelude::*;

use crate::schedulers::others;

fn everywhere<A: Element>(array: &Array<A>) -> ArrayD<A> {
    let expected = array.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    for scheduler in others() {
        let found = array.compute_with(&*scheduler, &RunContext::default()).unwrap();
        // Through text, so that what is not a number is equal to itself.
        assert_eq!(
            (format!("{found}"), found.shape()),
            (format!("{expected}"), expected.shape()),
            "{}",
            scheduler.name()
        );
    }
    assert_eq!(expected.shape(), array.shape());
    expected
}

fn close(found: &ArrayD<f64>, expected: &ArrayD<f64>) -> bool {
    found.shape() == expected.shape()
        && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs().max(1.0))
}

fn matrix() -> impl Strategy<Value = (Array2<f64>, [usize; 2])> {
    (1usize..9, 1usize..9, 1usize..5, 1usize..5).prop_flat_map(|(rows, columns, a, b)| {
        proptest::collection::vec(-100i32..100, rows * columns).prop_map(move |elements| {
            let elements = elements.into_iter().map(f64::from).collect();
            (Array2::from_shape_vec((rows, columns), elements).unwrap(), [a, b])
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_chunking_is_one_chunk((whole, chunks) in matrix(), other in [1usize..6, 1usize..6], step in prop_oneof![-3isize..0, 1isize..4], bounds in [-10isize..10, -10isize..10]) {
        let x = Array::from_ndarray(&whole, &chunks).unwrap();
        let dynamic = whole.clone().into_dyn();
        prop_assert_eq!(everywhere(&x), dynamic.clone());
        prop_assert_eq!(everywhere(&x.rechunk(&other).unwrap()), dynamic.clone());
        prop_assert_eq!(everywhere(&x.transpose()), whole.t().to_owned().into_dyn());
        let y = x.rechunk(&other).unwrap();
        prop_assert_eq!(everywhere(&(&(&x * 2.0) + &y)), &dynamic * 3.0);
        prop_assert_eq!(everywhere(&x.compare(Compare::Less, &(&y + 1.0)).unwrap()), dynamic.mapv(|_| true));
        for axis in [0usize, 1] {
            let along = Some(&[axis as isize][..]);
            prop_assert_eq!(everywhere(&x.sum(along, false).unwrap()), whole.sum_axis(Axis(axis)).into_dyn());
            prop_assert!(close(&everywhere(&x.mean(along, false).unwrap()), &whole.mean_axis(Axis(axis)).unwrap().into_dyn()));
            prop_assert!(close(&everywhere(&x.std(along, 0.0, false).unwrap()), &whole.std_axis(Axis(axis), 0.0).into_dyn()));
            let max = whole.map_axis(Axis(axis), |lane| lane.iter().copied().fold(f64::MIN, f64::max)).into_dyn();
            prop_assert_eq!(everywhere(&x.max(along, false).unwrap()), max);
            let centred = &x - &x.mean(along, true).unwrap();
            let expected = &whole - &whole.mean_axis(Axis(axis)).unwrap().insert_axis(Axis(axis));
            prop_assert!(close(&everywhere(&centred), &expected.into_dyn()));
        }
        prop_assert_eq!(everywhere(&x.sum(None, false).unwrap()).into_scalar().unwrap(), whole.sum());
        prop_assert!(close(&everywhere(&x.matmul(&x.transpose()).unwrap()), &whole.dot(&whole.t()).into_dyn()));

        // Slices against a plain walk as Python does it.
        let n = whole.nrows() as isize;
        let fix = |at: isize, low: isize, high: isize| (if at < 0 { at + n } else { at }).clamp(low, high);
        let (start, end) = if step > 0 { (fix(bounds[0], 0, n), fix(bounds[1], 0, n)) } else { (fix(bounds[0], -1, n - 1), fix(bounds[1], -1, n - 1)) };
        let mut rows = Vec::new();
        let mut at = start;
        while (step > 0 && at < end) || (step < 0 && at > end) {
            rows.push(at as usize);
            at += step;
        }
        let index = [Index::Slice { start: Some(bounds[0]), end: Some(bounds[1]), step }];
        prop_assert_eq!(everywhere(&x.slice(&index).unwrap()), whole.select(Axis(0), &rows).into_dyn());
        let row = rows.first().copied().unwrap_or(0);
        prop_assert_eq!(everywhere(&x.slice(&[Index::At(row as isize)]).unwrap()), whole.slice(s![row, ..]).to_owned().into_dyn());
        let positions: Vec<isize> = rows.iter().chain(&rows).map(|&row| row as isize).collect();
        let doubled: Vec<usize> = rows.iter().chain(&rows).copied().collect();
        prop_assert_eq!(everywhere(&x.take(&positions, 0).unwrap()), whole.select(Axis(0), &doubled).into_dyn());
    }
}

#[test]
fn whole_numbers_behave_as_in_numpy() {
    let x = Array::<i32>::arange(-4, 5, 1, 4).unwrap();
    // np.arange(-4, 5) // 3 and % 3, and the same by -3
    assert_eq!(everywhere(&(&x / 3)).as_slice().unwrap(), [-2, -1, -1, -1, 0, 0, 0, 1, 1]);
    assert_eq!(everywhere(&(&x % 3)).as_slice().unwrap(), [2, 0, 1, 2, 0, 1, 2, 0, 1]);
    assert_eq!(everywhere(&(&x / -3)).as_slice().unwrap(), [1, 1, 0, 0, 0, -1, -1, -1, -2]);
    assert_eq!(everywhere(&(&x % -3)).as_slice().unwrap(), [-1, 0, -2, -1, 0, -2, -1, 0, -2]);
    let wide: i64 =
        everywhere(&Array::full(&[3], i32::MAX, 2).unwrap().sum(None, false).unwrap()).into_scalar().unwrap();
    assert_eq!(wide, 3 * i64::from(i32::MAX));
    let flags = x.compare_scalar(Compare::Greater, 2).sum(None, false).unwrap();
    assert_eq!(everywhere(&flags).into_scalar().unwrap(), 2);
    assert_eq!(everywhere(&x.astype::<f64>().powf(2.0)).sum(), 60.0);
}

#[test]
fn not_a_number_spreads() {
    let x = Array::from_ndarray(&dask_array::ndarray::arr1(&[1.0, f64::NAN, 3.0]), 2).unwrap();
    assert!(everywhere(&x.max(None, false).unwrap()).into_scalar().unwrap().is_nan());
    assert_eq!(everywhere(&x.is_nan()).as_slice().unwrap(), [false, true, false]);
}

#[test]
fn random_numbers_depend_on_seed_and_chunks_alone() {
    let x = Array::<f64>::normal(&[400, 300], 5.0, 2.0, &[100, 75], 7).unwrap();
    let values = everywhere(&x);
    assert!((values.mean().unwrap() - 5.0).abs() < 0.05 && (values.std(0.0) - 2.0).abs() < 0.05);
    assert_eq!(everywhere(&Array::<f64>::normal(&[400, 300], 5.0, 2.0, &[100, 75], 7).unwrap()), values);
    let uniform = everywhere(&Array::<f32>::uniform(&[1000], -1.0, 1.0, 100, 1).unwrap());
    assert!(uniform.iter().all(|x| (-1.0..1.0).contains(x)) && uniform.mean().unwrap().abs() < 0.1);
}

#[test]
fn elementwise_chains_are_one_task_a_chunk() {
    let x = Array::<f64>::ones(&[100, 100], &[50, 50]).unwrap();
    let y = &(&(&x + 1.0) * &x) - 3.0;
    let graph = dask_core::LayerGraph::new(&y.layers()).unwrap();
    assert_eq!(dask_core::optimize::optimize(&graph, &y.keys()).n_tasks(), 4);
    assert_eq!(y.compute().unwrap().sum(), -10_000.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = Array::<f64>::ones(&[4, 6], &[2, 3]).unwrap();
    let broadcast = x.binary(Binary::Add, &Array::ones(&[4, 5], &[2, 2]).unwrap()).unwrap_err();
    assert_eq!(
        broadcast.to_string(),
        "add: shapes [4, 6] and [4, 5] do not broadcast: axis 0 (from the right) is 6 and 5"
    );
    assert!(matches!(x.sum(Some(&[2]), false), Err(ArrayError::NoSuchAxis { axis: 2, rank: 2, .. })));
    assert!(matches!(x.slice(&[Index::At(4)]), Err(ArrayError::OutOfBounds { index: 4, axis: 0, length: 4 })));
    assert!(matches!(
        x.slice(&[Index::Slice { start: None, end: None, step: 0 }]),
        Err(ArrayError::ZeroStep { axis: 0 })
    ));
    assert!(matches!(
        x.rechunk(dask_array::ChunkSpec::Exact(vec![vec![4], vec![5]])),
        Err(ArrayError::ChunksDoNotFit { axis: 1, .. })
    ));
    assert!(matches!(x.matmul(&x), Err(ArrayError::Broadcast { .. })));
    let wrong = x.map_blocks("half", |chunk| chunk.slice(s![..1, ..]).to_owned().into_dyn()).compute().unwrap_err();
    assert!(wrong.to_string().contains("has shape [1, 3], expected [2, 3]"), "{wrong}");
}

#[test]
fn user_functions_run_and_travel() {
    let x = Array::<f64>::ones(&[4, 6], &[2, 3]).unwrap().map_blocks("double", |chunk| chunk * 2.0);
    assert_eq!(everywhere(&x).sum(), 48.0);
    let scheduler: Arc<dyn Scheduler> = Arc::new(SyncScheduler);
    let guard = dask_core::with_scheduler(scheduler);
    assert_eq!(x.persist().unwrap().compute().unwrap().sum(), 48.0);
    drop(guard);
}

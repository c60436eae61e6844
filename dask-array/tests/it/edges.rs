//! Edges: nothing, very much, signs of zero, sums of many floats.

use dask_array::ndarray::{ArrayD, IxDyn, arr1};
use dask_array::{Array, ArrayError, ChunkSpec, Chunks, Computed, Index};

use super::everywhere;

#[test]
fn ranges_of_large_whole_numbers_are_counted_exactly() {
    let start = 1i64 << 53;
    let x = Array::<i64>::arange(start, start + 3, 1, 2).unwrap();
    assert_eq!(everywhere(&x).as_slice().unwrap(), [start, start + 1, start + 2]);
    // np.arange(5, 0, -2), np.arange(0, 5, -1)
    assert_eq!(everywhere(&Array::<i32>::arange(5, 0, -2, 2).unwrap()).as_slice().unwrap(), [5, 3, 1]);
    assert_eq!(Array::<i32>::arange(0, 5, -1, 2).unwrap().shape(), [0]);
}

#[test]
fn ranges_without_length_are_refused() {
    let endless = |stop, step| Array::<f64>::arange(0.0, stop, step, 4).unwrap_err();
    assert!(matches!(endless(f64::INFINITY, 1.0), ArrayError::Endless { .. }));
    assert!(matches!(endless(1.0, f64::NAN), ArrayError::Endless { .. }));
    assert!(matches!(endless(1.0, f64::INFINITY), ArrayError::Endless { .. }));
    assert!(matches!(endless(1e300, 1.0), ArrayError::TooManyChunks { .. }));
}

#[test]
fn chunks_are_counted_before_they_are_made() {
    let many = Array::<u8>::full(&[1 << 17, 1 << 17], 0, &[1, 1]).unwrap_err();
    assert_eq!(many, ArrayError::TooManyChunks { grid: vec![1 << 17, 1 << 17] });
    let exact = Chunks::new(&ChunkSpec::Exact(vec![vec![usize::MAX, 2]]), &[1], 8).unwrap_err();
    assert!(matches!(exact, ArrayError::ChunksDoNotFit { axis: 0, length: 1, .. }));
}

#[test]
fn the_number_of_chunks_must_be_that_of_the_grid() {
    let chunks = Chunks::new(&2.into(), &[4], 8).unwrap();
    for found in [0, 1, 3] {
        let error = Array::from_chunks(vec![ArrayD::<f64>::zeros(IxDyn(&[2])); found], chunks.clone()).unwrap_err();
        assert_eq!(error, ArrayError::WrongCount { found, grid: vec![2] });
    }
    assert_eq!(everywhere(&Array::from_chunks(vec![ArrayD::<f64>::ones(IxDyn(&[2])); 2], chunks).unwrap()).sum(), 4.0);
}

#[test]
fn zeros_keep_the_signs_of_numpy() {
    let x = Array::from_ndarray(&arr1(&[0.0f64, -0.0]), 1).unwrap();
    let negative = |array: &Array<f64>| everywhere(array).iter().map(|x| x.is_sign_negative()).collect::<Vec<_>>();
    assert_eq!(negative(&-&x), [true, false]);
    assert_eq!(negative(&x.abs()), [false, false]);
}

#[test]
fn sums_and_products_of_nothing_are_their_units() {
    let nothing = Array::<i64>::arange(0, 0, 1, 4).unwrap();
    assert_eq!(everywhere(&nothing.sum(None, false).unwrap()).into_scalar().unwrap(), 0);
    assert_eq!(everywhere(&nothing.prod(None, false).unwrap()).into_scalar().unwrap(), 1);
    assert!(matches!(nothing.max(None, false), Err(ArrayError::Empty { operation: "max", axis: 0 })));
    let flat = Array::<f64>::full(&[3, 0], 1.0, ChunkSpec::Whole).unwrap();
    assert_eq!(everywhere(&flat.sum(Some(&[1]), false).unwrap()).as_slice().unwrap(), [0.0; 3]);
}

#[test]
fn many_small_floats_do_not_get_lost() {
    // One by one, a sum of 32-bit ones stops at 2^24.
    let n = (1 << 24) + 1000;
    let sum = Array::<f32>::full(&[n], 1.0, n).unwrap().sum(None, false).unwrap();
    assert_eq!(dask_core::Collection::compute(&sum).unwrap().into_scalar().unwrap(), n as f32);
}

#[test]
fn steps_as_large_as_can_be_take_one_element() {
    let x = Array::<i64>::arange(0, 9, 1, 4).unwrap();
    let by = |step| everywhere(&x.slice(&[Index::Slice { start: None, end: None, step }]).unwrap());
    assert_eq!(by(isize::MIN).as_slice().unwrap(), [8]);
    assert_eq!(by(isize::MAX).as_slice().unwrap(), [0]);
}

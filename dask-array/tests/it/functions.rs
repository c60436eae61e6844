//! Functions of each element, and reductions and orders of axes that the laws in `behaviour.rs` do not meet. Where numbers
//! are written out they are NumPy's.

use dask_array::ndarray::{ArrayD, Axis, IxDyn, arr1};
use dask_array::{Array, ArrayError, Binary, Compare, Computed, Unary};
use proptest::prelude::*;

use super::{close, everywhere};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn array(elements: &[f64]) -> Array<f64> {
    Array::from_ndarray(&arr1(elements), 2).unwrap()
}

/// Equal up to the last digits; what is not a number is equal to itself.
fn check(found: &Array<f64>, expected: &[f64]) {
    let found = everywhere(found);
    let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-15 * b.abs();
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(same), "{found}, expected {expected:?}");
}

#[test]
fn functions_are_those_of_numpy() {
    check(&array(&[4.0, -1.0, 0.0, 2.0]).sqrt(), &[2.0, NAN, 0.0, std::f64::consts::SQRT_2]);
    check(&array(&[0.0, 1.0, -1.0, 1000.0]).exp(), &[1.0, std::f64::consts::E, 0.367_879_441_171_442_33, INF]);
    check(&array(&[1.0, 0.0, -1.0, std::f64::consts::E]).ln(), &[0.0, -INF, NAN, 1.0]);
    let x = array(&[2.0, -2.0, 4.0, 0.0]);
    check(&x.powf(2.0), &[4.0, 4.0, 16.0, 0.0]);
    check(&x.powf(3.0), &[8.0, -8.0, 64.0, 0.0]);
    check(&x.powf(0.5), &[std::f64::consts::SQRT_2, NAN, 2.0, 0.0]);
    check(&x.powf(-1.0), &[0.5, -0.5, 0.25, INF]);
    let halves = array(&[0.5, 1.5, 2.5, -0.5, -1.5]);
    check(&halves.unary(Unary::Round), &[0.0, 2.0, 2.0, 0.0, -2.0]);
    check(&halves.unary(Unary::Floor), &[0.0, 1.0, 2.0, -1.0, -2.0]);
    check(&halves.unary(Unary::Ceil), &[1.0, 2.0, 3.0, 0.0, -1.0]);
    let angles = array(&[0.0, 0.5, -2.0]);
    check(&angles.unary(Unary::Sin), &[0.0, 0.479_425_538_604_203, -0.909_297_426_825_681_7]);
    check(&angles.unary(Unary::Cos), &[1.0, 0.877_582_561_890_372_8, -0.416_146_836_547_142_4]);
    check(&angles.unary(Unary::Tan), &[0.0, 0.546_302_489_843_790_5, 2.185_039_863_261_519]);
}

#[test]
fn smaller_larger_and_clipped_pass_on_what_is_not_a_number() {
    let (a, b) = (array(&[1.0, NAN, -3.0, 0.0, INF]), array(&[2.0, 1.0, NAN, -0.0, -INF]));
    check(&a.binary(Binary::Minimum, &b).unwrap(), &[1.0, NAN, NAN, 0.0, -INF]);
    check(&a.binary(Binary::Maximum, &b).unwrap(), &[2.0, NAN, NAN, 0.0, INF]);
    check(&a.clip(-1.0, 2.0), &[1.0, NAN, -1.0, 0.0, 2.0]);
    check(&b.clip(-1.0, 2.0), &[2.0, 1.0, NAN, 0.0, -1.0]);
    let whole = Array::<i32>::arange(0, 6, 1, 4).unwrap();
    assert_eq!(everywhere(&whole.clip(2, 4)).as_slice().unwrap(), [2, 2, 2, 3, 4, 4]);
    // A low that is above the high: the high, as in NumPy.
    assert_eq!(everywhere(&whole.clip(4, 2)).as_slice().unwrap(), [2; 6]);
}

#[test]
fn comparisons_are_all_there() {
    let (a, b) = (Array::<i32>::arange(0, 3, 1, 2).unwrap(), Array::full(&[3], 1, 3).unwrap());
    let check = |op: Compare, expected: [bool; 3]| {
        assert_eq!(everywhere(&a.compare(op, &b).unwrap()).as_slice().unwrap(), expected, "{op:?}");
        assert_eq!(everywhere(&a.compare_scalar(op, 1)).as_slice().unwrap(), expected, "{op:?}");
    };
    check(Compare::Equal, [false, true, false]);
    check(Compare::NotEqual, [true, false, true]);
    check(Compare::Less, [true, false, false]);
    check(Compare::LessEqual, [true, true, false]);
    check(Compare::Greater, [false, false, true]);
    check(Compare::GreaterEqual, [false, true, true]);
}

#[test]
fn signs_of_whole_numbers_wrap() {
    let x = Array::from_ndarray(&arr1(&[-3i32, 2, i32::MIN]), 2).unwrap();
    assert_eq!(everywhere(&x.abs()).as_slice().unwrap(), [3, 2, i32::MIN]);
    let x = Array::from_ndarray(&arr1(&[3u8, 0]), 2).unwrap();
    assert_eq!(everywhere(&-&x).as_slice().unwrap(), [253, 0]);
}

#[test]
fn variances_are_those_of_numpy() {
    let x = array(&[1.0, 2.0, 4.0]);
    let var = |ddof| everywhere(&x.var(None, ddof, false).unwrap()).into_scalar().unwrap();
    assert!((var(0.0) - 1.555_555_555_555_555_6).abs() < 1e-15);
    assert!((var(1.0) - 2.333_333_333_333_333_5).abs() < 1e-15);
    let whole = Array::<i64>::arange(0, 24, 1, 7).unwrap();
    let var = everywhere(&whole.var(None, 0.0, false).unwrap()).into_scalar().unwrap();
    assert!((var - 47.916_666_666_666_664).abs() < 1e-13);
}

#[test]
fn axes_that_are_not_each_there_once_are_refused() {
    let x = Array::<f64>::full(&[2, 3, 4], 0.0, 2).unwrap();
    assert!(matches!(x.permute_axes(&[0, 1]), Err(ArrayError::WrongRank { what: "permute_axes", .. })));
    assert!(matches!(x.permute_axes(&[0, 1, 1]), Err(ArrayError::WrongRank { .. })));
    assert!(matches!(x.permute_axes(&[0, 1, 3]), Err(ArrayError::NoSuchAxis { axis: 3, .. })));
}

/// A cube of whole numbers, and its chunks.
fn cube() -> impl Strategy<Value = (ArrayD<f64>, [usize; 3])> {
    ([1usize..5, 1usize..5, 1usize..5], [1usize..4, 1usize..4, 1usize..4]).prop_flat_map(|(shape, chunks)| {
        proptest::collection::vec(-9i32..10, shape.iter().product::<usize>()).prop_map(move |elements| {
            let elements = elements.into_iter().map(f64::from).collect();
            (ArrayD::from_shape_vec(IxDyn(&shape), elements).unwrap(), chunks)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn functions_do_not_depend_on_chunks((whole, chunks) in cube(), order in Just([0usize, 1, 2]).prop_shuffle(), other in 1usize..4) {
        let x = Array::from_ndarray(&whole, &chunks).unwrap();
        prop_assert_eq!(everywhere(&x.unary(Unary::Absolute).sqrt()), whole.mapv(|x| x.abs().sqrt()));
        prop_assert_eq!(everywhere(&(&x / 10.0).exp()), whole.mapv(|x| (x / 10.0).exp()));
        prop_assert_eq!(everywhere(&(&x + 10.0).ln()), whole.mapv(|x| (x + 10.0).ln()));
        prop_assert_eq!(everywhere(&x.powf(3.0)), whole.mapv(|x| x.powf(3.0)));
        prop_assert_eq!(everywhere(&x.clip(-2.0, 5.0)), whole.mapv(|x| x.clamp(-2.0, 5.0)));

        // A row that broadcasts over the other axes.
        let row = whole.index_axis(Axis(0), 0).index_axis(Axis(0), 0).to_owned();
        let y = Array::from_ndarray(&row, other).unwrap();
        let spread = row.broadcast(whole.raw_dim()).unwrap();
        let pairs = |f: fn(f64, f64) -> f64| {
            let mut out = whole.clone();
            out.zip_mut_with(&spread, |a, &b| *a = f(*a, b));
            out
        };
        prop_assert_eq!(everywhere(&x.binary(Binary::Minimum, &y).unwrap()), pairs(f64::min));
        prop_assert_eq!(everywhere(&y.binary(Binary::Maximum, &x).unwrap()), pairs(f64::max));

        let axes = order.map(|axis| axis as isize);
        prop_assert_eq!(everywhere(&x.permute_axes(&axes).unwrap()), whole.clone().permuted_axes(&order[..]));
        let backwards = axes.map(|axis| axis - 3);
        prop_assert_eq!(x.permute_axes(&backwards).unwrap().chunks().clone(), x.permute_axes(&axes).unwrap().chunks().clone());

        for axis in 0..3 {
            let along = Some(&[axis as isize][..]);
            let lanes = |f: &dyn Fn(Vec<f64>) -> f64| whole.map_axis(Axis(axis), |lane| f(lane.to_vec()));
            let least = lanes(&|lane| lane.into_iter().fold(INF, f64::min));
            prop_assert_eq!(everywhere(&x.min(along, false).unwrap()), least.clone());
            prop_assert_eq!(everywhere(&x.min(along, true).unwrap()), least.insert_axis(Axis(axis)));
            prop_assert_eq!(everywhere(&x.prod(along, false).unwrap()), lanes(&|lane| lane.into_iter().product()));
            prop_assert!(close(&everywhere(&x.var(along, 0.0, false).unwrap()), &whole.var_axis(Axis(axis), 0.0)));
            if whole.len_of(Axis(axis)) > 1 {
                prop_assert!(close(&everywhere(&x.var(along, 1.0, false).unwrap()), &whole.var_axis(Axis(axis), 1.0)));
            }
            // Two axes at once: all but this one.
            let others: Vec<isize> = (0..3).filter(|&other| other != axis).map(|other| other as isize).collect();
            let mut rest: Vec<f64> = Vec::new();
            for lane in whole.axis_iter(Axis(axis)) {
                rest.push(lane.iter().copied().fold(INF, f64::min));
            }
            prop_assert_eq!(everywhere(&x.min(Some(&others), false).unwrap()).into_raw_vec_and_offset().0, rest);
        }
    }
}

//! Numbers that do not fit 64-bit integers with a sign or floats: sums, comparisons, arithmetic. The expected values are
//! those of pandas 3.0 (`groupby("k").x.sum()`, `Series.sum`, `Series > …`), decimals as `pyarrow.decimal128` there.

use std::sync::Arc;

use dask_core::{Collection, RunContext};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use dask_frame::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float32Array, Int8Array, Int64Array, RecordBatch, StringArray,
    UInt8Array, UInt64Array,
};
use dask_frame::schema::DataType;
use dask_frame::{DataFrame, Expr, FrameError, col, lit};
use dask_sched::SyncScheduler;

use super::everywhere;

/// Keys a, a, b and the column `x`, a partition a row.
fn frame(x: ArrayRef) -> DataFrame {
    let k: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "b"]));
    let batch = RecordBatch::try_from_iter_with_nullable([("k", k, true), ("x", x, true)]).unwrap();
    DataFrame::from_batches((0..3).map(|row| batch.slice(row, 1)).collect()).unwrap()
}

/// The sums of a, b and all rows.
fn sums(x: ArrayRef) -> (ArrayRef, ArrayRef) {
    let frame = frame(x);
    let of_groups = everywhere(&frame.group_by(&["k"]).agg(&[col("x").sum()]).unwrap());
    let of_all = everywhere(&frame.agg(&[col("x").sum()]).unwrap());
    assert_eq!(of_groups.num_rows(), 2);
    (of_groups.column(1).clone(), of_all.column(0).clone())
}

fn decimals(unscaled: Vec<Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(unscaled).with_precision_and_scale(precision, scale).unwrap())
}

#[test]
fn sums_of_unsigned_numbers_stay_unsigned() {
    let check = |x: ArrayRef, of_groups: [u64; 2], of_all: u64| {
        let (groups, all) = sums(x);
        assert_eq!(groups.as_primitive::<UInt64Type>().values(), &of_groups);
        assert_eq!(all.as_primitive::<UInt64Type>().values(), &[of_all]);
    };
    check(Arc::new(UInt64Array::from(vec![1 << 63, 5, 7])), [9_223_372_036_854_775_813, 7], 9_223_372_036_854_775_820);
    // What is too large wraps.
    check(Arc::new(UInt64Array::from(vec![u64::MAX, 2, 7])), [1, 7], 8);
    check(Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, None])), [u64::MAX, 0], u64::MAX);
    check(Arc::new(UInt8Array::from(vec![200, 100, 7])), [300, 7], 307);
}

#[test]
fn sums_of_signed_numbers_and_truth_values_are_signed() {
    let check = |x: ArrayRef, of_groups: [i64; 2], of_all: i64| {
        let (groups, all) = sums(x);
        assert_eq!(groups.as_primitive::<Int64Type>().values(), &of_groups);
        assert_eq!(all.as_primitive::<Int64Type>().values(), &[of_all]);
    };
    check(Arc::new(Int64Array::from(vec![i64::MAX, 1, 7])), [i64::MIN, 7], -9_223_372_036_854_775_801);
    check(Arc::new(Int8Array::from(vec![100, 100, 7])), [200, 7], 207);
    check(Arc::new(BooleanArray::from(vec![true, true, false])), [2, 0], 2);
}

#[test]
fn sums_of_floats_have_64_bits() {
    // pandas keeps 32 bits and says 16777216.0 of the last: the sum is exact here.
    let (groups, all) = sums(Arc::new(Float32Array::from(vec![1.0, 16_777_216.0, 0.5])));
    assert_eq!(groups.as_primitive::<Float64Type>().values(), &[16_777_217.0, 0.5]);
    assert_eq!(all.as_primitive::<Float64Type>().values(), &[16_777_217.5]);
}

#[test]
fn sums_of_decimals_are_decimals() {
    let (groups, all) = sums(decimals(vec![Some(125), Some(250), Some(-5)], 5, 2));
    assert_eq!(groups.data_type(), &DataType::Decimal128(38, 2));
    assert_eq!(groups.as_primitive::<Decimal128Type>().values(), &[375, -5]);
    assert_eq!(all.as_primitive::<Decimal128Type>().values(), &[370]);
    let (groups, _) = sums(decimals(vec![Some(125), None, None], 5, 2));
    assert_eq!(groups.as_primitive::<Decimal128Type>().values(), &[125, 0]);
    let mean = everywhere(&frame(decimals(vec![Some(125), Some(250), None], 5, 2)).agg(&[col("x").mean()]).unwrap());
    assert_eq!(mean.column(0).as_primitive::<Float64Type>().values(), &[1.875]);
}

#[test]
fn a_sum_of_decimals_that_does_not_fit_is_an_error() {
    let nines = 10i128.pow(38) - 1;
    for other in [nines, 1] {
        let sum = frame(decimals(vec![Some(nines), Some(other), Some(0)], 38, 2)).agg(&[col("x").sum()]).unwrap();
        let error = sum.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
        assert!(error.contains("sum of \"x\": ") && error.contains("`(col(..) * lit(1.0)).sum()`"), "{error}");
    }
    let floats = frame(decimals(vec![Some(nines), Some(nines), Some(0)], 38, 2));
    let sum = everywhere(&floats.agg(&[(col("x") * lit(1.0)).sum()]).unwrap());
    assert_eq!(sum.column(0).as_primitive::<Float64Type>().values(), &[2e36]);
}

#[test]
fn columns_of_one_name_are_refused() {
    let frame = frame(Arc::new(Int64Array::from(vec![1, 2, 3])));
    let is_duplicate = |found: Result<DataFrame, FrameError>, name: &str| matches!(found, Err(FrameError::DuplicateColumn { column }) if column == name);
    let both = frame.agg(&[col("x").min(), col("x").max()]);
    assert_eq!(
        both.as_ref().unwrap_err().to_string(),
        "two columns would be called \"x\"; give one of them another name, as in `col(\"x\").max().alias(\"most\")`"
    );
    assert!(is_duplicate(both, "x"));
    assert!(is_duplicate(frame.group_by(&["k"]).agg(&[col("k").count()]), "k"));
    assert!(is_duplicate(frame.group_by(&["k", "k"]).agg(&[]), "k"));
    assert!(is_duplicate(frame.select(&["x", "k", "x"]), "x"));
    assert!(is_duplicate(frame.select_exprs(&[col("x"), col("k").alias("x")]), "x"));
    let x: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let twice = RecordBatch::try_from_iter([("x", x.clone()), ("x", x)]).unwrap();
    assert!(is_duplicate(DataFrame::from_batches(vec![twice]), "x"));
    let least_and_most = everywhere(&frame.agg(&[col("x").min(), col("x").max().alias("most")]).unwrap());
    assert_eq!(least_and_most.schema().field(1).name(), "most");
    assert_eq!(least_and_most.column(1).as_primitive::<Int64Type>().values(), &[3]);
}

/// What an expression on `x` (and `y`) gives.
fn eval(columns: &[(&str, ArrayRef)], expr: Expr) -> ArrayRef {
    let batch = RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, array.clone()))).unwrap();
    let frame = DataFrame::from_batches(vec![batch]).unwrap();
    everywhere(&frame.select_exprs(&[expr.alias("z")]).unwrap()).column(0).clone()
}

#[test]
fn large_unsigned_numbers_compare_exactly() {
    let columns: [(&str, ArrayRef); 2] =
        [("x", Arc::new(UInt64Array::from(vec![u64::MAX, 3]))), ("y", Arc::new(Int64Array::from(vec![-1, 3])))];
    let check = |expr: Expr, expected: [bool; 2]| {
        assert_eq!(eval(&columns, expr).as_boolean(), &BooleanArray::from(expected.to_vec()));
    };
    check(col("x").gt(col("y")), [true, false]);
    check(col("x").eq(col("y")), [false, true]);
    check(col("x").gt(lit(5)), [true, false]);
    check(lit(5).gt(col("x")), [false, true]);
    check(col("x").gt(lit(-1)), [true, true]);
}

#[test]
fn arithmetic_with_unsigned_numbers_is_that_of_pandas() {
    let columns: [(&str, ArrayRef); 2] =
        [("x", Arc::new(UInt64Array::from(vec![u64::MAX - 5, 3]))), ("y", Arc::new(Int64Array::from(vec![-1, 3])))];
    let with_literal = eval(&columns, col("x") + lit(5));
    assert_eq!(with_literal.as_primitive::<UInt64Type>().values(), &[u64::MAX, 8]);
    let with_signed = eval(&columns, col("x") + col("y"));
    assert_eq!(with_signed.as_primitive::<Float64Type>().values(), &[18_446_744_073_709_551_609.0, 6.0]);
}

#[test]
fn decimals_keep_their_fractions() {
    let columns: [(&str, ArrayRef); 2] = [
        ("x", decimals(vec![Some(550), Some(500)], 5, 2)),
        ("y", decimals(vec![Some(5_500_001), Some(4_999_999)], 9, 6)),
    ];
    let check = |expr: Expr, expected: [bool; 2]| {
        assert_eq!(eval(&columns, expr).as_boolean(), &BooleanArray::from(expected.to_vec()));
    };
    check(col("x").gt(lit(5)), [true, false]);
    check(col("x").gt(lit(5.25)), [true, false]);
    check(col("x").lt(col("y")), [true, false]);
    let more = eval(&columns, col("x") + lit(1));
    assert!(matches!(more.data_type(), DataType::Decimal128(_, 2)), "{}", more.data_type());
    assert_eq!(more.as_primitive::<Decimal128Type>().values(), &[650, 600]);
    let twice = eval(&columns, col("x") * lit(2));
    assert_eq!(twice.as_primitive::<Decimal128Type>().values(), &[1100, 1000]);
}

#[test]
fn a_text_that_is_no_date_is_refused() {
    let x: ArrayRef = Arc::new(dask_frame::array::Date32Array::from(vec![10_957]));
    let frame = DataFrame::from_batches(vec![RecordBatch::try_from_iter([("x", x)]).unwrap()]).unwrap();
    assert_eq!(everywhere(&frame.filter(col("x").eq(lit("2000-01-01"))).unwrap()).num_rows(), 1);
    let error = frame.filter(col("x").gt(lit("soon"))).unwrap_err().to_string();
    assert!(error.contains("(x > \"soon\")") && error.contains("Date32"), "{error}");
}

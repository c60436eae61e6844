//! Behaviour of frames: any partitioning = one partition, any scheduler = sync.

#[path = "numbers.rs"]
mod numbers;

use std::collections::BTreeMap;
use std::sync::Arc;

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Collection, Items, PartitionSource, RunContext, TaskError, Want};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use dask_frame::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array,
    UInt64Array,
};
use dask_frame::schema::SchemaRef;
use dask_frame::{DataFrame, col, lit};
use dask_sched::SyncScheduler;
use proptest::prelude::*;

use crate::schedulers::others;

fn everywhere(frame: &DataFrame) -> RecordBatch {
    let expected = frame.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    for scheduler in others() {
        assert_eq!(frame.compute_with(&*scheduler, &RunContext::default()).unwrap(), expected, "{}", scheduler.name());
    }
    assert_eq!(expected.schema().fields(), frame.schema().fields());
    expected
}

type Row = (Option<String>, Option<i64>, Option<f64>);

fn batch(rows: &[Row]) -> RecordBatch {
    let names: StringArray = rows.iter().map(|row| row.0.clone()).collect();
    let numbers: Int64Array = rows.iter().map(|row| row.1).collect();
    let floats: Float64Array = rows.iter().map(|row| row.2).collect();
    let columns: [(&str, ArrayRef, bool); 3] =
        [("name", Arc::new(names), true), ("n", Arc::new(numbers), true), ("x", Arc::new(floats), true)];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn frame(rows: &[Row], size: usize) -> DataFrame {
    let mut batches: Vec<RecordBatch> = rows.chunks(size).map(batch).collect();
    if batches.is_empty() {
        batches.push(batch(&[]));
    }
    DataFrame::from_batches(batches).unwrap()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        proptest::option::weighted(0.9, "[a-c]{1,2}"),
        proptest::option::weighted(0.9, -5i64..6),
        proptest::option::weighted(0.9, (-100i32..100).prop_map(f64::from)),
    );
    proptest::collection::vec(row, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn results_do_not_depend_on_partitions(rows in rows(), size in 1usize..20) {
        let frame = frame(&rows, size);
        prop_assert_eq!(everywhere(&frame), batch(&rows));
        let kept: Vec<Row> = rows.iter().filter(|row| row.1.is_some_and(|n| n > 0)).cloned().collect();
        let filtered = frame.filter(col("n").gt(lit(0))).unwrap();
        prop_assert_eq!(everywhere(&filtered), batch(&kept));

        let mut expected: BTreeMap<String, (i64, i64, Option<f64>, f64, i64)> = BTreeMap::new();
        for (name, n, x) in &kept {
            let Some(name) = name else { continue };
            let group = expected.entry(name.clone()).or_insert((0, 0, None, 0.0, 0));
            group.0 += n.unwrap_or(0);
            group.1 += 1;
            if let Some(x) = x {
                group.2 = Some(group.2.map_or(*x, |most: f64| most.max(*x)));
                group.3 += x;
                group.4 += 1;
            }
        }
        let aggregates = [col("n").sum(), col("n").count().alias("count"), col("x").max().alias("most"), col("x").mean().alias("mean")];
        let grouped = everywhere(&filtered.group_by(&["name"]).agg(&aggregates).unwrap());
        let names: Vec<&str> = grouped.column(0).as_string::<i32>().iter().flatten().collect();
        prop_assert_eq!(names, expected.keys().map(String::as_str).collect::<Vec<_>>());
        for (row, group) in expected.values().enumerate() {
            prop_assert_eq!(grouped.column(1).as_primitive::<Int64Type>().value(row), group.0);
            prop_assert_eq!(grouped.column(2).as_primitive::<Int64Type>().value(row), group.1);
            let (most, mean) = (grouped.column(3).as_primitive::<Float64Type>(), grouped.column(4).as_primitive::<Float64Type>());
            prop_assert_eq!(most.is_valid(row).then(|| most.value(row)), group.2);
            prop_assert_eq!(mean.is_valid(row).then(|| mean.value(row)), (group.4 > 0).then(|| group.3 / group.4 as f64));
        }
        let two = everywhere(&frame.group_by(&["n", "name"]).agg(&[col("x").min()]).unwrap());
        let one = everywhere(&DataFrame::from_batches(vec![batch(&rows)]).unwrap().group_by(&["n", "name"]).agg(&[col("x").min()]).unwrap());
        prop_assert_eq!(two, one);
    }
}

#[test]
fn expressions_and_nulls_behave_as_in_arrow() {
    let rows = vec![
        (Some("a".to_owned()), Some(7), Some(0.5)),
        (None, None, Some(2.0)),
        (Some("b".to_owned()), Some(-7), None),
    ];
    let frame = frame(&rows, 2);
    let made = frame.with_column("y", col("n") * lit(2) + col("x")).unwrap().select(&["y"]).unwrap();
    let y: Vec<Option<f64>> = everywhere(&made).column(0).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(y, [Some(14.5), None, None]);
    let whole =
        frame.agg(&[col("x").sum(), col("n").min().alias("least"), col("name").count().alias("names")]).unwrap();
    let whole = everywhere(&whole);
    assert_eq!(whole.num_rows(), 1);
    assert_eq!(whole.column(0).as_primitive::<Float64Type>().value(0), 2.5);
    assert_eq!(whole.column(1).as_primitive::<Int64Type>().value(0), -7);
    assert_eq!(whole.column(2).as_primitive::<Int64Type>().value(0), 2);
    let either = frame.filter(col("n").is_null().or(col("name").eq(lit("b")))).unwrap();
    assert_eq!(everywhere(&either).num_rows(), 2);
    assert_eq!(everywhere(&frame.filter(!col("n").is_null()).unwrap().head(5)).num_rows(), 1);
    assert_eq!(everywhere(&frame.head(1)), batch(&rows[..1]));
}

/// pandas: `Series([2**63, 5], dtype="uint64").sum()` is 9223372036854775813 (uint64); sums of bool are int64; a frame of
/// `decimal.Decimal` keeps its digits.
#[test]
fn sums_keep_the_kind_of_their_column() {
    let columns: [(&str, ArrayRef); 4] = [
        ("unsigned", Arc::new(UInt64Array::from(vec![1 << 63, 5]))),
        ("small", Arc::new(UInt8Array::from(vec![200, 100]))),
        ("flag", Arc::new(BooleanArray::from(vec![true, true]))),
        ("price", Arc::new(Decimal128Array::from(vec![1050, 225]).with_precision_and_scale(6, 2).unwrap())),
    ];
    let both = RecordBatch::try_from_iter(columns).unwrap();
    let frame = DataFrame::from_batches(vec![both.slice(0, 1), both.slice(1, 1)]).unwrap();
    let sums = frame.agg(&["unsigned", "small", "flag", "price"].map(|name| col(name).sum())).unwrap();
    let sums = everywhere(&sums);
    assert_eq!(sums.column(0).as_primitive::<UInt64Type>().value(0), 9_223_372_036_854_775_813);
    assert_eq!(sums.column(1).as_primitive::<UInt64Type>().value(0), 300);
    assert_eq!(sums.column(2).as_primitive::<Int64Type>().value(0), 2);
    assert_eq!(sums.column(3).as_primitive::<Decimal128Type>().value_as_string(0), "12.75");
}

#[test]
fn a_decimal_sum_of_too_many_digits_is_an_error() {
    let most = 10i128.pow(38) - 1;
    let prices = Decimal128Array::from(vec![most, most]).with_precision_and_scale(38, 0).unwrap();
    let batch = RecordBatch::try_from_iter([("price", Arc::new(prices) as ArrayRef)]).unwrap();
    let sum = DataFrame::from_batches(vec![batch]).unwrap().agg(&[col("price").sum()]).unwrap();
    let error = sum.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("sum of \"price\": Arithmetic overflow"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let frame = frame(&[(Some("a".to_owned()), Some(1), Some(1.0))], 1);
    let error = frame.filter(col("nmae").eq(lit("a"))).unwrap_err().to_string();
    assert_eq!(error, "no column is called \"nmae\" (did you mean \"name\"?); there are: name, n, x");
    let error = frame.filter(col("n") + lit(1)).unwrap_err().to_string();
    assert_eq!(error, "a filter needs a condition, and (n + 1) is Int64");
    let error = frame.group_by(&["n"]).agg(&[col("name").mean()]).err().unwrap().to_string();
    assert_eq!(error, "mean of column \"name\", which is Utf8");
    assert!(frame.group_by(&["m"]).agg(&[]).is_err());
    let twice = "two columns would be called \"x\"; give one of them another name";
    for refused in [
        frame.agg(&[col("x").min(), col("x").max()]),
        frame.group_by(&["x"]).agg(&[col("x").max()]),
        frame.select(&["x", "n", "x"]),
    ] {
        assert!(refused.err().unwrap().to_string().starts_with(twice));
    }
    assert!(frame.with_column("z", col("name") + col("x")).is_err());
    assert!(DataFrame::from_batches(vec![]).is_err());
    let divided = frame.with_column("z", col("n") / lit(0)).unwrap();
    let error = divided.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("(n / 0): Divide by zero error"), "{error}");
}

/// A source that says which columns it was asked for, by handing out nothing else.
#[derive(serde::Serialize, serde::Deserialize)]
struct Asked {
    lies: bool,
    #[serde(skip)]
    schema: std::sync::OnceLock<SchemaRef>,
}

impl Portable for Asked {
    fn wire_name(&self) -> &'static str {
        "test.asked"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}
dask_core::register!("test.asked", |input| {
    let source: Asked = input.serde()?;
    let source: dask_frame::Source = Arc::new(source);
    Ok(Box::new(source))
});

impl PartitionSource for Asked {
    type Item = RecordBatch;
    type Meta = SchemaRef;
    fn n_partitions(&self) -> usize {
        2
    }
    fn meta(&self) -> &SchemaRef {
        self.schema.get_or_init(|| batch(&[]).schema())
    }
    fn read(&self, partition: usize, want: &Want) -> Result<Items<RecordBatch>, TaskError> {
        if self.lies {
            return Ok(Box::new(std::iter::once(Ok(batch(&[])))));
        }
        // In the order in which the source is asked: by the last step first.
        assert_eq!(want.columns.as_deref(), Some(&["n".to_owned(), "x".to_owned()][..]));
        let whole = batch(&[(None, Some(partition as i64), Some(1.5))]);
        Ok(Box::new(std::iter::once(Ok(whole.project(&[1, 2])?))))
    }
    fn identity(&self) -> String {
        "asked".into()
    }
}

#[test]
fn a_source_is_asked_for_the_columns_that_are_used() {
    let frame = DataFrame::from_source(Arc::new(Asked { lies: false, schema: std::sync::OnceLock::new() }));
    let found = frame.filter(col("x").gt(lit(1.0))).unwrap().with_column("twice", col("n") * lit(2)).unwrap();
    let found = everywhere(&found.agg(&[col("twice").sum()]).unwrap());
    assert_eq!(found.column(0).as_primitive::<Int64Type>().value(0), 2);
    let lying = DataFrame::from_source(Arc::new(Asked { lies: true, schema: std::sync::OnceLock::new() }));
    let error =
        lying.select(&["x"]).unwrap().compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("partition 0: name: Utf8, n: Int64, x: Float64, expected x: Float64"), "{error}");
}

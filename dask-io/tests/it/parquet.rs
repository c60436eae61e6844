//! Parquet files.

use std::sync::Arc;

use dask_core::{
    Clause, Collection, Honours, Literal, Operator, PartitionSink, PartitionSource, RunContext, Scheduler, Want,
};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType,
    UInt8Type,
};
use dask_frame::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray, RecordBatch, StringArray,
};
use dask_frame::{DataFrame, col, lit};
use dask_io::frame::{read_parquet, to_parquet};
use dask_io::parquet::{Compression, ParquetSink, ParquetSource};
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

type Row = (Option<i64>, Option<String>, Option<f64>);

fn batch(rows: &[Row]) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let names: ArrayRef = Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>());
    let floats: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>());
    RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("name", names, true), ("x", floats, true)])
        .unwrap()
}

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn clause(column: &str, operator: Operator, literal: Literal) -> Clause {
    Clause { column: column.into(), operator, literal }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_is_written_is_read_on_every_scheduler(
        partitions in proptest::collection::vec(
            proptest::collection::vec((any::<Option<i64>>(), any::<Option<String>>(), proptest::option::of(-1e300f64..1e300)), 0..20),
            1..13,
        ),
        compression in prop_oneof![Just(Compression::None), Just(Compression::Snappy), Just(Compression::Gzip)],
    ) {
        let frame = DataFrame::from_batches(partitions.iter().map(|rows| batch(rows)).collect()).unwrap();
        let expected = batch(&partitions.concat());
        let folder = tempfile::tempdir().unwrap();
        let schedulers: [&dyn Scheduler; 3] = [&SyncScheduler, &ThreadedScheduler::new(3), &RoundTripScheduler];
        for (i, scheduler) in schedulers.into_iter().enumerate() {
            let path = folder.path().join(i.to_string());
            let path = path.to_str().unwrap();
            let context = RunContext::default();
            let n = to_parquet(&frame, path, compression).compute_with(scheduler, &context).unwrap();
            prop_assert_eq!(n as usize, expected.num_rows());
            prop_assert_eq!(std::fs::read_dir(path).unwrap().count(), partitions.len(), "temporary files are left");
            let back = read_parquet(path).unwrap();
            prop_assert_eq!(&back.compute_with(scheduler, &context).unwrap(), &expected);
            let x = back.select(&["x", "n"]).unwrap().compute_with(scheduler, &context).unwrap();
            prop_assert_eq!(x, expected.project(&[2, 0]).unwrap());
        }
    }

    #[test]
    fn every_type_is_read_as_written(rows in proptest::collection::vec(any::<Option<i64>>(), 0..20)) {
        let numbers = || rows.iter().copied();
        let columns: [(&str, ArrayRef); 7] = [
            ("flag", Arc::new(numbers().map(|n| n.map(|n| n > 0)).collect::<BooleanArray>())),
            ("day", Arc::new(numbers().map(|n| n.map(|n| n as i32)).collect::<PrimitiveArray<Date32Type>>())),
            ("at", Arc::new(numbers().collect::<PrimitiveArray<TimestampMicrosecondType>>())),
            ("utc", Arc::new(numbers().collect::<PrimitiveArray<TimestampNanosecondType>>().with_timezone("+00:00"))),
            ("byte", Arc::new(numbers().map(|n| n.map(|n| n as u8)).collect::<PrimitiveArray<UInt8Type>>())),
            ("float", Arc::new(numbers().map(|n| n.map(|n| n as f32)).collect::<PrimitiveArray<Float32Type>>())),
            ("bytes", Arc::new(numbers().map(|n| n.map(i64::to_le_bytes)).collect::<BinaryArray>())),
        ];
        let columns = columns.map(|(name, array)| (name, array, true));
        let expected = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let frame = DataFrame::from_batches(vec![expected.clone()]).unwrap();
        compute(&to_parquet(&frame, path, Compression::Snappy));
        prop_assert_eq!(compute(&read_parquet(path).unwrap()), expected);
    }

    /// Rows that are left out are only such as the condition leaves out.
    #[test]
    fn pruning_loses_no_row(
        groups in proptest::collection::vec(
            proptest::collection::vec((proptest::option::of(-4i64..4), proptest::option::of("[a-c]{0,2}"), proptest::option::of(prop_oneof![Just(f64::NAN), Just(-f64::NAN), Just(-0.0), -2.0f64..2.0])), 1..5),
            1..6,
        ),
        operator in prop_oneof![
            Just(Operator::Eq), Just(Operator::NotEq), Just(Operator::Lt), Just(Operator::LtEq), Just(Operator::Gt),
            Just(Operator::GtEq), Just(Operator::IsNull), Just(Operator::IsNotNull)
        ],
        number in -5i64..5,
        text in "[a-c]{0,2}",
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let frame = DataFrame::from_batches(groups.iter().map(|rows| batch(rows)).collect()).unwrap();
        compute(&to_parquet(&frame, path, Compression::None));
        let source = ParquetSource::open(path).unwrap();
        let order = |ordering: Option<std::cmp::Ordering>| ordering.is_some_and(|ordering| match operator {
            Operator::Eq => ordering.is_eq(),
            Operator::NotEq => ordering.is_ne(),
            Operator::Lt => ordering.is_lt(),
            Operator::LtEq => ordering.is_le(),
            Operator::Gt => ordering.is_gt(),
            Operator::GtEq => ordering.is_ge(),
            Operator::IsNull | Operator::IsNotNull => unreachable!("answered before"),
        });
        let holds = |is_null: bool, ordering: &dyn Fn() -> Option<std::cmp::Ordering>| match operator {
            Operator::IsNull => is_null,
            Operator::IsNotNull => !is_null,
            _ => order(ordering()),
        };
        let by_number = clause("n", operator, Literal::Int64(number));
        let by_text = clause("name", operator, Literal::Utf8(text.clone()));
        let by_float = clause("x", operator, Literal::Float64(number as f64));
        for (i, rows) in groups.iter().enumerate() {
            let kept = |clause: &Clause| {
                let want = Want { clauses: vec![clause.clone()], ..Want::default() };
                source.read(i, &want).unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>()
            };
            let any_number = rows.iter().any(|row| holds(row.0.is_none(), &|| row.0.map(|n| n.cmp(&number))));
            let any_text = rows.iter().any(|row| holds(row.1.is_none(), &|| row.1.as_deref().map(|name| name.cmp(&text))));
            // IEEE order, and the total order in which NaN is the first or the last.
            let any_float = rows.iter().any(|row| holds(row.2.is_none(), &|| row.2.and_then(|x| x.partial_cmp(&(number as f64))))
                || holds(row.2.is_none(), &|| row.2.map(|x| x.total_cmp(&(number as f64)))));
            for (clause, any) in [(&by_number, any_number), (&by_text, any_text), (&by_float, any_float)] {
                prop_assert!(!any || kept(clause) == rows.len(), "{clause:?} lost rows of {rows:?}");
                // Where a clause is honoured, numbers outside the range are left out.
                let (min, max) = (rows.iter().filter_map(|row| row.0).min(), rows.iter().filter_map(|row| row.0).max());
                if clause == &by_number && operator == Operator::Eq && (max < Some(number) || min > Some(number)) && max.is_some() {
                    prop_assert_eq!(kept(clause), 0);
                }
            }
        }
    }
}

#[test]
fn what_pandas_wrote_is_read() {
    let frame = read_parquet(&fixture("pandas.parquet")).unwrap();
    assert_eq!(frame.n_partitions(), 3);
    let types: Vec<String> = frame.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types[..3], ["Int64", "Utf8", "Float64"]);
    assert!(types[3].starts_with("Timestamp"), "{types:?}");
    assert_eq!(types[4], "Utf8");
    let all = compute(&frame);
    assert_eq!(all.column(0).as_primitive::<Int64Type>().values(), &[0, 1, 2, 3, 4, 5]);
    let names: Vec<Option<&str>> = all.column(1).as_string::<i32>().iter().collect();
    assert_eq!(names, [Some("Ada"), None, Some("Grace"), Some(""), Some("Čapek"), Some("Ada")]);
    let amounts: Vec<Option<f64>> = all.column(2).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(amounts, [Some(1.5), None, Some(-2.0), Some(0.0), Some(1e300), Some(3.25)]);
    assert_eq!(all.column(3).null_count(), 1);
    let kinds: Vec<Option<&str>> = all.column(4).as_string::<i32>().iter().collect();
    assert_eq!(kinds, [Some("a"), Some("b"), Some("a"), None, Some("b"), Some("a")]);
    let ada = frame.filter(col("name").eq(lit("Ada"))).unwrap().agg(&[col("amount").sum()]).unwrap();
    assert_eq!(compute(&ada).column(0).as_primitive::<Float64Type>().value(0), 4.75);

    let source = ParquetSource::open(&fixture("pandas.parquet")).unwrap();
    let rows = |clause: Clause| {
        let want = Want { clauses: vec![clause], ..Want::default() };
        (0..3)
            .map(|i| source.read(i, &want).unwrap().map(|batch| batch.unwrap().num_rows()).sum())
            .collect::<Vec<usize>>()
    };
    assert_eq!(rows(clause("id", Operator::GtEq, Literal::Int64(3))), [0, 2, 2]);
    assert_eq!(rows(clause("name", Operator::Gt, Literal::Utf8("H".into()))), [0, 0, 2]);
    assert_eq!(rows(clause("amount", Operator::IsNull, Literal::Null)), [2, 0, 0]);
    assert_eq!(source.honours(&clause("id", Operator::Lt, Literal::Int64(3))), Honours::Roughly);
    assert_eq!(source.honours(&clause("id", Operator::NotEq, Literal::Int64(3))), Honours::No);
}

#[test]
fn what_pyarrow_wrote_is_read() {
    let all = compute(&read_parquet(&fixture("pyarrow.parquet")).unwrap());
    let small: Vec<Option<i16>> = all.column(0).as_primitive::<Int16Type>().iter().collect();
    assert_eq!(small, [Some(1), None, Some(300)]);
    assert_eq!(all.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("x"), Some("y"), None]);
    assert_eq!(all.column(2).as_boolean().iter().collect::<Vec<_>>(), [Some(true), None, Some(false)]);
    let dates: Vec<Option<i32>> = all.column(3).as_primitive::<dask_frame::array::types::Date32Type>().iter().collect();
    assert_eq!(dates, [Some(0), Some(18262), None]);
}

#[test]
fn a_shorter_table_replaces_a_longer_one_and_a_failed_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let rows = |n: i64| batch(&[(Some(n), None, None)]);
    let write = |numbers: &[i64]| {
        let frame = DataFrame::from_batches(numbers.iter().map(|&n| rows(n)).collect()).unwrap();
        compute(&to_parquet(&frame, path, Compression::Snappy))
    };
    let numbers = || {
        let all = compute(&read_parquet(path).unwrap());
        all.column(0).as_primitive::<Int64Type>().values().to_vec()
    };
    write(&(0..12).collect::<Vec<_>>());
    assert_eq!(numbers(), (0..12).collect::<Vec<_>>(), "the order of partitions is lost");
    std::fs::write(folder.path().join("part.notes.txt"), "mine").unwrap();
    write(&[7, 8]);
    assert_eq!(numbers(), [7, 8]);
    assert!(folder.path().join("part.notes.txt").exists());

    let sink = ParquetSink::create(path, &rows(0).schema(), Compression::Snappy);
    let failing = [Ok(rows(1)), Err("the network is gone".into())];
    let error = sink.write(0, Box::new(failing.into_iter())).unwrap_err();
    assert_eq!(error.to_string(), "the network is gone");
    assert_eq!(numbers(), [7, 8]);
    drop(sink);
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 3, "a half file is left");
}

#[test]
fn what_is_damaged_or_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let message = |pattern: &str| ParquetSource::open(pattern).unwrap_err().to_string();
    assert!(message(&at("")).contains("no file matches"));
    std::fs::write(at("text.parquet"), "no table at all").unwrap();
    assert!(message(&at("text.parquet")).contains("text.parquet: "));
    let whole = std::fs::read(fixture("pandas.parquet")).unwrap();
    std::fs::write(at("half.parquet"), &whole[..whole.len() / 2]).unwrap();
    assert!(message(&at("half.parquet")).contains("half.parquet: "));

    let found = message(&fixture("zstd.parquet"));
    assert!(found.contains("zstd.parquet: column \"small\" is compressed with ZSTD"), "{found}");

    std::fs::create_dir(at("two")).unwrap();
    std::fs::copy(fixture("pandas.parquet"), at("two/a.parquet")).unwrap();
    std::fs::copy(fixture("pyarrow.parquet"), at("two/b.parquet")).unwrap();
    let found = message(&at("two"));
    assert!(found.contains("b.parquet: the columns are small: Int16"), "{found}");
    assert!(found.contains("expected id: Int64"), "{found}");

    let source = ParquetSource::open(&fixture("pandas.parquet")).unwrap();
    let want = Want { columns: Some(vec!["Name".into()]), ..Want::default() };
    let found = source.read(0, &want).err().unwrap().to_string();
    assert!(found.contains("no column is called \"Name\"; there are: id, name"), "{found}");
    let want = Want { limit: Some(1), ..Want::default() };
    assert_eq!(source.read(0, &want).unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 1);

    std::fs::copy(fixture("pandas.parquet"), at("changing.parquet")).unwrap();
    let source = ParquetSource::open(&at("changing.parquet")).unwrap();
    std::fs::copy(fixture("pyarrow.parquet"), at("changing.parquet")).unwrap();
    let found = source.read(2, &Want::default()).err().unwrap().to_string();
    assert!(found.contains("changed since it was listed"), "{found}");
}

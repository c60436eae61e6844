//! CSV files.

use dask_core::{Collection, RunContext};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Float64Type, Int64Type};
use dask_frame::{DataFrame, col, lit};
use dask_io::csv::{ColumnType, CsvOptions};
use dask_io::frame::{read_csv, to_csv};
use dask_sched::{RoundTripScheduler, SyncScheduler};
use proptest::prelude::*;

fn options(blocksize: Option<u64>) -> CsvOptions {
    CsvOptions { blocksize, ..CsvOptions::default() }
}

fn error(frame: &DataFrame) -> String {
    frame.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_blocks_give_every_row_once(rows in proptest::collection::vec((any::<i64>(), proptest::option::of("[a-z, \"]{1,8}"), -1e6f64..1e6), 1..40), blocksize in 1u64..200) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut text = "n,name,x\n".to_owned();
        for (n, name, x) in &rows {
            let name = name.as_ref().map_or(String::new(), |name| format!("\"{}\"", name.replace('"', "\"\"")));
            text.push_str(&format!("{n},{name},{x:?}\n"));
        }
        std::fs::write(&path, text).unwrap();
        let pattern = path.to_str().unwrap();
        let typed = |options: CsvOptions| options.dtype("name", ColumnType::Utf8);
        for scheduler in [&SyncScheduler as &dyn dask_core::Scheduler, &RoundTripScheduler] {
            let frame = read_csv(pattern, typed(options(Some(blocksize)))).unwrap();
            let found = frame.compute_with(scheduler, &RunContext::default()).unwrap();
            let numbers: Vec<i64> = found.column(0).as_primitive::<Int64Type>().values().to_vec();
            prop_assert_eq!(numbers, rows.iter().map(|row| row.0).collect::<Vec<_>>());
            let names: Vec<Option<String>> = found.column(1).as_string::<i32>().iter().map(|name| name.map(str::to_owned)).collect();
            let null = ["nan", "null", "na"];
            prop_assert_eq!(names, rows.iter().map(|row| row.1.clone().filter(|name| !null.contains(&name.as_str()) || name == "na")).collect::<Vec<_>>());
            let floats: Vec<f64> = found.column(2).as_primitive::<Float64Type>().values().to_vec();
            prop_assert_eq!(floats, rows.iter().map(|row| row.2).collect::<Vec<_>>());
        }
    }
}

#[test]
fn types_come_from_the_sample_and_what_differs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pattern = write("a.csv", "id,flag,x\r\n1,true,1.5\r\n2,,NA\r\n\r\n3,FALSE,2\r\n");
    let frame = read_csv(&pattern, options(None)).unwrap();
    let types: Vec<String> = frame.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types, ["Int64", "Boolean", "Float64"]);
    let found = frame.filter(col("id").gt(lit(1))).unwrap().agg(&[col("id").sum(), col("x").mean()]).unwrap();
    let found = found.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    assert_eq!(found.column(0).as_primitive::<Int64Type>().value(0), 5);
    assert_eq!(found.column(1).as_primitive::<Float64Type>().value(0), 2.0);

    let ragged = write("ragged.csv", "a,b\n1,2\n3\n4,5\n");
    let message = error(&read_csv(&ragged, options(None)).unwrap());
    assert!(message.contains("ragged.csv:3: 1 fields where the header has 2"), "{message}");
    let skipping = read_csv(&ragged, CsvOptions { skip_ragged: true, ..options(None) }).unwrap();
    assert_eq!(skipping.compute_with(&SyncScheduler, &RunContext::default()).unwrap().num_rows(), 2);

    let mut long = "a,b\n".to_owned();
    (0..60_000).for_each(|i| long.push_str(&format!("{i},{i}\n")));
    long.push_str("7,seven\n");
    let changing = write("changing.csv", &long);
    let message = error(&read_csv(&changing, options(None)).unwrap());
    assert!(
        message.contains("changing.csv:60002: column \"b\" is Int64 by the sample or as given, and \"seven\" is not"),
        "{message}"
    );
    assert!(message.contains("CsvOptions::dtype(\"b\", …)"), "{message}");
    let given = read_csv(&changing, options(Some(1000)).dtype("b", ColumnType::Utf8)).unwrap();
    assert_eq!(given.compute_with(&SyncScheduler, &RunContext::default()).unwrap().num_rows(), 60_001);

    let open = write("open.csv", "a,b\n1,\"x\n");
    assert!(error(&read_csv(&open, options(None)).unwrap()).contains("open.csv:2: a quote is opened and not closed"));
    write("two.1.csv", "a,b\n1,2\n");
    write("two.2.csv", "a,c\n1,2\n");
    let two = folder.path().join("two.*.csv");
    let message = error(&read_csv(two.to_str().unwrap(), options(None)).unwrap());
    assert!(message.contains("two.2.csv: the header is \"a,c\", expected \"a,b\""), "{message}");
    assert!(
        read_csv(&pattern, options(None).dtype("y", ColumnType::Utf8)).unwrap_err().to_string().contains("id, flag, x")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_is_written_is_read(
        partitions in proptest::collection::vec(
            proptest::collection::vec((any::<Option<i64>>(), proptest::option::of("[a-z,;\"\\r\\n]{1,6}x"), proptest::option::of(any::<f64>().prop_filter("a number", |x| !x.is_nan()))), 0..9),
            1..12,
        ),
        separator in prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
        only in 0usize..4,
    ) {
        use dask_frame::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
        let batch = |rows: &[(Option<i64>, Option<String>, Option<f64>)]| {
            let numbers: ArrayRef = std::sync::Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
            let names: ArrayRef = std::sync::Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>());
            let floats: ArrayRef = std::sync::Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>());
            let columns = [("n", numbers, true), ("a \"name\", and more", names, true), ("x", floats, true)];
            // One column alone as well: an empty line is a null then, and a row.
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().enumerate().filter(|(i, _)| only == 3 || only == *i).map(|(_, column)| column)).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let frame = DataFrame::from_batches(partitions.iter().map(|rows| batch(rows)).collect()).unwrap();
        let expected = batch(&partitions.concat());
        let path = folder.path().join("table");
        let pattern = path.join("*.csv");
        let typed = |options: CsvOptions| match only {
            0 => options.dtype("n", ColumnType::Int64),
            1 => options.dtype("a \"name\", and more", ColumnType::Utf8),
            2 => options.dtype("x", ColumnType::Float64),
            _ => options.dtype("n", ColumnType::Int64).dtype("a \"name\", and more", ColumnType::Utf8).dtype("x", ColumnType::Float64),
        };
        for scheduler in [&SyncScheduler as &dyn dask_core::Scheduler, &RoundTripScheduler] {
            let context = RunContext::default();
            let sink = dask_io::csv::CsvSink::create(&path, frame.schema()).separator(separator);
            let n = frame.store(std::sync::Arc::new(sink)).compute_with(scheduler, &context).unwrap();
            prop_assert_eq!(n as usize, expected.num_rows());
            let back = read_csv(pattern.to_str().unwrap(), typed(CsvOptions { separator, ..options(None) })).unwrap();
            prop_assert_eq!(&back.compute_with(scheduler, &context).unwrap(), &expected);
        }
    }
}

#[test]
fn written_files_are_as_pandas_would_write_them() {
    use dask_frame::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, RecordBatch};
    let folder = tempfile::tempdir().unwrap();
    let flags: ArrayRef = std::sync::Arc::new(BooleanArray::from(vec![Some(true), None]));
    let days: ArrayRef = std::sync::Arc::new(Date32Array::from(vec![None, Some(18321)]));
    let floats: ArrayRef = std::sync::Arc::new(Float64Array::from(vec![0.1, -3.0]));
    let batch = RecordBatch::try_from_iter([("flag", flags), ("day", days), ("x", floats)]).unwrap();
    let frame = DataFrame::from_batches(vec![batch]).unwrap();
    to_csv(&frame, folder.path().to_str().unwrap()).compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    let text = std::fs::read_to_string(folder.path().join("part.000000.csv")).unwrap();
    assert_eq!(text, "flag,day,x\ntrue,,0.1\n,2020-02-29,-3.0\n");
}

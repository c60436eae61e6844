//! Dates and timestamps in CSV files, and files that pandas wrote.

use std::sync::Arc;

use dask_core::{Collection, RunContext};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use dask_frame::array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch};
use dask_frame::{DataFrame, col, lit};
use dask_io::csv::{ColumnType, CsvOptions};
use dask_io::frame::{read_csv, to_csv};
use dask_sched::{RoundTripScheduler, SyncScheduler};
use proptest::prelude::*;

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

fn types(frame: &DataFrame) -> Vec<String> {
    frame.schema().fields().iter().map(|field| field.data_type().to_string()).collect()
}

const SECOND: i64 = 1_000_000;

/// Expected values: the frame in `make.py`.
#[test]
fn what_pandas_wrote_is_read() {
    for name in ["pandas.csv", "pandas.csv.gz"] {
        let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        let frame = read_csv(&path, CsvOptions { blocksize: None, ..CsvOptions::default() }).unwrap();
        let expected = ["Int64", "Utf8", "Float64", "Boolean", "Date32", "Timestamp(µs)", "Timestamp(µs, \"+00:00\")"];
        assert_eq!(types(&frame), expected);
        let all = compute(&frame);
        assert_eq!(all.column(0).as_primitive::<Int64Type>().values(), &[0, 1, 2, 3]);
        let names: Vec<_> = all.column(1).as_string::<i32>().iter().collect();
        assert_eq!(names, [Some("say \"hi\""), Some("a,b"), None, Some("Čapek\nand Co")]);
        let amounts: Vec<_> = all.column(2).as_primitive::<Float64Type>().iter().collect();
        assert_eq!(amounts, [Some(0.1), None, Some(-2.5e-300), Some(1e300)]);
        let flags: Vec<_> = all.column(3).as_boolean().iter().flatten().collect();
        assert_eq!(flags, [true, false, true, false]);
        let days: Vec<_> = all.column(4).as_primitive::<Date32Type>().iter().collect();
        assert_eq!(days, [Some(18321), Some(-1), None, Some(22066)]);
        let times: Vec<_> = all.column(5).as_primitive::<TimestampMicrosecondType>().iter().collect();
        assert_eq!(times, [Some(1_577_934_245_250_000), None, Some(-SECOND), Some(1_577_923_200 * SECOND)]);
        let utc: Vec<_> = all.column(6).as_primitive::<TimestampMicrosecondType>().iter().collect();
        assert_eq!(utc, [Some(1_577_934_245 * SECOND), Some(1_577_966_400 * SECOND), None, Some(0)]);
    }
}

#[test]
fn dates_are_inferred_given_or_left_as_texts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "day,at,mixed\n2020-02-29,2020-02-29,2020-02-29\n,2020-03-01 06:00,soon\n").unwrap();
    let read = |options: CsvOptions| read_csv(path.to_str().unwrap(), options).unwrap();
    assert_eq!(types(&read(CsvOptions::default())), ["Date32", "Timestamp(µs)", "Utf8"]);
    let texts = read(CsvOptions { infer_dates: false, ..CsvOptions::default() });
    assert_eq!(types(&texts), ["Utf8", "Utf8", "Utf8"]);
    let given = CsvOptions { infer_dates: false, ..CsvOptions::default() }.parse_dates(&["day", "at"]);
    assert_eq!(types(&read(given.clone())), ["Timestamp(µs)", "Timestamp(µs)", "Utf8"]);
    let days = compute(&read(given)).column(0).as_primitive::<TimestampMicrosecondType>().iter().collect::<Vec<_>>();
    assert_eq!(days, [Some(18321 * 86_400 * SECOND), None]);
    // A date is compared with a text as a date.
    let late = read(CsvOptions::default()).filter(col("day").gt(lit("2020-02-28"))).unwrap();
    assert_eq!(compute(&late).num_rows(), 1);
    let wrong = read(CsvOptions::default().dtype("mixed", ColumnType::Date));
    let error = wrong.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(
        error.contains("a.csv:3: column \"mixed\" is Date by the sample or as given, and \"soon\" is not"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_is_written_is_read(
        rows in proptest::collection::vec(
            (
                proptest::option::of(any::<bool>()),
                // The years 0000 to 9999: four digits.
                proptest::option::of(-719_528..2_932_897i32),
                proptest::option::of(-719_528 * 86_400 * SECOND..2_932_897 * 86_400 * SECOND),
            ),
            1..30,
        ),
        cut in 0usize..30,
    ) {
        let batch = |rows: &[(Option<bool>, Option<i32>, Option<i64>)]| {
            let at = || rows.iter().map(|row| row.2).collect::<PrimitiveArray<TimestampMicrosecondType>>();
            let columns: [(&str, ArrayRef, bool); 4] = [
                ("flag", Arc::new(rows.iter().map(|row| row.0).collect::<BooleanArray>()), true),
                ("day", Arc::new(rows.iter().map(|row| row.1).collect::<PrimitiveArray<Date32Type>>()), true),
                ("at", Arc::new(at()), true),
                ("utc", Arc::new(at().with_timezone("+00:00")), true),
            ];
            RecordBatch::try_from_iter_with_nullable(columns).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let frame = DataFrame::from_batches(vec![batch(first), batch(second)]).unwrap();
        let pattern = folder.path().join("*.csv");
        let typed = CsvOptions::default()
            .dtype("flag", ColumnType::Boolean)
            .dtype("day", ColumnType::Date)
            .dtype("at", ColumnType::Timestamp)
            .dtype("utc", ColumnType::TimestampUtc);
        for scheduler in [&SyncScheduler as &dyn dask_core::Scheduler, &RoundTripScheduler] {
            let context = RunContext::default();
            to_csv(&frame, folder.path().to_str().unwrap()).compute_with(scheduler, &context).unwrap();
            let back = read_csv(pattern.to_str().unwrap(), typed.clone()).unwrap();
            prop_assert_eq!(&back.compute_with(scheduler, &context).unwrap(), &batch(&rows));
        }
    }
}

//! CSV files.

use dask_core::{Collection, RunContext};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Float64Type, Int64Type};
use dask_frame::{DataFrame, col, lit};
use dask_io::csv::{ColumnType, CsvOptions};
use dask_io::frame::read_csv;
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
        message.contains("changing.csv:60002: column \"b\" is Int64 by the sample, and \"seven\" is not"),
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

//! Tables of HDF5 files.

use std::path::Path;
use std::sync::Arc;

use dask_core::{Collection, PartitionSink, PartitionSource, RunContext, Scheduler, Want};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::{Date32Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType, UInt8Type};
use dask_frame::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, PrimitiveArray, RecordBatch, StringArray,
};
use dask_frame::{DataFrame, col};
use dask_io::frame::{read_hdf, to_hdf};
use dask_io::hdf5::{TableSink, TableSource};
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

type Row = (Option<i64>, Option<String>, Option<f64>, Option<bool>);

fn batch(rows: &[Row]) -> RecordBatch {
    let numbers = || rows.iter().map(|row| row.0);
    let columns: [(&str, ArrayRef); 8] = [
        ("n", Arc::new(numbers().collect::<Int64Array>())),
        ("a name", Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>())),
        ("x", Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>())),
        ("flag", Arc::new(rows.iter().map(|row| row.3).collect::<BooleanArray>())),
        ("day", Arc::new(numbers().map(|n| n.map(|n| n as i32)).collect::<PrimitiveArray<Date32Type>>())),
        ("byte", Arc::new(numbers().map(|n| n.map(|n| n as u8)).collect::<PrimitiveArray<UInt8Type>>())),
        ("at", Arc::new(numbers().collect::<PrimitiveArray<TimestampMicrosecondType>>())),
        ("utc", Arc::new(numbers().collect::<PrimitiveArray<TimestampNanosecondType>>().with_timezone("+00:00"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

fn write(rows: &[i64], path: &str) -> u64 {
    let batches = rows.iter().map(|&n| batch(&[(Some(n), None, None, None)])).collect();
    compute(&to_hdf(&DataFrame::from_batches(batches).unwrap(), path, "/data").unwrap())
}

fn in_folder(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]
    #[test]
    fn what_is_written_is_read_on_every_scheduler(
        partitions in proptest::collection::vec(
            proptest::collection::vec((any::<Option<i64>>(), proptest::option::of("[^\0]{0,8}"), proptest::option::of(-1e300f64..1e300), any::<Option<bool>>()), 0..12),
            1..6,
        ),
        rows in 1usize..20,
    ) {
        let frame = DataFrame::from_batches(partitions.iter().map(|rows| batch(rows)).collect()).unwrap();
        let expected = batch(&partitions.concat());
        let folder = tempfile::tempdir().unwrap();
        let schedulers: [&dyn Scheduler; 3] = [&SyncScheduler, &ThreadedScheduler::new(3), &RoundTripScheduler];
        for (i, scheduler) in schedulers.into_iter().enumerate() {
            let path = in_folder(folder.path(), &format!("{i}.h5"));
            let context = RunContext::default();
            let n = to_hdf(&frame, &path, "deep/table").unwrap().compute_with(scheduler, &context).unwrap();
            prop_assert_eq!(n as usize, expected.num_rows());
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), i + 1, "temporary files are left");
            let back = read_hdf(&path, "/deep/table", rows).unwrap();
            prop_assert_eq!(back.n_partitions(), expected.num_rows().div_ceil(rows).max(1));
            prop_assert_eq!(&back.compute_with(scheduler, &context).unwrap(), &expected);
            let two = back.select(&["x", "a name"]).unwrap().compute_with(scheduler, &context).unwrap();
            prop_assert_eq!(two, expected.project(&[2, 1]).unwrap());
        }
    }
}

#[test]
fn a_failed_write_leaves_what_stood_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = in_folder(folder.path(), "a.h5");
    assert_eq!(write(&[1, 2, 3], &path), 3);
    assert_eq!(write(&[7, 8], &path), 2);
    let numbers =
        || compute(&read_hdf(&path, "data", 1).unwrap()).column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(numbers(), [7, 8]);

    // HDF5 texts end at a zero.
    let rows = batch(&[(Some(1), Some("ok".into()), None, None), (Some(2), Some("no\0t".into()), None, None)]);
    let sink = TableSink::create(&path, "data", &rows.schema()).unwrap();
    let error = sink.write(0, Box::new(std::iter::once(Ok(rows)))).unwrap_err().to_string();
    assert!(error.contains("a.h5: column \"a name\", row 1: "), "{error}");
    // The last task fails: one of the parts is gone.
    let part = sink.write(0, Box::new(std::iter::once(Ok(batch(&[(Some(9), None, None, None)]))))).unwrap();
    let mut gone = sink.write(1, Box::new(std::iter::once(Ok(batch(&[(Some(9), None, None, None)]))))).unwrap();
    std::fs::remove_file(gone.what.split_once(' ').unwrap().1).unwrap();
    assert!(sink.commit(&[part, gone.clone()]).is_err());
    gone.what = "nothing".into();
    assert!(sink.commit(&[gone]).unwrap_err().to_string().contains("is not a receipt of this table"));
    assert_eq!(numbers(), [7, 8]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a half file is left");
}

#[test]
fn what_cannot_be_written_or_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = in_folder(folder.path(), "a.h5");
    let with = |name: &str| {
        let list = StringArray::from(vec!["x"]);
        let column: ArrayRef = match name {
            "dictionary" => Arc::new(
                dask_frame::array::DictionaryArray::<dask_frame::array::types::Int32Type>::from_iter(list.iter()),
            ),
            _ => Arc::new(list),
        };
        let batch = RecordBatch::try_from_iter([(name, column)]).unwrap();
        TableSink::create(&path, "data", &batch.schema()).err().map(|error| error.to_string())
    };
    assert!(with("a/b").unwrap().contains("column \"a/b\" cannot be written: HDF5 has no such name; rename"));
    assert!(with("dictionary").unwrap().contains("no way is known to store Dictionary(Int32, Utf8); convert it"));
    assert_eq!(with("fine"), None);
    assert!(TableSink::create(&path, "/", &batch(&[]).schema()).err().unwrap().to_string().contains("needs a key"));

    write(&[1], &path);
    let error = |path: &str, key: &str| TableSource::open(path, key, 10).err().unwrap().to_string();
    assert!(error(&path, "date").ends_with("there is no table date; there are: /data"), "{}", error(&path, "date"));
    assert!(error(&path, "/").ends_with("there are: /data"));
    assert!(error(&in_folder(folder.path(), "b.h5"), "data").contains("no file matches"));
    std::fs::write(folder.path().join("text.h5"), "text").unwrap();
    assert!(error(&in_folder(folder.path(), "text.h5"), "data").contains("text.h5: "));
    let source = TableSource::open(&path, "data", 10).unwrap();
    let want = Want { columns: Some(vec!["N".into()]), ..Want::default() };
    let found = source.read(0, &want).err().unwrap().to_string();
    assert!(found.contains("no column is called \"N\"; there are: n, a name"), "{found}");
}

#[test]
fn a_table_that_h5py_wrote_is_read() {
    let path = format!("{}/tests/fixtures/h5py.h5", env!("CARGO_MANIFEST_DIR"));
    let frame = read_hdf(&path, "/table", 2).unwrap();
    let all = compute(&frame);
    assert_eq!(all.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(3)]);
    assert_eq!(all.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("a"), Some(""), Some("čau")]);
    assert_eq!(all.column(1).null_count(), 0);
    let sum = compute(&frame.agg(&[col("n").sum()]).unwrap());
    assert_eq!(sum.column(0).as_primitive::<Int64Type>().value(0), 4);
}

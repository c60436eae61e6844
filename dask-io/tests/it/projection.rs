//! Columns that nobody asks for are not read: they may be damaged or gone.

use dask_core::{Collection, RunContext};
use dask_frame::array::cast::AsArray;
use dask_frame::array::types::Int64Type;
use dask_frame::{DataFrame, col, lit};
use dask_sched::SyncScheduler;

/// `x` can be used in every way, `y` in none.
fn check(frame: &DataFrame, expected: &[i64]) {
    let compute = |frame: &DataFrame| frame.compute_with(&SyncScheduler, &RunContext::default());
    let numbers = |frame: &DataFrame| compute(frame).unwrap().column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(numbers(&frame.select(&["x"]).unwrap()), expected);
    let sum = frame.agg(&[col("x").sum()]).unwrap();
    assert_eq!(numbers(&sum), [expected.iter().sum::<i64>()]);
    let large = frame.filter(col("x").gt(lit(1))).unwrap().select(&["x"]).unwrap();
    assert_eq!(numbers(&large), expected.iter().copied().filter(|&x| x > 1).collect::<Vec<_>>());
    assert_eq!(numbers(&frame.group_by(&["x"]).agg(&[col("x").count().alias("n")]).unwrap()).len(), expected.len());
    assert!(compute(frame).is_err());
    assert!(compute(&frame.filter(col("y").is_not_null()).unwrap().select(&["x"]).unwrap()).is_err());
}

#[cfg(any(feature = "parquet", feature = "hdf5"))]
fn table() -> DataFrame {
    use std::sync::Arc;

    use dask_frame::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

    let x: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let y: ArrayRef = Arc::new(StringArray::from(vec!["alpha", "beta", "gamma"]));
    DataFrame::from_batches(vec![RecordBatch::try_from_iter([("x", x), ("y", y)]).unwrap()]).unwrap()
}

#[cfg(feature = "csv")]
#[test]
fn csv_parses_no_other_column() {
    use dask_io::csv::CsvOptions;
    use dask_io::frame::read_csv;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let n = 60_000;
    let rows: String = (0..n).map(|i| format!("{i},{i}\n")).collect();
    std::fs::write(&path, format!("x,y\n{rows}{n},no number\n")).unwrap();
    check(&read_csv(path.to_str().unwrap(), CsvOptions::default()).unwrap(), &(0..=n).collect::<Vec<_>>());
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_reads_no_other_column() {
    use dask_io::frame::{read_parquet, to_parquet};
    use dask_io::parquet::Compression;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    to_parquet(&table(), path, Compression::None).compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    let file = folder.path().join("part.000000.parquet");
    let mut bytes = std::fs::read(&file).unwrap();
    // The first that stands there is in the column's own page, behind its length; the footer comes later.
    let at = bytes.windows(5).position(|window| window == b"alpha").unwrap();
    bytes[at - 4..at + 5].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    check(&read_parquet(path).unwrap(), &[1, 2, 3]);
}

#[cfg(feature = "hdf5")]
#[test]
fn hdf5_reads_no_other_column() {
    use dask_io::frame::{read_hdf, to_hdf};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let path = path.to_str().unwrap();
    to_hdf(&table(), path, "data").unwrap().compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    let file = hdf5::File::open_rw(path).unwrap();
    file.group("data/columns").unwrap().unlink("y").unwrap();
    file.close().unwrap();
    check(&read_hdf(path, "data", 10).unwrap(), &[1, 2, 3]);
}

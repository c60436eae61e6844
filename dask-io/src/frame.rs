//! Frames from and into files, in one line.

#[cfg(any(feature = "csv", feature = "hdf5", feature = "parquet"))]
use std::sync::Arc;

#[cfg(any(feature = "csv", feature = "hdf5", feature = "parquet"))]
use dask_frame::DataFrame;

/// A frame of the CSV files that a pattern names.
///
/// ```
/// use dask_core::Collection;
/// use dask_frame::array::{cast::AsArray, types::Float64Type};
/// use dask_frame::{col, lit};
/// use dask_io::{csv::CsvOptions, frame::read_csv};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("a.csv");
/// let path = path.to_str().ok_or("not UTF-8")?;
/// std::fs::write(path, "name,amount\nAda,1.5\nAlan,\nAda,2\n")?;
/// let frame = read_csv(path, CsvOptions::default())?;
/// let totals = frame.filter(col("name").eq(lit("Ada")))?.agg(&[col("amount").sum()])?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// let totals = totals.compute_with(&scheduler, &context)?;
/// assert_eq!(totals["amount"].as_primitive::<Float64Type>().values(), &[3.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`CsvSource::open`](crate::csv::CsvSource::open).
#[cfg(feature = "csv")]
pub fn read_csv(pattern: &str, options: crate::csv::CsvOptions) -> Result<DataFrame, crate::IoError> {
    Ok(DataFrame::from_source(Arc::new(crate::csv::CsvSource::open(pattern, options)?)))
}

/// Writes a frame as a folder of CSV files with headers, one a partition; nothing happens before the result, the number
/// of rows, is computed. How values are written: [`CsvSink`](crate::csv::CsvSink).
///
/// ```
/// use std::sync::Arc;
/// use dask_core::Collection;
/// use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};
///
/// let folder = tempfile::tempdir()?;
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
/// let batch = RecordBatch::try_from_iter_with_nullable([("n", numbers.clone(), true), ("m", numbers, true)])?;
/// let frame = dask_frame::DataFrame::from_batches(vec![batch])?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// let written = dask_io::frame::to_csv(&frame, &folder.path().to_string_lossy());
/// assert_eq!(written.compute_with(&scheduler, &context)?, 2);
/// assert_eq!(std::fs::read_to_string(folder.path().join("part.000000.csv"))?, "n,m\n1,1\n,\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "csv")]
pub fn to_csv(frame: &DataFrame, folder: &str) -> dask_core::Delayed<u64> {
    frame.store(Arc::new(crate::csv::CsvSink::create(folder, frame.schema())))
}

/// A frame of Parquet files: a pattern, a file, or a folder of `*.parquet`. A partition is a row group.
///
/// ```
/// use dask_core::Collection;
/// use dask_frame::{col, lit};
/// // Six rows with the column `id` from 0, in three row groups.
/// let frame = dask_io::frame::read_parquet("tests/fixtures/pandas.parquet")?;
/// assert_eq!((frame.n_partitions(), frame.columns()[0]), (3, "id"));
/// let few = frame.filter(col("id").lt(lit(3)))?.select(&["id"])?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(few.compute_with(&scheduler, &context)?.num_rows(), 3);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
///
/// # Errors
/// As [`ParquetSource::open`](crate::parquet::ParquetSource::open).
#[cfg(feature = "parquet")]
pub fn read_parquet(pattern: &str) -> Result<DataFrame, crate::IoError> {
    Ok(DataFrame::from_source(Arc::new(crate::parquet::ParquetSource::open(pattern)?)))
}

/// Writes a frame as a folder of Parquet files, one a partition; nothing happens before the result, the number of rows,
/// is computed.
///
/// ```
/// use std::sync::Arc;
/// use dask_core::Collection;
/// use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};
/// use dask_io::{frame::{read_parquet, to_parquet}, parquet::Compression};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers");
/// let path = path.to_str().ok_or("not UTF-8")?;
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
/// let frame = dask_frame::DataFrame::from_batches(vec![RecordBatch::try_from_iter([("n", numbers)])?])?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(to_parquet(&frame, path, Compression::Snappy).compute_with(&scheduler, &context)?, 3);
/// assert_eq!(read_parquet(path)?.compute_with(&scheduler, &context)?.num_rows(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "parquet")]
pub fn to_parquet(
    frame: &DataFrame,
    folder: &str,
    compression: crate::parquet::Compression,
) -> dask_core::Delayed<u64> {
    frame.store(Arc::new(crate::parquet::ParquetSink::create(folder, frame.schema(), compression)))
}

/// A frame of a table of an HDF5 file that [`to_hdf`] wrote, cut into partitions of `rows` rows.
///
/// ```
#[doc = include_str!("example.txt")]
/// // name, age: Ada 36, Alan 41
/// use dask_core::Collection;
/// use dask_frame::{DataFrame, col};
/// use dask_io::frame::{read_hdf, to_hdf};
/// let path = folder.path().join("people.h5").to_string_lossy().into_owned();
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// to_hdf(&DataFrame::from_batches(vec![batch])?, &path, "/people")?.compute_with(&scheduler, &context)?;
/// let people = read_hdf(&path, "/people", 1)?;
/// assert_eq!((people.n_partitions(), people.columns()), (2, vec!["name", "age"]));
/// assert_eq!(people.select(&["age"])?.compute_with(&scheduler, &context)?.num_rows(), 2);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
///
/// # Errors
/// As [`TableSource::open`](crate::hdf5::TableSource::open).
#[cfg(feature = "hdf5")]
pub fn read_hdf(path: &str, key: &str, rows: usize) -> Result<DataFrame, crate::IoError> {
    Ok(DataFrame::from_source(Arc::new(crate::hdf5::TableSource::open(path, key, rows)?)))
}

/// Writes a frame as the table `key` of a new HDF5 file; nothing happens before the result, the number of rows, is
/// computed. What stood at `path` is replaced then.
///
/// # Errors
/// As [`TableSink::create`](crate::hdf5::TableSink::create).
///
/// ```
/// use std::sync::Arc;
/// use dask_core::Collection;
/// use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};
/// use dask_io::frame::{read_hdf, to_hdf};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers.h5");
/// let path = path.to_str().ok_or("not UTF-8")?;
/// let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
/// let frame = dask_frame::DataFrame::from_batches(vec![RecordBatch::try_from_iter([("n", numbers)])?])?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(to_hdf(&frame, path, "/numbers")?.compute_with(&scheduler, &context)?, 3);
/// let back = read_hdf(path, "/numbers", 2)?;
/// assert_eq!(back.n_partitions(), 2);
/// assert_eq!(back.compute_with(&scheduler, &context)?.num_rows(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "hdf5")]
pub fn to_hdf(frame: &DataFrame, path: &str, key: &str) -> Result<dask_core::Delayed<u64>, crate::IoError> {
    Ok(frame.store(Arc::new(crate::hdf5::TableSink::create(path, key, frame.schema())?)))
}

//! Arrays from and into files, in one line.

#[cfg(feature = "hdf5")]
use std::sync::Arc;

#[cfg(feature = "hdf5")]
use dask_array::{Array, ChunkSpec};

/// An array of a dataset of an HDF5 file, read chunk by chunk.
///
/// ```
/// use dask_array::{Array, ChunkSpec};
/// use dask_core::Collection;
/// use dask_io::array::{from_hdf5, to_hdf5};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers.h5");
/// let path = path.to_str().ok_or("not UTF-8")?;
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// let x = Array::<i64>::arange(0, 5, 1, 2)?;
/// assert_eq!(to_hdf5(&x, path, "/numbers")?.compute_with(&scheduler, &context)?, 5);
/// let y = from_hdf5::<i64>(path, "/numbers", ChunkSpec::Auto)?;
/// assert_eq!(y.slice(&[(1..3).into()])?.compute_with(&scheduler, &context)?.as_slice(), Some(&[1, 2][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`DatasetSource::open`](crate::hdf5::DatasetSource::open), or chunks that do not fit.
#[cfg(feature = "hdf5")]
pub fn from_hdf5<A>(path: &str, dataset: &str, chunks: impl Into<ChunkSpec>) -> dask_core::Result<Array<A>>
where
    A: crate::hdf5::Native + dask_array::Stored,
{
    Ok(Array::from_source(Arc::new(crate::hdf5::DatasetSource::open(path, dataset)?), chunks)?)
}

/// Writes an array as a dataset of a new HDF5 file, in its chunks; nothing happens before the result is computed.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.h5");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_array::Array;
/// use dask_core::{ChunkSource, Collection};
/// use dask_io::{array::to_hdf5, hdf5::DatasetSource};
/// let written = to_hdf5(&Array::<f64>::ones(&[4, 3], &[2, 3])?, path, "/ones")?;
/// assert!(!std::fs::exists(path)?);
/// # let (scheduler, context) = (dask_sched::SyncScheduler, dask_core::RunContext::default());
/// assert_eq!(written.compute_with(&scheduler, &context)?, 12);
/// let ones = DatasetSource::<f64>::open(path, "/ones")?;
/// assert_eq!((ones.shape(), ones.stored_chunks()), (&[4, 3][..], Some(&[2, 3][..])));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
///
/// # Errors
/// As [`DatasetSink::create`](crate::hdf5::DatasetSink::create).
#[cfg(feature = "hdf5")]
pub fn to_hdf5<A>(array: &Array<A>, path: &str, dataset: &str) -> dask_core::Result<dask_core::Delayed<u64>>
where
    A: crate::hdf5::Native + dask_array::Stored,
{
    let chunks: Vec<usize> = array.chunks().axes().iter().map(|lengths| lengths[0]).collect();
    Ok(array.store(Arc::new(crate::hdf5::DatasetSink::<A>::create(path, dataset, &array.shape(), &chunks)?)))
}

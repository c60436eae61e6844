//! Arrays from and into files, in one line.

#[cfg(feature = "hdf5")]
use std::sync::Arc;

#[cfg(feature = "hdf5")]
use dask_array::{Array, ChunkSpec};

/// An array of a dataset of an HDF5 file, read chunk by chunk.
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

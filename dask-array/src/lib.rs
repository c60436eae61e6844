//! dask-array

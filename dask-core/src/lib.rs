//! dask-core

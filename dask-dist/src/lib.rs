//! dask-dist

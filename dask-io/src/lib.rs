//! dask-io

//! dask-frame

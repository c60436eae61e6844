//! dask-bag

//! dask-sched

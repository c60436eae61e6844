//! Behaviour of bags on the schedulers of one process; `dask-dist` runs the same on processes and on a cluster.

mod behaviour;
mod keys;
mod schedulers;

//! Behaviour of arrays on the schedulers of one process; `dask-dist` runs the same on processes and on a cluster.

mod behaviour;
mod keys;
mod memory;
mod schedulers;

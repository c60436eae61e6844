//! Behaviour of dask-core.

mod graph;
mod key;
mod optimize;
mod order;
mod run;
mod visualize;
mod wire;

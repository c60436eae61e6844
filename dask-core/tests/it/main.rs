//! Behaviour of dask-core.

mod graph;
mod key;
mod optimize;
mod run;
mod wire;

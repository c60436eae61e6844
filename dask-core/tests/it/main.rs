//! Behaviour of dask-core.

mod graph;
mod key;
mod no_scheduler;
mod optimize;
mod order;
#[cfg(feature = "petgraph")]
mod petgraph;
mod run;
mod visualize;
mod wire;

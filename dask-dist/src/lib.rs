//! The cluster: scheduler, workers, client futures.

mod error;

// What client, scheduler and workers say to each other.
pub mod protocol;
// How it becomes bytes, and travels.
pub mod transport;
pub mod wire;
// The pure machines.
pub mod scheduler;
pub mod worker;
// I/O around them.
pub mod shell;
// Futures of results on a cluster.
pub mod client;
// Starting clusters.
mod deploy;

pub use client::{
    Answer, Argument, Arguments, AsCompleted, Client, Computation, Future, Given, Options, Spread, Status, as_completed,
};
pub use deploy::{LocalCluster, LocalClusterBuilder, ProcessScheduler, init, install, run_scheduler, run_worker};
pub use error::DistError;

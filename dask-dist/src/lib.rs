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
// Starting clusters.
mod deploy;

pub use deploy::{LocalCluster, LocalClusterBuilder, init};
pub use error::DistError;

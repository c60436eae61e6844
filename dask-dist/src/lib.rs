//! The cluster: scheduler, workers, client futures.

// What client, scheduler and workers say to each other.
pub mod protocol;
// The pure machines.
pub mod scheduler;

//! Starting clusters.

mod local_cluster; // scheduler and workers on this machine
mod processes; // the scheduler of collections called "processes"
mod worker_process; // this executable again, as a worker

pub use local_cluster::{LocalCluster, LocalClusterBuilder};
pub use processes::{ProcessScheduler, install};
pub use worker_process::init;

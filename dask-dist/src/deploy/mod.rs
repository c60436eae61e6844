//! Starting clusters.

mod adapting; // and a thread that sees to it
mod adaptive; // how many workers there should be
mod children; // the processes of a local cluster
mod local_cluster; // scheduler and workers on this machine
mod nanny; // watches them
mod obituary; // how a worker died
mod processes; // the scheduler of collections called "processes"
mod scale; // more workers, or fewer
mod standalone; // a scheduler or a worker alone
mod watched; // a worker process from outside
mod worker_process; // this executable again, as a worker

pub use adapting::{Adapting, Deploy};
pub use adaptive::{Adapter, Adaptive, Advice};
pub use local_cluster::{LocalCluster, LocalClusterBuilder};
pub use obituary::send_obituary;
pub use processes::{ProcessScheduler, install};
pub use standalone::{run_scheduler, run_worker};
pub use watched::Watched;
pub use worker_process::init;

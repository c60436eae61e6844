//! I/O around the machines, and no decisions.

mod actors; // states that live on a worker
mod asks; // peers that wait for a value
pub(crate) mod cgroups; // limits of containers, services, jobs
mod configured; // settings from the configuration
mod context; // what a task knows of its worker
mod disk; // one file a value
mod executor; // threads that run tasks
mod journal; // what outlives a scheduler, on disk
mod obituaries; // how workers died
mod peers; // asking other workers
pub mod process; // memory and processor
// In which functions tasks are, where that can be seen.
#[cfg(all(feature = "profile", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod profiler;
#[cfg(not(all(feature = "profile", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "profiler/absent.rs"]
mod profiler;
pub mod questions; // of those who watch a scheduler
mod sampler; // what threads are seen at
pub mod scheduler;
mod serve; // answering peers and clients
mod store; // the values themselves
mod thresholds; // shares of a worker's memory
mod turns; // how long the scheduler's loop lets others wait
pub mod worker;

pub(crate) use actors::Seat;
pub use cgroups::memory_limit_of_group;
#[cfg(feature = "dashboard")]
pub(crate) use configured::dashboard_tls;
pub use configured::{comm_settings, drain_timeout, profile_interval, scheduler_settings, worker_settings};
pub(crate) use context::settle_actor;
pub use context::{WorkerContext, current_worker, secede};
pub use thresholds::Thresholds;

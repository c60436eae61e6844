//! Observers that hook into any scheduler: what ran when and where, progress, and a report of both.

mod profiler;
#[cfg(feature = "progress")]
mod progress;
mod report;
#[cfg(feature = "profile")]
mod resource;

pub use profiler::{Profiler, TaskRecord};
#[cfg(feature = "progress")]
pub use progress::ProgressBar;
pub use report::{Report, write_report};
#[cfg(feature = "profile")]
pub use resource::{ResourceProfiler, ResourceSample};

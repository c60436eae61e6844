//! A scheduler or a worker as all that a process does.

use tokio::sync::watch;

use crate::error::DistError;
use crate::shell::scheduler::{SchedulerOptions, serve_scheduler};
use crate::shell::worker::{WorkerOptions, serve_worker};
use crate::transport::{Address, Hello, Listener, Role};

fn block_on<T>(future: impl Future<Output = Result<T, DistError>>) -> Result<T, DistError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| DistError::io("starting the loop", error))?.block_on(future)
}

/// Runs a scheduler on this thread until `stop` is set; `listening` is told where.
///
/// # Errors
/// An address that is none, in use, or of another machine.
pub fn run_scheduler(
    address: &str,
    options: SchedulerOptions,
    stop: watch::Receiver<bool>,
    listening: impl FnOnce(&Address),
) -> Result<(), DistError> {
    let address: Address = address.parse()?;
    block_on(async {
        let listener = Listener::bind(&address, Hello::new(Role::Scheduler), &options.comm).await?;
        listening(&listener.address());
        serve_scheduler(listener, options, stop).await
    })
}

/// Runs a worker on this thread until the scheduler ends it, or `stop` is set and its values were handed over.
///
/// # Errors
/// No scheduler there, or gone; no address to listen at.
pub fn run_worker(scheduler: &str, options: WorkerOptions, stop: watch::Receiver<bool>) -> Result<(), DistError> {
    let scheduler: Address = scheduler.parse()?;
    block_on(serve_worker(&scheduler, options, stop))
}

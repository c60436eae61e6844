//! Which scheduler `compute()` takes: the innermost guard of this thread, then what is configured (`DASK_SCHEDULER`), then
//! the installed default.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::run_scope::{self, GuardId};
use crate::scheduler::Scheduler;

/// In the order of installation; the first is the default.
static INSTALLED: Mutex<Vec<Arc<dyn Scheduler>>> = Mutex::new(Vec::new());

/// Makes a scheduler known by its name. The first one installed becomes the default.
pub fn install_scheduler(scheduler: Arc<dyn Scheduler>) {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    match installed.iter_mut().find(|known| known.name() == scheduler.name()) {
        Some(known) => *known = scheduler,
        None => installed.push(scheduler),
    }
}

/// The installed scheduler of this name.
///
/// # Errors
/// [`Error::UnknownScheduler`], with what there is; [`Error::NoScheduler`] if there is none at all.
pub fn scheduler_named(name: &str) -> Result<Arc<dyn Scheduler>> {
    let installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = match name {
        "synchronous" | "single-threaded" => "sync",
        "threading" | "threaded" => "threads",
        "multiprocessing" => "processes",
        other => other,
    };
    if let Some(found) = installed.iter().find(|known| known.name() == wanted) {
        return Ok(found.clone());
    }
    if installed.is_empty() {
        return Err(Error::NoScheduler);
    }
    let known = installed.iter().map(|known| known.name().to_owned()).collect();
    Err(Error::UnknownScheduler { name: name.to_owned(), known })
}

/// The scheduler that `compute()` takes on this thread.
///
/// # Errors
/// [`Error::NoScheduler`], [`Error::UnknownScheduler`].
pub fn current_scheduler() -> Result<Arc<dyn Scheduler>> {
    if let Some(scoped) = run_scope::read(|scope| scope.schedulers.last().cloned()) {
        return Ok(scoped);
    }
    if let Some(name) = crate::config::text("scheduler") {
        return scheduler_named(&name);
    }
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner).first().cloned().ok_or(Error::NoScheduler)
}

/// Computes with `scheduler` on this thread until the guard is dropped, and in the tasks of what it computes.
pub fn with_scheduler(scheduler: Arc<dyn Scheduler>) -> SchedulerGuard {
    let id = run_scope::change(|scope| scope.schedulers.push(scheduler));
    SchedulerGuard { id, _not_send: std::marker::PhantomData }
}

/// Ends the choice of a scheduler when dropped.
#[must_use = "the choice ends when the guard is dropped"]
pub struct SchedulerGuard {
    id: GuardId,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for SchedulerGuard {
    fn drop(&mut self) {
        drop(run_scope::change(|scope| scope.schedulers.take_back(self.id)));
    }
}

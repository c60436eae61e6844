//! What a task knows of the worker that runs it.

use std::cell::RefCell;
use std::sync::Arc;

use crate::protocol::TaskRef;

/// The worker that runs the current task.
#[derive(Clone)]
pub struct WorkerContext {
    /// Where its scheduler is.
    pub scheduler: String,
    /// Where its data is found.
    pub worker: String,
    task: TaskRef,
    secede: Arc<dyn Fn(TaskRef) + Send + Sync>,
}

impl WorkerContext {
    pub(super) fn new(
        scheduler: String,
        worker: String,
        task: TaskRef,
        secede: Arc<dyn Fn(TaskRef) + Send + Sync>,
    ) -> Self {
        Self { scheduler, worker, task, secede }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<(WorkerContext, bool)>> = const { RefCell::new(None) };
}

/// The worker that runs the task which calls this; none outside of tasks.
pub fn current_worker() -> Option<WorkerContext> {
    CURRENT.with_borrow(|current| current.as_ref().map(|(context, _)| context.clone()))
}

/// A task that will wait for long, for other tasks say, leaves the worker's threads: another one can run meanwhile.
/// Does nothing outside of tasks, or the second time.
pub fn secede() {
    let context = CURRENT.with_borrow_mut(|current| match current {
        Some((context, seceded @ false)) => {
            *seceded = true;
            Some(context.clone())
        }
        _ => None,
    });
    if let Some(context) = context {
        (context.secede)(context.task);
    }
}

/// Runs `f` as the task of `context`; whether it seceded.
pub(super) fn within<T>(context: WorkerContext, f: impl FnOnce() -> T) -> (T, bool) {
    CURRENT.with_borrow_mut(|current| *current = Some((context, false)));
    let result = f();
    let seceded = CURRENT.with_borrow_mut(Option::take).is_some_and(|(_, seceded)| seceded);
    (result, seceded)
}

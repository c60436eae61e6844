//! What a task knows of the worker that runs it.

use std::any::Any;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use super::actors::Actors;
use crate::protocol::{TaskRef, WorkerId};
use crate::transport::CommSettings;

/// The worker that runs the current task.
#[derive(Clone)]
pub struct WorkerContext {
    /// Where its scheduler is.
    pub scheduler: String,
    /// Where its data is found.
    pub worker: String,
    /// What the scheduler calls it, once it has said so.
    pub(super) id: Arc<OnceLock<WorkerId>>,
    pub(super) actors: Arc<Actors>,
    /// How it connects, for clients of its tasks.
    pub(crate) comm: CommSettings,
}

impl std::fmt::Debug for WorkerContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerContext").field("scheduler", &self.scheduler).field("worker", &self.worker).finish()
    }
}

/// Where an actor has come to live.
pub(crate) struct Settled {
    pub(crate) worker: WorkerId,
    pub(crate) address: String,
    pub(crate) task: TaskRef,
}

/// The current task becomes an actor with this state; nothing outside of tasks.
pub(crate) fn settle_actor(state: Box<dyn Any + Send>) -> Option<Settled> {
    CURRENT.with_borrow(|current| {
        let current = current.as_ref()?;
        let worker = *current.context.id.get()?;
        current.context.actors.settle(current.task, state);
        Some(Settled { worker, address: current.context.worker.clone(), task: current.task })
    })
}

/// What a thread of a worker does when its task leaves.
pub(super) type Secede = Arc<dyn Fn(TaskRef)>;

struct Current {
    context: Arc<WorkerContext>,
    secede: Secede,
    task: TaskRef,
    seceded: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The worker that runs the task which calls this; none outside of tasks.
pub fn current_worker() -> Option<WorkerContext> {
    CURRENT.with_borrow(|current| current.as_ref().map(|current| (*current.context).clone()))
}

/// A task that will wait for long, for other tasks say, leaves the worker's threads: another one can run meanwhile.
/// Does nothing outside of tasks, or the second time.
pub fn secede() {
    let leaving = CURRENT.with_borrow_mut(|current| match current {
        Some(current) if !current.seceded => {
            current.seceded = true;
            Some((current.secede.clone(), current.task))
        }
        _ => None,
    });
    if let Some((secede, task)) = leaving {
        secede(task);
    }
}

/// Runs `f` as a task; whether it seceded.
pub(super) fn within<T>(
    context: &Arc<WorkerContext>,
    secede: &Secede,
    task: TaskRef,
    f: impl FnOnce() -> T,
) -> (T, bool) {
    let current = Current { context: context.clone(), secede: secede.clone(), task, seceded: false };
    CURRENT.with_borrow_mut(|known| *known = Some(current));
    let result = f();
    let seceded = CURRENT.with_borrow_mut(Option::take).is_some_and(|current| current.seceded);
    (result, seceded)
}

//! What a scheduler tells while it runs: progress bars, profilers and dashboards hang here.

use std::sync::Arc;

use crate::error::Error;
use crate::graph::{Graph, TaskId};
use crate::run_scope::{self, GuardId};

/// How far work on a cluster is, of which single tasks are not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tasks that have ended, well or badly.
    pub ended: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// All that the work needs, as far as is known.
    pub all: u64,
    /// Whether this is the last that is told.
    pub is_over: bool,
}

/// Watches a computation. Everything is provided and does nothing; methods are called from the threads that run tasks.
///
/// It also watches the computations that tasks start, whatever thread they do it on: runs may overlap. The graph of a
/// run stays in one place from [`started`](Observer::started) to [`done`](Observer::done), so that its address tells
/// them apart.
#[expect(unused_variables, reason = "names document the parameters")]
pub trait Observer: Send + Sync {
    /// A graph is about to run.
    fn started(&self, graph: &Graph) {}
    /// `worker` (counted from 0) begins a task.
    fn task_started(&self, graph: &Graph, task: TaskId, worker: usize) {}
    /// A task has made a value of `nbytes` bytes.
    fn task_finished(&self, graph: &Graph, task: TaskId, worker: usize, nbytes: usize) {}
    /// A value was dropped, its last dependent having run.
    fn released(&self, graph: &Graph, task: TaskId) {}
    /// A value of `nbytes` bytes went to disk.
    fn spilled(&self, graph: &Graph, task: TaskId, nbytes: usize) {}
    /// Work on a cluster is so far; told every now and then.
    fn progressed(&self, progress: Progress) {}
    /// The run has ended.
    fn done(&self, graph: &Graph, error: Option<&Error>) {}
    /// Whether [`task_finished`](Observer::task_finished) wants sizes; measuring them costs time.
    fn wants_sizes(&self) -> bool {
        true
    }
}

/// Observes every computation that this thread starts until the guard is dropped, and those that their tasks start.
pub fn with_observer(observer: Arc<dyn Observer>) -> ObserverGuard {
    let id = run_scope::change(|scope| scope.observers.push(observer));
    ObserverGuard { id, _not_send: std::marker::PhantomData }
}

/// The observers of this thread.
pub fn current_observers() -> Vec<Arc<dyn Observer>> {
    run_scope::read(|scope| scope.observers.iter().cloned().collect())
}

/// Ends the observation when dropped.
#[must_use = "the observation ends when the guard is dropped"]
pub struct ObserverGuard {
    id: GuardId,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for ObserverGuard {
    fn drop(&mut self) {
        drop(run_scope::change(|scope| scope.observers.take_back(self.id)));
    }
}

//! Start, end, worker and size of each task, and the memory of live values over time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dask_core::{Graph, Key, Observer, TaskId};

/// One task that ran.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Which.
    pub key: Key,
    /// The worker, counted from 0.
    pub worker: usize,
    /// Since the profiler was made.
    pub start: Duration,
    /// Since the profiler was made.
    pub end: Duration,
    /// Size of the value, in bytes.
    pub nbytes: usize,
}

#[derive(Default)]
struct Records {
    tasks: Vec<TaskRecord>,
    running: Vec<(TaskId, usize, Duration)>,
    sizes: Vec<usize>,
    live_bytes: usize,
    /// Bytes of live values after each change.
    memory: Vec<(Duration, usize)>,
}

/// Records every task of the computations it observes.
///
/// ```
/// use std::sync::Arc;
/// use dask_sched::diagnostics::Profiler;
/// let profiler = Arc::new(Profiler::new());
/// let guard = dask_core::with_observer(profiler.clone());
/// // … compute …
/// drop(guard);
/// assert!(profiler.tasks().is_empty());
/// ```
pub struct Profiler {
    origin: Instant,
    records: Mutex<Records>,
}

impl Default for Profiler {
    fn default() -> Self {
        Self::new()
    }
}

impl Profiler {
    /// Starts its clock.
    pub fn new() -> Self {
        Self { origin: Instant::now(), records: Mutex::default() }
    }

    /// When its clock started.
    #[cfg(feature = "profile")]
    pub(super) fn origin(&self) -> Instant {
        self.origin
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tasks that have finished, in the order in which they did.
    pub fn tasks(&self) -> Vec<TaskRecord> {
        self.records().tasks.clone()
    }

    /// The bytes of live values after each change, by time.
    pub fn memory(&self) -> Vec<(Duration, usize)> {
        self.records().memory.clone()
    }

    /// The most bytes that were alive at one time.
    pub fn peak_nbytes(&self) -> usize {
        self.records().memory.iter().map(|(_, nbytes)| *nbytes).max().unwrap_or(0)
    }
}

impl Observer for Profiler {
    fn started(&self, graph: &Graph) {
        let mut records = self.records();
        records.sizes = vec![0; graph.n_tasks()];
        records.live_bytes = 0;
    }

    fn task_started(&self, _graph: &Graph, task: TaskId, worker: usize) {
        let now = self.origin.elapsed();
        self.records().running.push((task, worker, now));
    }

    fn task_finished(&self, graph: &Graph, task: TaskId, worker: usize, nbytes: usize) {
        let end = self.origin.elapsed();
        let key = graph.key(task);
        let mut records = self.records();
        let running = records.running.iter().position(|(t, w, _)| *t == task && *w == worker);
        let start = running.map_or(end, |at| records.running.swap_remove(at).2);
        records.tasks.push(TaskRecord { key, worker, start, end, nbytes });
        if let Some(size) = records.sizes.get_mut(task.idx()) {
            *size = nbytes;
        }
        records.live_bytes += nbytes;
        let live = records.live_bytes;
        records.memory.push((end, live));
    }

    fn released(&self, _graph: &Graph, task: TaskId) {
        let now = self.origin.elapsed();
        let mut records = self.records();
        let nbytes = records.sizes.get(task.idx()).copied().unwrap_or(0);
        records.live_bytes = records.live_bytes.saturating_sub(nbytes);
        let live = records.live_bytes;
        records.memory.push((now, live));
    }
}

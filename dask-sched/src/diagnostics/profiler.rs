//! Start, end, worker and size of each task, and the memory of live values over time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dask_core::{Error, Graph, Key, Observer, TaskId};

/// One task that ran.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Which.
    pub key: Key,
    /// The computation it belongs to, counted from 0 in the order in which they started.
    pub run: usize,
    /// The worker, counted from 0 in each computation.
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
    /// Those under way: a few, one inside a task of the other.
    runs: Vec<Run>,
    n_runs: usize,
    live_bytes: usize,
    /// Bytes of live values after each change.
    memory: Vec<(Duration, usize)>,
}

/// A computation under way.
struct Run {
    /// Where its graph is.
    address: usize,
    number: usize,
    /// One plan may be run several times at once.
    n_times: usize,
    running: Vec<(TaskId, usize, Duration)>,
    /// Bytes of each value when it was made.
    sizes: Vec<usize>,
    live_bytes: usize,
}

impl Records {
    fn run(&mut self, graph: &Graph) -> &mut Run {
        let (address, n_tasks) = (std::ptr::from_ref(graph).addr(), graph.n_tasks());
        let is_it = |run: &Run| run.address == address && run.sizes.len() == n_tasks;
        let at = self.runs.iter().rposition(is_it).unwrap_or_else(|| {
            let (number, running, sizes) = (self.n_runs, Vec::new(), vec![0; n_tasks]);
            self.runs.push(Run { address, number, n_times: 0, running, sizes, live_bytes: 0 });
            self.n_runs += 1;
            self.runs.len() - 1
        });
        &mut self.runs[at]
    }

    fn now_live(&mut self, time: Duration, made: usize, gone: usize) {
        self.live_bytes = (self.live_bytes + made).saturating_sub(gone);
        self.memory.push((time, self.live_bytes));
    }
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

    /// The bytes of live values after each change, by time: those that computations under way hold, theirs together.
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
        self.records().run(graph).n_times += 1;
    }

    fn task_started(&self, graph: &Graph, task: TaskId, worker: usize) {
        let now = self.origin.elapsed();
        self.records().run(graph).running.push((task, worker, now));
    }

    fn task_finished(&self, graph: &Graph, task: TaskId, worker: usize, nbytes: usize) {
        let end = self.origin.elapsed();
        let key = graph.key(task);
        let mut records = self.records();
        let run = records.run(graph);
        let running = run.running.iter().position(|(t, w, _)| *t == task && *w == worker);
        let start = running.map_or(end, |at| run.running.swap_remove(at).2);
        run.sizes[task.idx()] = nbytes;
        run.live_bytes += nbytes;
        let run = run.number;
        records.tasks.push(TaskRecord { key, run, worker, start, end, nbytes });
        records.now_live(end, nbytes, 0);
    }

    fn released(&self, graph: &Graph, task: TaskId) {
        let now = self.origin.elapsed();
        let mut records = self.records();
        let run = records.run(graph);
        let gone = run.sizes[task.idx()];
        run.live_bytes = run.live_bytes.saturating_sub(gone);
        records.now_live(now, 0, gone);
    }

    fn done(&self, graph: &Graph, _error: Option<&Error>) {
        let now = self.origin.elapsed();
        let mut records = self.records();
        let run = records.run(graph);
        run.n_times = run.n_times.saturating_sub(1);
        if run.n_times > 0 {
            return;
        }
        // Outputs are the caller's from here on.
        let (address, gone) = (run.address, run.live_bytes);
        records.runs.retain(|run| run.address != address);
        records.now_live(now, 0, gone);
    }
}

//! How many values are alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dask_core::layer::{Materialized, SELF};
use dask_core::{Call, Graph, LayerRef, Observer, RunContext, Scheduler, TaskError, TaskFn, TaskId, Value};
use dask_sched::{SyncScheduler, ThreadedScheduler};

use crate::functions::{Count, Counted, graph};

/// Counts live values by what the scheduler says.
#[derive(Default)]
struct Peak {
    live: AtomicUsize,
    peak: AtomicUsize,
}

impl Observer for Peak {
    fn task_finished(&self, _graph: &Graph, _task: TaskId, _worker: usize, _nbytes: usize) {
        let live = self.live.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(live, Ordering::SeqCst);
    }
    fn released(&self, _graph: &Graph, _task: TaskId) {
        self.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A binary reduction of `2^height` leaves.
fn tree(height: u32, alive: &Arc<AtomicUsize>) -> LayerRef {
    let mut layer =
        Materialized::uniform("node".into(), &[(2 << height) - 1], vec![], Arc::new(Count(alive.clone(), 100)));
    (0..1 << height).for_each(|_| layer.push_uniform(&[]));
    let (mut level, mut n, mut next) = (0, 1 << height, 1 << height);
    while n > 1 {
        (0..n / 2).for_each(|i| layer.push_uniform(&[(SELF, level + 2 * i), (SELF, level + 2 * i + 1)]));
        (level, n, next) = (next, n / 2, next + n / 2);
    }
    LayerRef::new(layer, vec![])
}

#[test]
fn a_tree_keeps_few_values_alive() {
    for height in [8, 11, 14] {
        check_tree(height);
    }
}

fn check_tree(height: u32) {
    let alive = Arc::new(AtomicUsize::new(0));
    let tree = tree(height, &alive);
    let root = tree.keys().pop().unwrap();
    let schedulers: [(&dyn Scheduler, u32); 2] = [(&SyncScheduler, 1), (&ThreadedScheduler::new(2), 2)];
    for (scheduler, workers) in schedulers {
        let peak = Arc::new(Peak::default());
        let context = RunContext::default().with_observer(peak.clone());
        scheduler.run(&graph(&tree), std::slice::from_ref(&root), &context).unwrap();
        // One value a level and worker, what a batch of roots adds where two workers meet, and the value just made.
        let most = (workers * (height + 2) + 2 * height) as usize;
        let found = peak.peak.load(Ordering::SeqCst);
        assert!(found <= most, "{}, height {height}: {found} > {most}", scheduler.name());
        assert_eq!(alive.load(Ordering::SeqCst), 0, "values leaked");
    }
}

#[test]
fn nothing_is_leaked_by_a_failure() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut layer = Materialized::new("task".into(), &[101], vec![]);
    (0..100).for_each(|_| layer.push(Arc::new(Count(alive.clone(), 1)), &[]));
    layer.push(Arc::new(crate::functions::Step::Panic), &(0..100).map(|i| (SELF, i)).collect::<Vec<_>>());
    let layer = LayerRef::new(layer, vec![]);
    for n in [1, 2, 8] {
        let error = ThreadedScheduler::new(n).run(&graph(&layer), &layer.keys()[100..], &RunContext::default());
        assert!(error.unwrap_err().to_string().contains("task ('task', 100) failed: panicked: as it was told"));
        assert_eq!(alive.load(Ordering::SeqCst), 0, "values leaked");
    }
}

#[test]
fn above_the_limit_roots_wait() {
    let alive = Arc::new(AtomicUsize::new(0));
    let tree = tree(10, &alive);
    let root = tree.keys().pop().unwrap();
    let peak = Arc::new(Peak::default());
    // Room for 8 values; a tree of height 10 needs 11 on one worker: it must go on above the limit, but not far.
    let context = RunContext::default().with_observer(peak.clone()).with_memory_limit(800);
    ThreadedScheduler::new(8).run(&graph(&tree), &[root], &context).unwrap();
    assert!(peak.peak.load(Ordering::SeqCst) <= 32, "{}", peak.peak.load(Ordering::SeqCst));
}

/// `n` constants, on each of which hangs a task that makes a value and one that drops it.
fn made_of_constants(n: u32, alive: &Arc<AtomicUsize>) -> LayerRef {
    let constants = Materialized::values("constant".into(), &[n], (0..n).map(|_| Value::new(vec![0u8; 1000])));
    let mut made =
        Materialized::uniform("made".into(), &[n], vec!["constant".into()], Arc::new(Make(alive.clone(), 1000)));
    (0..n).for_each(|i| made.push_uniform(&[(0, i)]));
    let made = LayerRef::new(made, vec![constants]);
    let mut last = Materialized::uniform("last".into(), &[n], vec!["made".into()], Arc::new(Count(alive.clone(), 1)));
    (0..n).for_each(|i| last.push_uniform(&[(0, i)]));
    LayerRef::new(last, vec![made])
}

/// A big value of whatever it is given, slowly enough that others could run ahead.
struct Make(Arc<AtomicUsize>, usize);

impl dask_core::wire::Portable for Make {
    fn wire_name(&self) -> &'static str {
        "test.make"
    }
    fn encode(&self, _out: &mut dask_core::wire::Encoder) -> Result<(), dask_core::wire::WireError> {
        Err(dask_core::wire::WireError::OpaqueType { type_name: "Make" })
    }
}

impl TaskFn for Make {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        call.drain().for_each(drop);
        std::thread::yield_now();
        Ok(Value::new(Counted::new(&self.0, self.1)))
    }
}

fn bounded() -> Vec<Box<dyn Scheduler>> {
    vec![
        Box::new(ThreadedScheduler::new(1)),
        Box::new(ThreadedScheduler::new(4)),
        #[cfg(feature = "rayon")]
        Box::new(dask_sched::RayonScheduler),
    ]
}

#[test]
fn constants_are_no_burden_and_what_is_made_of_them_waits() {
    let n = 300;
    for scheduler in bounded() {
        let alive = Arc::new(AtomicUsize::new(0));
        let last = made_of_constants(n, &alive);
        let peak = Arc::new(PeakOf { what: "made", peak: Peak::default() });
        // The constants alone are a hundred times that.
        let context = RunContext::default().with_observer(peak.clone()).with_memory_limit(3_000);
        let values = scheduler.run(&graph(&last), &last.keys(), &context).unwrap();
        assert_eq!(values.len(), n as usize);
        let found = peak.peak.peak.load(Ordering::SeqCst);
        let most = 4 + 2 * std::thread::available_parallelism().map_or(4, usize::from).max(4);
        assert!(found <= most, "{}: {found} > {most}", scheduler.name());
        drop(values);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}

/// As [`Peak`], of one layer.
struct PeakOf {
    what: &'static str,
    peak: Peak,
}

impl Observer for PeakOf {
    fn task_finished(&self, graph: &Graph, task: TaskId, worker: usize, nbytes: usize) {
        if graph.layer(task).name.what() == self.what {
            self.peak.task_finished(graph, task, worker, nbytes);
        }
    }
    fn released(&self, graph: &Graph, task: TaskId) {
        if graph.layer(task).name.what() == self.what {
            self.peak.released(graph, task);
        }
    }
}

/// `n` roots in groups of `width`; each group is used by one task.
fn fans(n: u32, width: u32, alive: &Arc<AtomicUsize>) -> LayerRef {
    let mut roots = Materialized::uniform("root".into(), &[n], vec![], Arc::new(Make(alive.clone(), 1000)));
    (0..n).for_each(|_| roots.push_uniform(&[]));
    let roots = LayerRef::new(roots, vec![]);
    let groups = n / width;
    let mut used =
        Materialized::uniform("used".into(), &[groups], vec!["root".into()], Arc::new(Count(alive.clone(), 1)));
    (0..groups).for_each(|g| used.push_uniform(&(0..width).map(|i| (0, g * width + i)).collect::<Vec<_>>()));
    LayerRef::new(used, vec![roots])
}

#[test]
fn above_the_limit_roots_wait_on_every_scheduler_with_threads() {
    for scheduler in bounded() {
        let alive = Arc::new(AtomicUsize::new(0));
        let used = fans(3_000, 3, &alive);
        let peak = Arc::new(Peak::default());
        let context = RunContext::default().with_observer(peak.clone()).with_memory_limit(6_000);
        let values = scheduler.run(&graph(&used), &used.keys(), &context).unwrap();
        assert_eq!(values.len(), 1_000);
        // The outputs stay; the roots that are alive at once are few.
        let n_roots = peak.peak.load(Ordering::SeqCst).saturating_sub(1_000);
        let most = 16 + 3 * std::thread::available_parallelism().map_or(4, usize::from).max(4);
        assert!(n_roots <= most, "{}: {n_roots} > {most}", scheduler.name());
    }
}

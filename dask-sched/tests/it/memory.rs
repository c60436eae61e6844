//! How many values are alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dask_core::layer::{Materialized, SELF};
use dask_core::{Graph, LayerRef, Observer, RunContext, Scheduler, TaskId};
use dask_sched::{SyncScheduler, ThreadedScheduler};

use crate::functions::{Count, graph};

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
    let alive = Arc::new(AtomicUsize::new(0));
    let height = 14;
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
        assert!(found <= most, "{}: {found} > {most}", scheduler.name());
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

//! Our side: each step of a run timed by itself.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::Instant;

use dask_benches::shapes::Shape;
use dask_core::{Graph, LayerGraph, LayerRef, Observer, Plan, RunContext, TaskId, order};
use dask_sched::{SyncScheduler, ThreadedScheduler};
use serde::{Deserialize, Serialize};

use dask_benches::allocations::{alive, counted};

/// What a task costs at each step: microseconds a task, medians; both sides measure the same steps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Costs {
    pub(crate) n_tasks: usize,
    /// From nothing to a graph that is ready to run: build, optimize, order.
    pub(crate) prepare_us: f64,
    /// The priorities of a graph whose edges are known.
    pub(crate) order_us: f64,
    /// Running on one thread, after `prepare`.
    pub(crate) sync_us: f64,
    /// Running on two threads, after `prepare`.
    pub(crate) threads_us: f64,
    /// Bytes alive just before the first task runs: graph, priorities, the scheduler's own.
    pub(crate) bytes: f64,
    /// The most bytes alive at once until then.
    pub(crate) peak_bytes: f64,
}

fn prepare(shape: Shape, n: u32) -> dask_core::Result<(LayerRef, LayerGraph, Plan)> {
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = dask_core::optimize::optimize(&LayerGraph::new([&layer])?, &keys);
    let plan = Plan::new(&graph, &keys)?;
    Ok((layer, graph, plan))
}

/// Notes the bytes alive when the first task starts.
#[derive(Default)]
struct AtFirstTask {
    is_over: AtomicBool,
    bytes: AtomicIsize,
}

impl Observer for AtFirstTask {
    fn task_started(&self, _graph: &Graph, _task: TaskId, _worker: usize) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.bytes.store(alive(), Ordering::Relaxed);
        }
    }

    fn wants_sizes(&self) -> bool {
        false
    }
}

/// How many tasks there are, the bytes alive when the first of them starts on two threads, and the most before that.
fn memory(shape: Shape, n: u32) -> dask_core::Result<(usize, isize, isize)> {
    let observer = Arc::new(AtFirstTask::default());
    let context = RunContext::default().with_observer(observer.clone());
    let (prepared, mut peak) = counted(|| prepare(shape, n));
    let n_tasks = prepared?.2.graph.n_tasks();
    let (run, _) = counted(|| {
        let (_layer, _graph, plan) = prepare(shape, n)?;
        ThreadedScheduler::new(2).run_plan(plan, &context)
    });
    run?;
    let bytes = observer.bytes.load(Ordering::Relaxed);
    peak = peak.max(bytes);
    Ok((n_tasks, bytes, peak))
}

pub(crate) fn measure(shape: Shape, n: u32, n_repeats: usize) -> dask_core::Result<Costs> {
    let (n_tasks, bytes, peak_bytes) = memory(shape, n)?;
    let a_task = |total: f64| total / n_tasks as f64;
    let (mut prepared, mut ordered, mut sync, mut threads) = (vec![], vec![], vec![], vec![]);
    let context = RunContext::default();
    let two = ThreadedScheduler::new(2);
    // The first round warms up.
    for round in 0..=n_repeats {
        let mut started = Instant::now();
        let mut lap = |times: &mut Vec<f64>| {
            if round > 0 {
                times.push(a_task(started.elapsed().as_secs_f64() * 1e6));
            }
            started = Instant::now();
        };
        let (layer, graph, plan) = prepare(shape, n)?;
        lap(&mut prepared);
        let ranks = order::order(plan.graph.dependencies(), plan.graph.dependents());
        lap(&mut ordered);
        drop(black_box(ranks));
        drop((layer, graph));
        lap(&mut vec![]);
        let values = SyncScheduler.run_plan(&plan, &context)?;
        lap(&mut sync);
        drop(values);
        lap(&mut vec![]);
        let values = two.run_plan(plan, &context)?;
        lap(&mut threads);
        drop(values);
    }
    Ok(Costs {
        n_tasks,
        prepare_us: median(prepared),
        order_us: median(ordered),
        sync_us: median(sync),
        threads_us: median(threads),
        bytes: a_task(bytes as f64),
        peak_bytes: a_task(peak_bytes as f64),
    })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

//! What an empty task costs at each step of a run, and what it takes of memory before the first one runs.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::Instant;

use dask_benches::allocations::{alive, counted};
use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_benches::timing::median;
use dask_core::{Graph, LayerGraph, LayerRef, Observer, Plan, RunContext, TaskId, order};
use dask_sched::{SyncScheduler, ThreadedScheduler};

use crate::{Options, Outcome};

/// What a task costs: microseconds or bytes a task, medians.
struct Costs {
    n_tasks: usize,
    /// From nothing to a graph that is ready to run: build, optimize, order.
    prepare: f64,
    /// The priorities of a graph whose edges are known.
    order: f64,
    /// Running on one thread, after `prepare`.
    sync: f64,
    /// Running on two threads, after `prepare`.
    threads: f64,
    /// Bytes alive just before the first task runs: graph, priorities, the scheduler's own.
    bytes: f64,
}

struct Measure {
    name: &'static str,
    unit: &'static str,
    of: fn(&Costs) -> f64,
    target: fn(Shape) -> Option<f64>,
}

const MEASURES: [Measure; 5] = [
    Measure {
        name: "build+optimize+order",
        unit: "µs",
        of: |costs| costs.prepare,
        target: |shape| (shape != Shape::Chain).then_some(1.0),
    },
    Measure { name: "order alone", unit: "µs", of: |costs| costs.order, target: |_| Some(0.3) },
    Measure { name: "sync", unit: "µs", of: |costs| costs.sync, target: |_| Some(0.2) },
    Measure {
        name: "threads(2)",
        unit: "µs",
        of: |costs| costs.threads,
        target: |shape| match shape {
            Shape::Independent | Shape::Tree => Some(0.5),
            Shape::Chain => Some(0.3),
            Shape::Stencil | Shape::Shuffle | Shape::Merge => None,
        },
    },
    Measure { name: "memory before results", unit: "B", of: |costs| costs.bytes, target: |_| Some(200.0) },
];

/// The shapes that targets speak of, at our size and at that which Dask runs.
pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in Shape::ALL {
        eprintln!("{}: {} tasks", shape.name(), options.n_tasks);
        let large = costs(shape, options.n_tasks, options.n_repeats)?;
        let small = costs(shape, options.n_peer_tasks, options.n_repeats)?;
        for measure in &MEASURES {
            let row = Row::cost(format!("{}: {}", shape.name(), measure.name), measure.unit, (measure.of)(&large));
            rows.push(Row { target: (measure.target)(shape), ..row.beside((measure.of)(&small)) });
        }
        let tasks = Row::cost(format!("{}: how many", shape.name()), "tasks", large.n_tasks as f64);
        rows.push(tasks.beside(small.n_tasks as f64));
    }
    Ok(rows)
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

/// How many tasks there are, and the bytes alive when the first of them starts on two threads.
fn memory(shape: Shape, n: u32) -> dask_core::Result<(usize, isize)> {
    let observer = Arc::new(AtFirstTask::default());
    let context = RunContext::default().with_observer(observer.clone());
    let n_tasks = prepare(shape, n)?.2.graph.n_tasks();
    let (run, _) = counted(|| {
        let (_layer, _graph, plan) = prepare(shape, n)?;
        ThreadedScheduler::new(2).run_plan(plan, &context)
    });
    run?;
    Ok((n_tasks, observer.bytes.load(Ordering::Relaxed)))
}

fn costs(shape: Shape, n: u32, n_repeats: usize) -> dask_core::Result<Costs> {
    let (n_tasks, bytes) = memory(shape, n)?;
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
        prepare: median(prepared),
        order: median(ordered),
        sync: median(sync),
        threads: median(threads),
        bytes: a_task(bytes as f64),
    })
}

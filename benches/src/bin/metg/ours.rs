//! Our side: the pattern as a graph, every task checking what it is given.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use dask_benches::kernel;
use dask_core::layer::{Materialized, SELF};
use dask_core::{Call, Key, LayerGraph, LayerRef, RunContext, Scheduler, TaskError, TaskFn, Value};
use dask_sched::ThreadedScheduler;
use serde::{Deserialize, Serialize};

/// A task: sees whether its inputs are those that it should have, works, and returns its number.
#[derive(Serialize, Deserialize)]
struct Work {
    /// The dependencies of each task.
    expected: Arc<Vec<Vec<u32>>>,
    iterations: u64,
}

impl TaskFn for Work {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let task = call.index()[0];
        let expected = &self.expected[task as usize];
        for (i, before) in expected.iter().enumerate() {
            if call.get::<u32>(i)? != before {
                return Err(format!("task {task}: input {i} is not of task {before}").into());
            }
        }
        if call.n_inputs() != expected.len() {
            return Err(format!("task {task}: {} inputs, not {}", call.n_inputs(), expected.len()).into());
        }
        black_box(kernel::compute(self.iterations));
        Ok(Value::new(task))
    }
}
dask_core::portable!(Work as dyn TaskFn = "benches.metg");

/// Seconds for all tasks, from layers to values: the best of some runs.
pub(crate) fn seconds(
    dependencies: &Arc<Vec<Vec<u32>>>,
    sinks: &[u32],
    iterations: u64,
    n_threads: usize,
    n_repeats: usize,
) -> dask_core::Result<f64> {
    let n = dependencies.len() as u32;
    let function = Work { expected: dependencies.clone(), iterations };
    let mut layer = Materialized::uniform("task".into(), &[n], vec![], Arc::new(function));
    let mut edges = Vec::new();
    for before in dependencies.iter() {
        edges.clear();
        edges.extend(before.iter().map(|&task| (SELF, task)));
        layer.push_uniform(&edges);
    }
    let layer = LayerRef::new(layer, vec![]);
    let all: Vec<Key> = layer.keys();
    let keys: Vec<Key> = sinks.iter().map(|&task| all[task as usize].clone()).collect();
    let graph = LayerGraph::new([&layer])?;
    let scheduler = ThreadedScheduler::new(n_threads);
    let mut best = f64::INFINITY;
    for _ in 0..=n_repeats {
        let started = Instant::now();
        let values = scheduler.run(&graph, &keys, &RunContext::default())?;
        best = best.min(started.elapsed().as_secs_f64());
        drop(black_box(values));
    }
    Ok(best)
}

/// Seconds an iteration of the kernel takes while as many threads as will be used run it, without any scheduler: the
/// best of some.
pub(crate) fn kernel_seconds(n_threads: usize) -> f64 {
    const ITERATIONS: u64 = 1_000_000;
    let timed = || {
        let started = Instant::now();
        black_box(kernel::compute(black_box(ITERATIONS)));
        started.elapsed().as_secs_f64() / ITERATIONS as f64
    };
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let worst = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(timed)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).fold(0.0, f64::max)
        });
        best = best.min(worst);
    }
    best
}

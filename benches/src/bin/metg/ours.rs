//! Our side: the pattern as a graph, every task checking what it is given.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dask_benches::kernel;
use dask_core::layer::{Materialized, SELF};
use dask_core::{Call, Key, LayerGraph, LayerRef, RunContext, Scheduler, TaskError, TaskFn, Value};
use serde::{Deserialize, Serialize};

/// What the last run left on a cluster is released in this time.
const PAUSE: Duration = Duration::from_millis(5);

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

/// A pattern's tasks, and those that no other task needs: the outputs, so that nothing is culled.
pub(crate) struct Tasks {
    pub(crate) dependencies: Arc<Vec<Vec<u32>>>,
    pub(crate) outputs: Vec<u32>,
}

impl Tasks {
    pub(crate) fn new(dependencies: Vec<Vec<u32>>) -> Self {
        let mut is_needed = vec![false; dependencies.len()];
        dependencies.iter().flatten().for_each(|&task| is_needed[task as usize] = true);
        let outputs = (0..).zip(is_needed).filter(|&(_, is_needed)| !is_needed).map(|(task, _)| task).collect();
        Self { dependencies: Arc::new(dependencies), outputs }
    }

    /// A graph that is like no other: a cluster knows tasks by their names.
    fn graph(&self, iterations: u64) -> dask_core::Result<(LayerGraph, Vec<Key>)> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("task-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let function = Work { expected: self.dependencies.clone(), iterations };
        let n = self.dependencies.len() as u32;
        let mut layer = Materialized::uniform(name.as_str().into(), &[n], vec![], Arc::new(function));
        let mut edges = Vec::new();
        for before in self.dependencies.iter() {
            edges.clear();
            edges.extend(before.iter().map(|&task| (SELF, task)));
            layer.push_uniform(&edges);
        }
        let layer = LayerRef::new(layer, vec![]);
        let all = layer.keys();
        let keys = self.outputs.iter().map(|&task| all[task as usize].clone()).collect();
        Ok((LayerGraph::new([&layer])?, keys))
    }

    /// Seconds of some runs after one that warms up: from layers to the values of the outputs.
    pub(crate) fn seconds(
        &self,
        scheduler: &dyn Scheduler,
        iterations: u64,
        n_repeats: usize,
    ) -> dask_core::Result<Vec<f64>> {
        let mut times = Vec::with_capacity(n_repeats);
        for round in 0..=n_repeats {
            let (graph, keys) = self.graph(iterations)?;
            std::thread::sleep(PAUSE);
            let started = Instant::now();
            let values = scheduler.run(&graph, &keys, &RunContext::default())?;
            if round != 0 {
                times.push(started.elapsed().as_secs_f64());
            }
            drop(black_box(values));
        }
        Ok(times)
    }
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

#[cfg(test)]
mod tests {
    use super::Tasks;

    #[test]
    fn what_nobody_needs_is_an_output() {
        assert_eq!(Tasks::new(vec![vec![], vec![0], vec![0], vec![2]]).outputs, [1, 3]);
    }

    #[test]
    fn tasks_see_what_they_should_see() {
        let tasks = Tasks::new(vec![vec![], vec![0], vec![0, 1]]);
        assert_eq!(tasks.seconds(&dask_sched::SyncScheduler, 1, 2).unwrap().len(), 2);
    }
}

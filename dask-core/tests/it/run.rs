//! The smallest scheduler, and functions to run on it.

use dask_core::layer::Materialized;
use dask_core::{
    Call, Error, Index, Key, LayerGraph, LayerRef, Name, Plan, Result, RunContext, Scheduler, TaskError, TaskFn, Value,
};

/// Runs tasks by priority, without releasing anything.
pub(crate) struct Plain;

impl Scheduler for Plain {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], _context: &RunContext) -> Result<Vec<Value>> {
        let Plan { graph, outputs, priority } = Plan::new(graph, outputs)?;
        let mut order: Vec<_> = graph.tasks().collect();
        order.sort_by_key(|task| priority[task.idx()]);
        let mut values: Vec<Option<Value>> = vec![None; graph.n_tasks()];
        for task in order {
            let mut inputs: Vec<_> =
                graph.dependencies().of(task.0).iter().map(|&d| values[d as usize].clone()).collect();
            let mut index = Index::new();
            graph.index(task, &mut index);
            let value = graph.function(task).run(Call::new(&index, &mut inputs)).map_err(|source| Error::Task {
                key: Box::new(graph.key(task)),
                layers: graph.layer_chain(task),
                source: source.into(),
            })?;
            values[task.idx()] = Some(value);
        }
        Ok(outputs.iter().filter_map(|task| values[task.idx()].clone()).collect())
    }

    fn name(&self) -> &'static str {
        "plain"
    }
}

/// A hash of its name, its index and its inputs, in order: two runs agree only if they ran the same calls.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Trace(pub(crate) u64);

impl TaskFn for Trace {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let mut hash = self.0.wrapping_mul(31);
        for &i in call.index() {
            hash = (hash ^ u64::from(i)).wrapping_mul(0x0100_0000_01b3);
        }
        for i in 0..call.n_inputs() {
            hash = (hash ^ call.take::<u64>(i)?).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7);
        }
        Ok(Value::new(hash))
    }
}
dask_core::portable!(Trace as dyn TaskFn = "test.trace");

/// A layer of one value.
pub(crate) fn value(name: &str, value: u64) -> LayerRef {
    Materialized::values(Name::new(name), &[], [Value::new(value)])
}

/// The values of `keys`, as plain numbers.
pub(crate) fn numbers(graph: &LayerGraph, keys: &[Key]) -> Result<Vec<u64>> {
    Plain.run(graph, keys, &RunContext::default())?.into_iter().map(Value::take).collect()
}

//! Functions and graphs to run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dask_core::layer::{Materialized, SELF};
use dask_core::{Call, Data, LayerGraph, LayerRef, TaskError, TaskFn, Value};

/// A hash of its number and its inputs, in order; or a failure.
#[derive(serde::Serialize, serde::Deserialize, Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Hashes.
    Hash(u64),
    /// Returns an error.
    Fail,
    /// Panics.
    Panic,
}

impl TaskFn for Step {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        match *self {
            Self::Fail => Err("as it was told".into()),
            Self::Panic => panic!("as it was told"),
            Self::Hash(seed) => {
                let mut hash = seed;
                for i in 0..call.n_inputs() {
                    hash = (hash ^ call.take::<u64>(i)?).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7);
                }
                Ok(Value::new(hash))
            }
        }
    }
}
dask_core::portable!(Step as dyn TaskFn = "test.step");

/// A layer of tasks, each with the numbers of earlier ones that it needs.
pub(crate) fn layer(tasks: &[(Step, Vec<u32>)]) -> LayerRef {
    let mut layer = Materialized::new("task".into(), &[tasks.len() as u32], vec![]);
    for (step, dependencies) in tasks {
        let edges: Vec<_> = dependencies.iter().map(|&d| (SELF, d)).collect();
        layer.push(Arc::new(*step), &edges);
    }
    LayerRef::new(layer, vec![])
}

/// The graph of one layer.
pub(crate) fn graph(layer: &LayerRef) -> LayerGraph {
    LayerGraph::new([layer]).unwrap()
}

/// A value that counts how many of it are alive.
pub(crate) struct Counted(Arc<AtomicUsize>, pub(crate) usize);

impl Counted {
    pub(crate) fn new(alive: &Arc<AtomicUsize>, nbytes: usize) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive.clone(), nbytes)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Data for Counted {
    fn nbytes(&self) -> usize {
        self.1
    }
}

/// Makes counted values.
pub(crate) struct Count(pub(crate) Arc<AtomicUsize>, pub(crate) usize);

impl dask_core::wire::Portable for Count {
    fn wire_name(&self) -> &'static str {
        "test.count"
    }
    fn encode(&self, _out: &mut dask_core::wire::Encoder) -> Result<(), dask_core::wire::WireError> {
        Err(dask_core::wire::WireError::OpaqueType { type_name: "Count" })
    }
}

impl TaskFn for Count {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        for i in 0..call.n_inputs() {
            call.get::<Counted>(i)?;
        }
        Ok(Value::new(Counted::new(&self.0, self.1)))
    }
}

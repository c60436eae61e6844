//! The seam to whatever runs a graph.

use crate::error::Result;
use crate::key::Key;
use crate::layer::LayerGraph;
use crate::run_context::RunContext;
use crate::value::Value;

/// Runs graphs. Sync, threads, rayon, processes and the cluster differ only behind this.
pub trait Scheduler: Send + Sync {
    /// Runs what `outputs` need and returns their values, in the same order.
    ///
    /// # Errors
    /// The first task that failed, with its key; tasks that had not started are dropped.
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>>;

    /// Computes `outputs` and leaves the values where they are: a cluster returns [remote](Value::remote) ones.
    ///
    /// # Errors
    /// As [`run`](Scheduler::run).
    fn persist(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        self.run(graph, outputs, context)
    }

    /// Its name, as in `DASK_SCHEDULER`.
    fn name(&self) -> &'static str;
}

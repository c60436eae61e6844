//! One task after another, on the caller's thread, always in the same order.

use dask_core::{Call, Error, Index, Key, LayerGraph, Plan, Result, RunContext, RunScope, Scheduler, TaskId, Value};

use crate::catch::task_error;
use crate::run::{Account, in_order};

/// Runs one task after another on the caller's thread: for debugging, and as what the others are compared with.
///
/// ```
/// use dask_core::{Name, LayerRef, LayerGraph, RunContext, Scheduler, Value, layer::Materialized};
/// let layer = Materialized::values(Name::new("x"), &[], [Value::new(42i64)]);
/// let graph = LayerGraph::new([&layer])?;
/// let values = dask_sched::SyncScheduler.run(&graph, &layer.keys(), &RunContext::default())?;
/// assert_eq!(values[0].get::<i64>()?, &42);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct SyncScheduler;

impl Scheduler for SyncScheduler {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        run_plan(&Plan::new(graph, outputs)?, context)
    }

    fn name(&self) -> &'static str {
        "sync"
    }
}

impl SyncScheduler {
    /// Runs a plan that is there already.
    ///
    /// # Errors
    /// The first task that failed, or [`Error::Cancelled`].
    pub fn run_plan(&self, plan: &Plan, context: &RunContext) -> Result<Vec<Value>> {
        run_plan(plan, context)
    }
}

fn run_plan(plan: &Plan, context: &RunContext) -> Result<Vec<Value>> {
    context.observers.iter().for_each(|observer| observer.started(&plan.graph));
    let result = run_tasks(plan, context);
    context.observers.iter().for_each(|observer| observer.done(&plan.graph, result.as_ref().err()));
    result
}

fn run_tasks(plan: &Plan, context: &RunContext) -> Result<Vec<Value>> {
    let _inside = RunScope::of(context).enter();
    let Plan { graph, priority, .. } = plan;
    let mut account = Account::new(plan);
    let (mut inputs, mut index) = (Vec::new(), Index::new());
    let sizes = context.observers.iter().any(|observer| observer.wants_sizes());
    for task in in_order(priority) {
        let task = TaskId(task);
        if context.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        context.observers.iter().for_each(|observer| observer.task_started(graph, task, 0));
        let mut gone = Vec::new();
        account.gather(graph, task, &mut inputs, |dependency| {
            if !context.observers.is_empty() {
                gone.push(dependency);
            }
        });
        graph.index(task, &mut index);
        let value = dask_core::run_caught(&**graph.function(task), Call::new(&index, &mut inputs))
            .map_err(|source| task_error(graph, task, context, source))?;
        inputs.clear();
        if !context.observers.is_empty() {
            let nbytes = if sizes { value.nbytes() } else { 0 };
            for observer in &context.observers {
                gone.iter().for_each(|&dependency| observer.released(graph, dependency));
                observer.task_finished(graph, task, 0, nbytes);
            }
        }
        account.put(task, value);
    }
    Ok(account.outputs(plan))
}

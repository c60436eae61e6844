//! Encodes and decodes between any two tasks, as a process boundary would.

use std::sync::Arc;

use dask_core::wire::{Decoder, Encoder, decode_portable, encode_portable};
use dask_core::{
    Call, Error, Graph, Index, Key, LayerGraph, Plan, Result, RunContext, RunScope, Scheduler, TaskFn, TaskId, Value,
};

use crate::catch::task_error;
use crate::run::{Account, in_order};

/// Runs one task after another and sends every function and every value through the wire: what computes here can
/// compute in other processes. For tests.
#[derive(Debug, Default, Clone, Copy)]
pub struct RoundTripScheduler;

impl Scheduler for RoundTripScheduler {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        let plan = Plan::new(graph, outputs)?;
        context.observers.iter().for_each(|observer| observer.started(&plan.graph));
        let result = run_plan(&plan, context);
        context.observers.iter().for_each(|observer| observer.done(&plan.graph, result.as_ref().err()));
        result
    }

    fn name(&self) -> &'static str {
        "round-trip"
    }
}

/// The functions after a way through the wire; whatever cannot travel is named.
fn travelled(graph: &Graph) -> Result<Vec<Arc<dyn TaskFn>>> {
    let travel = |task: TaskId| {
        let cannot = |source| Error::CannotTravel { key: Box::new(graph.key(task)), source };
        let mut out = Encoder::new();
        encode_portable(&**graph.function(task), &mut out).map_err(cannot)?;
        decode_portable::<dyn TaskFn>(&mut Decoder::new(&out.finish(""))).map_err(cannot)
    };
    graph.tasks().map(travel).collect()
}

fn run_plan(plan: &Plan, context: &RunContext) -> Result<Vec<Value>> {
    let graph = &plan.graph;
    let functions = travelled(graph)?;
    let _inside = RunScope::of(context).enter();
    let mut account = Account::new(plan);
    let (mut inputs, mut index) = (Vec::new(), Index::new());
    for task in in_order(&plan.priority) {
        let task = TaskId(task);
        if context.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        context.observers.iter().for_each(|observer| observer.task_started(graph, task, 0));
        let mut gone = Vec::new();
        account.gather(graph, task, &mut inputs, |dependency| gone.push(dependency));
        graph.index(task, &mut index);
        let value = dask_core::run_caught(&*functions[task.idx()], Call::new(&index, &mut inputs))
            .map_err(|source| task_error(graph, task, context, source))?;
        inputs.clear();
        let parcel =
            value.to_parcel().map_err(|source| Error::CannotTravel { key: Box::new(graph.key(task)), source })?;
        for observer in &context.observers {
            gone.iter().for_each(|&dependency| observer.released(graph, dependency));
            observer.task_finished(graph, task, 0, parcel.nbytes());
        }
        account.put(task, Value::encoded(parcel));
    }
    Ok(account.outputs(plan))
}

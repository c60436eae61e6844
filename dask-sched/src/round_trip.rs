//! Encodes and decodes between any two tasks, as a process boundary would.

use std::sync::Arc;

use dask_core::wire::{Decoder, Encoder, decode_portable, encode_portable};
use dask_core::{Call, Error, Index, Key, LayerGraph, Plan, Result, RunContext, Scheduler, TaskFn, TaskId, Value};

use crate::catch::{run_caught, task_error};
use crate::run::{Account, in_order};

/// Runs one task after another and sends every function and every value through the wire: what computes here can
/// compute in other processes. For tests.
#[derive(Debug, Default, Clone, Copy)]
pub struct RoundTripScheduler;

impl Scheduler for RoundTripScheduler {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        let plan = Plan::new(graph, outputs)?;
        let graph = &plan.graph;
        // Before anything runs: whatever cannot travel is named.
        let functions: Vec<Arc<dyn TaskFn>> = graph
            .tasks()
            .map(|task| {
                let cannot = |source| Error::CannotTravel { key: Box::new(graph.key(task)), source };
                let mut out = Encoder::new();
                encode_portable(&**graph.function(task), &mut out).map_err(cannot)?;
                decode_portable::<dyn TaskFn>(&mut Decoder::new(&out.finish(""))).map_err(cannot)
            })
            .collect::<Result<_>>()?;
        let mut account = Account::new(&plan);
        let (mut inputs, mut index) = (Vec::new(), Index::new());
        for task in in_order(&plan.priority) {
            let task = TaskId(task);
            if context.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            account.gather(graph, task, &mut inputs, |_| ());
            graph.index(task, &mut index);
            let value = run_caught(&*functions[task.idx()], Call::new(&index, &mut inputs))
                .map_err(|source| task_error(graph, task, source))?;
            let parcel =
                value.to_parcel().map_err(|source| Error::CannotTravel { key: Box::new(graph.key(task)), source })?;
            account.put(task, Value::encoded(parcel));
        }
        Ok(account.outputs(&plan))
    }

    fn name(&self) -> &'static str {
        "round-trip"
    }
}

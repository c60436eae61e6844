//! A client as the scheduler of collections: `compute()` runs on the cluster.

use std::sync::Arc;

use dask_core::{Error, Key, LayerGraph, Plan, Result, RunContext, Scheduler, Value};

use super::Client;
use super::answer::block_on_unless;
use super::as_completed::ended;
use super::gather::gather;
use super::remote::RemoteFuture;
use super::watch::Watch;
use super::wish::Wish;
use crate::protocol::FromClient;

/// Collections compute on the cluster with a client as their scheduler; its [options](Client::with) hold for them.
///
/// ```
/// use std::sync::Arc;
/// use dask_core::{Collection, delayed, with_scheduler};
/// use dask_dist::Client;
/// fn inc(x: i64) -> i64 { x + 1 }
///
/// let _on_cluster = with_scheduler(Arc::new(Client::local()?));
/// assert_eq!(delayed!(inc(1)).compute()?, 2);
/// # Ok::<(), dask_core::Error>(())
/// ```
impl Scheduler for Client {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        self.observed(graph, outputs, context, |wishes| self.unless_cancelled(gather(wishes.clone()), wishes, context))
    }

    fn persist(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        self.observed(graph, outputs, context, |wishes| {
            let all = async {
                ended(wishes.clone()).await;
                Ok(())
            };
            self.unless_cancelled(all, wishes, context)?;
            let value = |wish: &Arc<Wish>| wish.error().map_or_else(|| Ok(RemoteFuture::value(wish)), Err);
            wishes.iter().map(value).collect()
        })
    }

    fn name(&self) -> &'static str {
        "cluster"
    }
}

impl Client {
    fn observed(
        &self,
        graph: &LayerGraph,
        outputs: &[Key],
        context: &RunContext,
        run: impl FnOnce(&Vec<Arc<Wish>>) -> Result<Vec<Value>>,
    ) -> Result<Vec<Value>> {
        // Tasks are made here only if somebody watches: otherwise the scheduler alone does that.
        let plan = if context.observers.is_empty() { None } else { Some(Plan::new(graph, outputs)?) };
        if context.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let observers = plan.as_ref().map(|plan| (plan, &context.observers));
        observers.iter().for_each(|(plan, all)| all.iter().for_each(|observer| observer.started(&plan.graph)));
        let result = self.send_graph(graph, outputs).and_then(|wishes| {
            let watch =
                if context.observers.is_empty() { None } else { Watch::start(&wishes, context.observers.clone()) };
            let result = run(&wishes);
            drop(watch);
            result
        });
        observers.iter().for_each(|(plan, all)| {
            all.iter().for_each(|observer| observer.done(&plan.graph, result.as_ref().err()));
        });
        result
    }

    /// Waits; if the run is cancelled meanwhile, what only it wanted is released, and nothing new of it starts.
    fn unless_cancelled<T>(
        &self,
        work: impl std::future::Future<Output = Result<T>>,
        wishes: &[Arc<Wish>],
        context: &RunContext,
    ) -> Result<T> {
        match block_on_unless(work, || context.cancel.is_cancelled()) {
            Some(result) => result,
            None => {
                let futures = wishes.iter().map(|wish| wish.id).collect();
                // If the scheduler is gone, there is nothing to cancel.
                self.connection.send(FromClient::Release(futures), Vec::new()).ok();
                Err(Error::Cancelled)
            }
        }
    }
}

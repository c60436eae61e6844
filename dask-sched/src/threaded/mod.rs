//! All cores: a pool of threads that steal work from each other.
//!
//! ```text
//!            roots, in the order of their priorities, in small batches
//!              │
//!   ┌──────────▼───────────┐  steals the oldest  ┌──────────────────────┐
//!   │ worker 0: own deque, │ ◄─────────────────► │ worker 1: own deque, │
//!   │ newest first         │                     │ newest first         │
//!   └──────────────────────┘                     └──────────────────────┘
//! ```
//! A worker that finishes a task runs the best of those it made ready at once, without a queue, and pushes the
//! others; it takes new roots only when its own deque is empty, and steals only when the roots are used up. So what
//! was started is finished first, and few values are alive: in a tree of n leaves O(log n) a worker.
//!
//! The thread that asks for a computation works on it too, so that a task may compute: the inner run can always be
//! finished by the thread that waits for it. Whoever takes part in a run is in its scope meanwhile, and then again in
//! that of the run around it.

mod pool;
mod worker;

use std::sync::Arc;

use dask_core::{Key, LayerGraph, Plan, Result, RunContext, Scheduler, Value};

use worker::Run;

/// Runs tasks on a pool of threads that all computations of the process share.
///
/// With [`RunContext::memory_limit`], no new root starts while the bytes of live values exceed the limit, unless
/// nothing else could run. With [`RunContext::spill_directory`] as well, the values that are needed last go to files
/// in a directory of the run's own inside it, which is removed when the run ends; values that cannot travel stay.
#[derive(Debug, Default, Clone, Copy)]
pub struct ThreadedScheduler {
    n_threads: Option<usize>,
}

impl ThreadedScheduler {
    /// On `n_threads` threads, the caller's included. By default `DASK_NUM_WORKERS`, or one a core.
    pub fn new(n_threads: usize) -> Self {
        Self { n_threads: Some(n_threads) }
    }

    /// Runs a plan that is there already.
    ///
    /// # Errors
    /// The first task that failed, or [`Error::Cancelled`](dask_core::Error::Cancelled).
    pub fn run_plan(&self, plan: Plan, context: &RunContext) -> Result<Vec<Value>> {
        let n_threads = match context.n_threads.or(self.n_threads) {
            Some(n_threads) => n_threads,
            None => default_threads()?,
        };
        let n_threads = n_threads.clamp(1, 1024);
        let run = Arc::new(Run::new(plan, context.clone(), n_threads));
        pool::invite(&run, n_threads - 1);
        run.participate();
        pool::withdraw(&run);
        let result = run.finish();
        context.observers.iter().for_each(|observer| observer.done(run.graph(), result.as_ref().err()));
        result
    }
}

impl Scheduler for ThreadedScheduler {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        self.run_plan(Plan::new(graph, outputs)?, context)
    }

    fn name(&self) -> &'static str {
        "threads"
    }
}

fn default_threads() -> Result<usize> {
    let wanted = dask_core::config::whole("num-workers").map_err(dask_core::Error::other)?.filter(|&n| n > 0);
    Ok(wanted.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |n| n as usize))
}

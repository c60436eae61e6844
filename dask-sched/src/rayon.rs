//! Inside the caller's rayon pool.
//!
//! No job waits: a thread of the pool that waits for an inner computation may take up any other job, and a job that
//! waited for the run it belongs to would then wait for itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use dask_core::{Error, Key, LayerGraph, Plan, Result, RunContext, Scheduler, TaskId, Value};
use rayon::Scope;

use crate::catch::guarded;
use crate::tasks::{Scratch, Tasks};

/// Runs tasks in the rayon pool of the calling thread (the global one, outside of any), so that they share its
/// threads with other parallel work.
///
/// [`RunContext::n_threads`] is not looked at: the pool has the threads it has. Values may be spilled, but roots do
/// not wait for memory; for that, take [`ThreadedScheduler`](crate::ThreadedScheduler).
///
/// ```
/// use dask_core::{LayerGraph, Name, RunContext, Scheduler, Value, layer::Materialized};
/// let layer = Materialized::values(Name::new("x"), &[], [Value::new(42i64)]);
/// let graph = LayerGraph::new([&layer])?;
/// let values = dask_sched::RayonScheduler.run(&graph, &layer.keys(), &RunContext::default())?;
/// assert_eq!(values[0].get::<i64>()?, &42);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct RayonScheduler;

impl Scheduler for RayonScheduler {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        self.run_plan(Plan::new(graph, outputs)?, context)
    }

    fn name(&self) -> &'static str {
        "rayon"
    }
}

impl RayonScheduler {
    /// Runs a plan that is there already.
    ///
    /// # Errors
    /// The first task that failed, or [`Error::Cancelled`].
    pub fn run_plan(&self, plan: Plan, context: &RunContext) -> Result<Vec<Value>> {
        context.observers.iter().for_each(|observer| observer.started(&plan.graph));
        let tasks = Tasks::new(plan, context.clone());
        let run = Run {
            roots: tasks.roots(),
            tasks,
            next_root: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            error: Mutex::new(None),
        };
        rayon::scope(|scope| {
            let n_feeders = rayon::current_num_threads().min(run.roots.len());
            (0..n_feeders).for_each(|_| scope.spawn(|scope| run.feed(scope)));
        });
        let result = match run.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            // SAFETY: the scope has ended, so all its jobs have; without an error all tasks have run.
            None => unsafe { run.tasks.outputs() },
        };
        // SAFETY: the scope has ended, so all its jobs have.
        unsafe { run.tasks.clear() };
        context.observers.iter().for_each(|observer| observer.done(run.tasks.graph(), result.as_ref().err()));
        result
    }
}

struct Run {
    tasks: Tasks,
    roots: Vec<u32>,
    next_root: AtomicUsize,
    stopped: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Run {
    /// Takes the next root, and leaves a job for the one behind it: below the work that the root makes ready, so that
    /// what was started is finished first.
    fn feed<'scope>(&'scope self, scope: &Scope<'scope>) {
        let next = self.next_root.fetch_add(1, Ordering::Relaxed);
        if let Some(&root) = self.roots.get(next) {
            scope.spawn(|scope| self.feed(scope));
            self.work(root, scope);
        }
    }

    /// Runs `task` and the chain behind it; what else becomes ready are jobs.
    fn work<'scope>(&'scope self, task: u32, scope: &Scope<'scope>) {
        let worker = rayon::current_thread_index().unwrap_or(0);
        let mut scratch = Scratch::default();
        let mut next = Some(task);
        let done = guarded(|| {
            while let Some(task) = next
                && !self.stopped.load(Ordering::Relaxed)
            {
                match self.step(task, worker, &mut scratch, scope) {
                    Ok(ready) => next = ready,
                    Err(error) => self.stop(error),
                }
            }
        });
        if let Err(error) = done {
            self.stop(error);
        }
    }

    fn step<'scope>(
        &'scope self,
        task: u32,
        worker: usize,
        scratch: &mut Scratch,
        scope: &Scope<'scope>,
    ) -> Result<Option<u32>> {
        if self.tasks.context.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let (value, _) = self.tasks.run(TaskId(task), worker, scratch)?;
        let push = |ready| scope.spawn(move |scope| self.work(ready, scope));
        let next = self.tasks.complete(task, value, push);
        self.tasks.shrink(next).map(|()| next)
    }

    fn stop(&self, error: Error) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stopped.store(true, Ordering::Release);
    }
}

//! Inside the caller's rayon pool.
//!
//! No job waits: a thread of the pool that waits for an inner computation may take up any other job, and a job that
//! waited for the run it belongs to would then wait for itself. A feeder that may not start a root, because memory is
//! short, ends and leaves its number; whoever frees memory or finishes starts it again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, PoisonError};

use dask_core::{Error, Key, LayerGraph, Plan, Result, RunContext, Scheduler, TaskId, Value};
use rayon::Scope;

use crate::catch::guarded;
use crate::tasks::{Scratch, Tasks};

/// Runs tasks in the rayon pool of the calling thread (the global one, outside of any), so that they share its
/// threads with other parallel work.
///
/// [`RunContext::n_threads`] is not looked at: the pool has the threads it has. Roots wait for memory and values are
/// spilled as in [`ThreadedScheduler`](crate::ThreadedScheduler).
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
        let tasks = Tasks::new(plan, context.clone());
        let (roots, error) = match tasks.begin() {
            Ok((roots, _)) => (roots, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let run = Run {
            roots,
            tasks,
            next_root: AtomicUsize::new(0),
            n_jobs: AtomicUsize::new(0),
            n_resting: AtomicUsize::new(0),
            stopped: AtomicBool::new(error.is_some()),
            error: Mutex::new(error),
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
    /// Tasks with a job of their own, running or not.
    n_jobs: AtomicUsize,
    /// Feeders that wait for memory.
    n_resting: AtomicUsize,
    stopped: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Run {
    /// Takes the next root, and leaves a job for the one behind it: below the work that the root makes ready, so that
    /// what was started is finished first.
    fn feed<'scope>(&'scope self, scope: &Scope<'scope>) {
        if self.stopped.load(Ordering::Relaxed) || self.next_root.load(Ordering::Relaxed) >= self.roots.len() {
            return;
        }
        if !self.may_start_root() {
            self.n_resting.fetch_add(1, Ordering::SeqCst);
            // Whoever finished just now may not have seen that this rests.
            return self.wake(scope);
        }
        if let Some(&root) = self.roots.get(self.next_root.fetch_add(1, Ordering::Relaxed)) {
            self.n_jobs.fetch_add(1, Ordering::SeqCst);
            scope.spawn(|scope| self.feed(scope));
            self.work(root, scope);
        }
    }

    /// Above the memory limit roots wait, unless no job is left that could free memory.
    fn may_start_root(&self) -> bool {
        !self.tasks.above_limit() || self.n_jobs.load(Ordering::SeqCst) == 0
    }

    /// Starts a resting feeder, if there is one and it may go on.
    fn wake<'scope>(&'scope self, scope: &Scope<'scope>) {
        if self.tasks.context.memory_limit.is_none() {
            return;
        }
        // With `feed`: either this sees the feeder rest, or the feeder sees what this has done.
        fence(Ordering::SeqCst);
        if self.n_resting.load(Ordering::SeqCst) == 0 || !self.may_start_root() {
            return;
        }
        let one_less = |n: usize| n.checked_sub(1);
        if self.n_resting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            scope.spawn(|scope| self.feed(scope));
        }
    }

    /// Runs `task` and the chain behind it; what else becomes ready are jobs. Counted in `n_jobs` by the caller.
    fn work<'scope>(&'scope self, task: u32, scope: &Scope<'scope>) {
        let worker = rayon::current_thread_index().unwrap_or(0);
        let mut scratch = Scratch::default();
        let mut next = Some(task);
        let done = guarded(|| {
            // This thread may be waiting inside a task of another run.
            let _inside = self.tasks.enter();
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
        self.n_jobs.fetch_sub(1, Ordering::SeqCst);
        self.wake(scope);
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
        let (value, freed) = self.tasks.run(TaskId(task), worker, scratch)?;
        let push = |ready| {
            self.n_jobs.fetch_add(1, Ordering::SeqCst);
            scope.spawn(move |scope| self.work(ready, scope));
        };
        let next = self.tasks.complete(task, value, push);
        self.tasks.shrink(next)?;
        if freed {
            self.wake(scope);
        }
        Ok(next)
    }

    fn stop(&self, error: Error) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stopped.store(true, Ordering::Release);
    }
}

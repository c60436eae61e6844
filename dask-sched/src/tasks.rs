//! The tasks of a run on several threads: inputs in, value out, dependents told. Where a task runs and when is the
//! scheduler's affair.

use std::sync::atomic::{AtomicU64, Ordering};

use dask_core::{Call, Error, Graph, Index, Plan, Result, RunContext, RunScope, RunScopeGuard, TaskId, Value};

use crate::catch::{guarded, task_error};
use crate::run::{in_order, uses};
use crate::slot::Slot;
use crate::spill::Shelf;

/// The tasks of a run, their values and their counters.
pub(crate) struct Tasks {
    /// Where it was when observers were told that it starts: its address is what they know the run by.
    pub(crate) plan: Box<Plan>,
    pub(crate) context: RunContext,
    scope: RunScope,
    slots: Vec<Slot>,
    /// Holds the values instead of the slots if they may be spilled.
    shelf: Option<Shelf>,
    /// Bytes of each value when it was made; empty if nobody wants to know.
    sizes: Vec<AtomicU64>,
    live_bytes: AtomicU64,
}

/// What one thread reuses from task to task.
#[derive(Default)]
pub(crate) struct Scratch {
    inputs: Vec<Option<Value>>,
    gone: Vec<u32>,
    index: Index,
}

impl Tasks {
    /// Nothing has run. Observers hear of the run here, for the first time.
    pub(crate) fn new(plan: Plan, context: RunContext) -> Self {
        let plan = Box::new(plan);
        context.observers.iter().for_each(|observer| observer.started(&plan.graph));
        let dependencies = plan.graph.dependencies();
        let uses = uses(&plan);
        let slots = uses.iter().enumerate().map(|(t, &uses)| Slot::new(dependencies.of(t as u32).len() as u32, uses));
        let measures = context.memory_limit.is_some() || context.observers.iter().any(|o| o.wants_sizes());
        Self {
            slots: slots.collect(),
            sizes: (0..if measures { uses.len() } else { 0 }).map(|_| AtomicU64::new(0)).collect(),
            shelf: context.memory_limit.zip(context.spill_directory.clone()).map(|(n, path)| Shelf::new(uses, path, n)),
            live_bytes: AtomicU64::new(0),
            scope: RunScope::of(&context),
            plan,
            context,
        }
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.plan.graph
    }

    /// What runs on this thread until the guard is dropped, runs inside this run: once for many tasks.
    pub(crate) fn enter(&self) -> RunScopeGuard {
        self.scope.enter()
    }

    /// Bytes of the values in memory.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Acquire)
    }

    /// What to start with, by priority, and how many tasks have run already.
    ///
    /// Under a memory limit these are the tasks that bring new bytes into memory: sources, and whatever is made of
    /// constants alone. Constants are there before and after, so that holding them back would spare nothing, and they
    /// do not count as live bytes: they are handed to their dependents here.
    ///
    /// # Errors
    /// The panic of an observer.
    pub(crate) fn begin(&self) -> Result<(Vec<u32>, usize)> {
        let dependencies = self.graph().dependencies();
        let first = in_order(&self.plan.priority).into_iter().filter(|&task| dependencies.of(task).is_empty());
        if self.context.memory_limit.is_none() {
            return Ok((first.collect(), 0));
        }
        let (constants, mut roots): (Vec<u32>, Vec<u32>) = first.partition(|&task| self.is_constant(task));
        let (mut scratch, mut result): (_, Result<()>) = (Scratch::default(), Ok(()));
        guarded(|| {
            result = constants.iter().try_for_each(|&task| {
                let (value, _) = self.run(TaskId(task), 0, &mut scratch)?;
                let best = self.complete(task, value, |ready| roots.push(ready));
                roots.extend(best);
                Ok(())
            });
        })?;
        result?;
        roots.sort_unstable_by_key(|&task| self.plan.priority[task as usize]);
        Ok((roots, constants.len()))
    }

    /// Whether this task returns a value that is in memory anyway.
    fn is_constant(&self, task: u32) -> bool {
        self.graph().function(TaskId(task)).constant().is_some_and(|value| value.as_remote().is_none())
    }

    /// Whether a task that brings new bytes into memory has to wait, if anything else could free some.
    pub(crate) fn above_limit(&self) -> bool {
        self.context.memory_limit.is_some_and(|limit| self.live_bytes() > limit)
    }

    /// Runs a task of which all dependencies have run. Returns its value, and whether memory was freed.
    ///
    /// # Errors
    /// The task's own, with its key; or that of a value that could not be read back.
    #[inline]
    pub(crate) fn run(&self, task: TaskId, worker: usize, scratch: &mut Scratch) -> Result<(Value, bool)> {
        let graph = self.graph();
        self.context.observers.iter().for_each(|observer| observer.task_started(graph, task, worker));
        scratch.inputs.clear();
        scratch.gone.clear();
        let mut freed = 0;
        for &dependency in graph.dependencies().of(task.0) {
            let (value, last) = match &self.shelf {
                // SAFETY: this task runs because all its dependencies have been put; each edge is one use.
                None => unsafe { self.slots[dependency as usize].take() },
                Some(shelf) => shelf.take(&self.plan, TaskId(dependency), Some(task), &self.live_bytes)?,
            };
            if last {
                freed += self.sizes.get(dependency as usize).map_or(0, |size| size.load(Ordering::Relaxed));
                if !self.context.observers.is_empty() {
                    scratch.gone.push(dependency);
                }
            }
            scratch.inputs.push(value);
        }
        graph.index(task, &mut scratch.index);
        let value = dask_core::run_caught(&**graph.function(task), Call::new(&scratch.index, &mut scratch.inputs))
            .map_err(|source| task_error(graph, task, &self.context, source))?;
        scratch.inputs.clear();
        let nbytes = match self.sizes.get(task.idx()) {
            Some(size) => {
                let nbytes = value.nbytes();
                if self.context.memory_limit.is_none() || !self.is_constant(task.0) {
                    size.store(nbytes as u64, Ordering::Relaxed);
                    self.live_bytes.fetch_add(nbytes as u64, Ordering::AcqRel);
                }
                self.live_bytes.fetch_sub(freed, Ordering::AcqRel);
                nbytes
            }
            None => 0,
        };
        for observer in &self.context.observers {
            scratch.gone.iter().for_each(|&dependency| observer.released(graph, TaskId(dependency)));
            observer.task_finished(graph, task, worker, nbytes);
        }
        Ok((value, freed > 0))
    }

    /// Stores the value and tells the dependents. The best of those now ready is returned, the others are pushed.
    ///
    /// Called once a task, by the thread that ran it.
    #[inline]
    pub(crate) fn complete(&self, task: u32, value: Value, mut push: impl FnMut(u32)) -> Option<u32> {
        match &self.shelf {
            // SAFETY: this thread ran the task; its dependents hear of it below.
            None => unsafe { self.slots[task as usize].put(value) },
            Some(shelf) => {
                let nbytes = self.sizes[task as usize].load(Ordering::Relaxed);
                shelf.put(&self.plan, TaskId(task), value, nbytes);
            }
        }
        let priority = &self.plan.priority;
        let mut best: Option<u32> = None;
        for &dependent in self.graph().dependents().of(task) {
            if !self.slots[dependent as usize].dependency_done() {
                continue;
            }
            match best {
                Some(known) if priority[known as usize] < priority[dependent as usize] => push(dependent),
                Some(known) => {
                    best = Some(dependent);
                    push(known);
                }
                None => best = Some(dependent),
            }
        }
        best
    }

    /// Spills above the memory limit, if there is a directory for that; `next` is about to run here.
    ///
    /// # Errors
    /// [`Error::Io`] if a value cannot be written.
    #[inline]
    pub(crate) fn shrink(&self, next: Option<u32>) -> Result<()> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        shelf.shrink(&self.plan, next, &self.live_bytes, |task, nbytes| {
            self.context.observers.iter().for_each(|o| o.spilled(self.graph(), task, nbytes as usize));
        })
    }

    /// The values of the outputs.
    ///
    /// # Safety
    /// All tasks have run, nobody else runs or takes any, and this is called once.
    pub(crate) unsafe fn outputs(&self) -> Result<Vec<Value>> {
        let take = |&task: &TaskId| {
            let value = match &self.shelf {
                // SAFETY: all tasks have run; each output was counted as a use.
                None => unsafe { self.slots[task.idx()].take() }.0,
                Some(shelf) => shelf.take(&self.plan, task, None, &self.live_bytes)?.0,
            };
            value.ok_or(Error::Cancelled)
        };
        self.plan.outputs.iter().map(take).collect()
    }

    /// Drops all values that are left: at once, and not when the last thread forgets the run.
    ///
    /// # Safety
    /// Nobody runs or takes any, now or later.
    pub(crate) unsafe fn clear(&self) {
        self.shelf.iter().for_each(Shelf::clear);
        // SAFETY: by the contract of this function.
        self.slots.iter().for_each(|slot| unsafe { slot.clear() });
    }
}

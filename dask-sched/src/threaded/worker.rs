//! One run, and what each thread that takes part in it does.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_deque::{Steal, Stealer, Worker as Deque};
use dask_core::{Call, Error, Graph, Index, Plan, Result, RunContext, TaskError, TaskId, Value};

use super::slot::Slot;
use crate::catch::{run_caught, task_error};
use crate::run::{in_order, uses};

/// Roots taken at a time: enough to make the shared cursor cheap, few enough that order and balance hold.
const BATCH_MAX: usize = 16;

/// A computation on several threads.
pub(super) struct Run {
    plan: Plan,
    context: RunContext,
    slots: Vec<Slot>,
    /// Tasks without dependencies, by priority.
    roots: Vec<u32>,
    next_root: AtomicUsize,
    batch: usize,
    deques: Mutex<Vec<(usize, Deque<u32>)>>,
    stealers: Vec<Stealer<u32>>,
    /// Tasks that have not run; counted down when a worker runs out of work.
    remaining: AtomicUsize,
    /// Workers that are in a task or have tasks of their own.
    busy: AtomicUsize,
    /// Nothing new is started: all is done, or something failed.
    stopped: AtomicBool,
    live_bytes: AtomicU64,
    measures: bool,
    state: Mutex<State>,
    changed: Condvar,
    sleepers: AtomicUsize,
}

#[derive(Default)]
struct State {
    participants: usize,
    error: Option<Error>,
}

/// What one thread has in hand.
struct Hand {
    worker: usize,
    deque: Deque<u32>,
    done: usize,
    inputs: Vec<Option<Value>>,
    gone: Vec<u32>,
    index: Index,
}

impl Run {
    pub(super) fn new(plan: Plan, context: RunContext, n_threads: usize) -> Self {
        let dependencies = plan.graph.dependencies();
        let missing = |task: u32| dependencies.of(task).len() as u32;
        let slots = uses(&plan).into_iter().enumerate().map(|(t, uses)| Slot::new(missing(t as u32), uses)).collect();
        let roots: Vec<u32> = in_order(&plan.priority).into_iter().filter(|&task| missing(task) == 0).collect();
        let deques: Vec<(usize, Deque<u32>)> = (0..n_threads).map(|worker| (worker, Deque::new_lifo())).collect();
        let n_tasks = plan.graph.n_tasks();
        Self {
            batch: if context.memory_limit.is_some() {
                1
            } else {
                (roots.len() / (n_threads * 64)).clamp(1, BATCH_MAX)
            },
            stealers: deques.iter().map(|(_, deque)| deque.stealer()).collect(),
            deques: Mutex::new(deques.into_iter().rev().collect()),
            slots,
            roots,
            next_root: AtomicUsize::new(0),
            remaining: AtomicUsize::new(n_tasks),
            busy: AtomicUsize::new(0),
            stopped: AtomicBool::new(n_tasks == 0),
            live_bytes: AtomicU64::new(0),
            measures: context.memory_limit.is_some() || context.observers.iter().any(|o| o.wants_sizes()),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            sleepers: AtomicUsize::new(0),
            plan,
            context,
        }
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.plan.graph
    }

    /// Works on the run until it is over. Returns at once if it is over or has workers enough.
    pub(super) fn participate(&self) {
        let Some((worker, deque)) = self.deques.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
        self.lock().participants += 1;
        let mut hand = Hand { worker, deque, done: 0, inputs: Vec::new(), gone: Vec::new(), index: Index::new() };
        while !self.stopped.load(Ordering::Acquire) {
            if let Some(task) = self.find(&mut hand) {
                self.work(task, &mut hand);
            } else {
                self.report(&mut hand);
                self.sleep();
            }
        }
        let mut state = self.lock();
        state.participants -= 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until nobody works on it any more, and collects the outputs.
    pub(super) fn finish(&self) -> Result<Vec<Value>> {
        let mut state = self.lock();
        while state.participants > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        // SAFETY: all tasks have run and nobody takes part any more; each output was counted as a use.
        let outputs = self.plan.outputs.iter().map(|task| unsafe { self.slots[task.idx()].take() }.0);
        outputs.map(|value| value.ok_or(Error::Cancelled)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Own work, then roots, then other workers' work. A task that is found makes this worker busy.
    fn find(&self, hand: &mut Hand) -> Option<u32> {
        self.busy.fetch_add(1, Ordering::AcqRel);
        let found = hand.deque.pop().or_else(|| self.take_roots(hand)).or_else(|| self.steal(hand.worker));
        if found.is_none() {
            self.busy.fetch_sub(1, Ordering::AcqRel);
        }
        found
    }

    fn take_roots(&self, hand: &mut Hand) -> Option<u32> {
        if self.next_root.load(Ordering::Relaxed) >= self.roots.len() || !self.may_start_root() {
            return None;
        }
        let first = self.next_root.fetch_add(self.batch, Ordering::Relaxed);
        let batch = self.roots.get(first..self.roots.len().min(first + self.batch))?;
        let (&task, rest) = batch.split_first()?;
        rest.iter().rev().for_each(|&task| hand.deque.push(task));
        if !rest.is_empty() {
            self.wake_one();
        }
        Some(task)
    }

    /// Above the memory limit roots wait, unless nobody else is doing anything that could free memory.
    fn may_start_root(&self) -> bool {
        match self.context.memory_limit {
            Some(limit) => self.live_bytes.load(Ordering::Acquire) <= limit || self.busy.load(Ordering::Acquire) <= 1,
            None => true,
        }
    }

    fn steal(&self, worker: usize) -> Option<u32> {
        let n = self.stealers.len();
        loop {
            let mut again = false;
            for victim in (1..n).map(|i| (worker + i) % n) {
                match self.stealers[victim].steal() {
                    Steal::Success(task) => return Some(task),
                    Steal::Retry => again = true,
                    Steal::Empty => {}
                }
            }
            if !again {
                return None;
            }
        }
    }

    /// Runs `task` and whatever becomes ready behind it, until nothing is in hand.
    fn work(&self, task: u32, hand: &mut Hand) {
        let mut next = Some(task);
        while let Some(task) = next.or_else(|| hand.deque.pop()) {
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            if self.context.cancel.is_cancelled() {
                self.stop(Some(Error::Cancelled));
                break;
            }
            match self.run_task(TaskId(task), hand) {
                Ok(value) => next = self.complete(task, value, hand),
                Err(source) => {
                    self.stop(Some(task_error(&self.plan.graph, TaskId(task), source)));
                    break;
                }
            }
        }
        hand.inputs.clear();
        self.busy.fetch_sub(1, Ordering::AcqRel);
        if self.context.memory_limit.is_some() {
            self.wake_one();
        }
    }

    fn run_task(&self, task: TaskId, hand: &mut Hand) -> Result<Value, TaskError> {
        let graph = &self.plan.graph;
        self.context.observers.iter().for_each(|observer| observer.task_started(graph, task, hand.worker));
        hand.inputs.clear();
        hand.gone.clear();
        let mut freed = 0;
        for &dependency in graph.dependencies().of(task.0) {
            // SAFETY: this task runs because all its dependencies have been put; each edge is one use.
            let (value, last) = unsafe { self.slots[dependency as usize].take() };
            if last && self.measures {
                freed += value.as_ref().map_or(0, Value::nbytes) as u64;
            }
            if last && !self.context.observers.is_empty() {
                hand.gone.push(dependency);
            }
            hand.inputs.push(value);
        }
        graph.index(task, &mut hand.index);
        let value = run_caught(&**graph.function(task), Call::new(&hand.index, &mut hand.inputs))?;
        hand.inputs.clear();
        let nbytes = if self.measures { value.nbytes() } else { 0 };
        if self.measures {
            self.live_bytes.fetch_add(nbytes as u64, Ordering::AcqRel);
            self.live_bytes.fetch_sub(freed, Ordering::AcqRel);
            if freed > 0 && self.context.memory_limit.is_some() {
                self.wake_one();
            }
        }
        for observer in &self.context.observers {
            hand.gone.iter().for_each(|&dependency| observer.released(graph, TaskId(dependency)));
            observer.task_finished(graph, task, hand.worker, nbytes);
        }
        Ok(value)
    }

    /// Stores the value and tells the dependents. The best of those now ready is returned, the others are pushed.
    #[inline]
    fn complete(&self, task: u32, value: Value, hand: &mut Hand) -> Option<u32> {
        // SAFETY: this thread ran the task; its dependents hear of it below.
        unsafe { self.slots[task as usize].put(value) };
        hand.done += 1;
        let priority = &self.plan.priority;
        let mut best: Option<u32> = None;
        let mut pushed = false;
        for &dependent in self.plan.graph.dependents().of(task) {
            if !self.slots[dependent as usize].dependency_done() {
                continue;
            }
            let waits = match best {
                Some(known) if priority[known as usize] < priority[dependent as usize] => dependent,
                Some(known) => {
                    best = Some(dependent);
                    known
                }
                None => {
                    best = Some(dependent);
                    continue;
                }
            };
            hand.deque.push(waits);
            pushed = true;
        }
        if pushed {
            self.wake_one();
        }
        best
    }

    /// Counts what this worker has done; the last one ends the run.
    fn report(&self, hand: &mut Hand) {
        let done = std::mem::take(&mut hand.done);
        if done > 0 && self.remaining.fetch_sub(done, Ordering::AcqRel) == done {
            self.stop(None);
        }
    }

    fn stop(&self, error: Option<Error>) {
        let mut state = self.lock();
        if state.error.is_none() {
            state.error = error;
        }
        self.stopped.store(true, Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }

    /// Wakes a sleeping worker, if there is one. Pairs with [`sleep`](Run::sleep): either it sees the work, or this
    /// sees the sleeper.
    #[inline]
    fn wake_one(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            drop(self.lock());
            self.changed.notify_all();
        }
    }

    fn sleep(&self) {
        // A short wait for work that is about to come.
        for _ in 0..64 {
            if self.has_work() || self.stopped.load(Ordering::Acquire) {
                return;
            }
            std::hint::spin_loop();
        }
        let state = self.lock();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !self.has_work() && !self.stopped.load(Ordering::Acquire) {
            drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        } else {
            drop(state);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    fn has_work(&self) -> bool {
        (self.next_root.load(Ordering::Acquire) < self.roots.len() && self.may_start_root_when_idle())
            || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    /// As [`may_start_root`](Run::may_start_root), for a worker that is not busy.
    fn may_start_root_when_idle(&self) -> bool {
        match self.context.memory_limit {
            Some(limit) => self.live_bytes.load(Ordering::Acquire) <= limit || self.busy.load(Ordering::Acquire) == 0,
            None => true,
        }
    }
}

//! One run, and what each thread that takes part in it does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_deque::{Steal, Stealer, Worker as Deque};
use dask_core::{Error, Graph, Plan, Result, RunContext, TaskId, Value};

use crate::catch::guarded;
use crate::tasks::{Scratch, Tasks};

/// Roots taken at a time: enough to make the shared cursor cheap, few enough that order and balance hold.
const BATCH_MAX: usize = 16;

/// A computation on several threads.
pub(super) struct Run {
    tasks: Tasks,
    /// What to start with, by priority: see [`Tasks::begin`].
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
    scratch: Scratch,
}

impl Run {
    pub(super) fn new(plan: Plan, context: RunContext, n_threads: usize) -> Self {
        let tasks = Tasks::new(plan, context);
        let n_tasks = tasks.graph().n_tasks();
        let (roots, n_done, error) = match tasks.begin() {
            Ok((roots, n_done)) => (roots, n_done, None),
            Err(error) => (Vec::new(), 0, Some(error)),
        };
        let deques: Vec<(usize, Deque<u32>)> = (0..n_threads).map(|worker| (worker, Deque::new_lifo())).collect();
        Self {
            batch: if tasks.context.memory_limit.is_some() {
                1
            } else {
                (roots.len() / (n_threads * 64)).clamp(1, BATCH_MAX)
            },
            stealers: deques.iter().map(|(_, deque)| deque.stealer()).collect(),
            deques: Mutex::new(deques.into_iter().rev().collect()),
            roots,
            next_root: AtomicUsize::new(0),
            remaining: AtomicUsize::new(n_tasks - n_done),
            busy: AtomicUsize::new(0),
            stopped: AtomicBool::new(n_tasks == n_done || error.is_some()),
            state: Mutex::new(State { participants: 0, error }),
            changed: Condvar::new(),
            sleepers: AtomicUsize::new(0),
            tasks,
        }
    }

    pub(super) fn graph(&self) -> &Graph {
        self.tasks.graph()
    }

    /// Works on the run until it is over. Returns at once if it is over or has workers enough.
    pub(super) fn participate(&self) {
        let Some((worker, deque)) = self.deques.lock().unwrap_or_else(PoisonError::into_inner).pop() else { return };
        self.lock().participants += 1;
        let mut hand = Hand { worker, deque, done: 0, scratch: Scratch::default() };
        // An observer or the drop of a value that panics must neither hang the run nor end the thread.
        let serve = || {
            let _inside = self.tasks.enter();
            self.serve(&mut hand);
        };
        if let Err(error) = guarded(serve) {
            self.stop(Some(error));
        }
        drop(hand);
        let mut state = self.lock();
        state.participants -= 1;
        drop(state);
        self.changed.notify_all();
    }

    fn serve(&self, hand: &mut Hand) {
        while !self.stopped.load(Ordering::Acquire) {
            if let Some(task) = self.find(hand) {
                self.work(task, hand);
            } else {
                self.report(hand);
                self.sleep();
            }
        }
    }

    /// Waits until nobody works on it any more, and collects the outputs.
    pub(super) fn finish(&self) -> Result<Vec<Value>> {
        let mut state = self.lock();
        while state.participants > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let result = match state.error.take() {
            Some(error) => Err(error),
            // SAFETY: all tasks have run, and nobody takes part any more.
            None => unsafe { self.tasks.outputs() },
        };
        drop(state);
        // SAFETY: nobody takes part, and whoever still comes finds the run stopped.
        let cleared = guarded(|| unsafe { self.tasks.clear() });
        result.and_then(|values| cleared.map(|()| values))
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
        !self.tasks.above_limit() || self.busy.load(Ordering::Acquire) <= 1
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
            if self.tasks.context.cancel.is_cancelled() {
                self.stop(Some(Error::Cancelled));
                break;
            }
            match self.step(task, hand) {
                Ok(ready) => next = ready,
                Err(error) => {
                    self.stop(Some(error));
                    break;
                }
            }
        }
        self.busy.fetch_sub(1, Ordering::AcqRel);
        if self.tasks.context.memory_limit.is_some() {
            self.wake_one();
        }
    }

    /// Runs one task. What it made ready is pushed, but for the best, which is returned.
    #[inline]
    fn step(&self, task: u32, hand: &mut Hand) -> Result<Option<u32>> {
        let (value, freed) = self.tasks.run(TaskId(task), hand.worker, &mut hand.scratch)?;
        hand.done += 1;
        let mut pushed = false;
        let deque = &hand.deque;
        let next = self.tasks.complete(task, value, |ready| {
            deque.push(ready);
            pushed = true;
        });
        self.tasks.shrink(next)?;
        if pushed || (freed && self.tasks.context.memory_limit.is_some()) {
            self.wake_one();
        }
        Ok(next)
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
        !self.tasks.above_limit() || self.busy.load(Ordering::Acquire) == 0
    }
}

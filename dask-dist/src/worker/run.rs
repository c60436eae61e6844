//! Tasks: given, waiting, ready, running, done.

use std::cmp::Reverse;

use dask_core::Index;
use smallvec::SmallVec;

use super::memory::Place;
use super::{Action, Machine};
use crate::protocol::{ComputeTask, Failure, FromWorker, FunctionId, Priority, RunId, TaskRef};

/// A task that was given.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) run: RunId,
    pub(super) function: FunctionId,
    pub(super) index: Index,
    pub(super) priority: Priority,
    /// One an edge.
    pub(super) inputs: SmallVec<[TaskRef; 4]>,
    /// Edges to values that are not in memory here.
    pub(super) missing: u32,
    pub(super) state: AttemptState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptState {
    /// Inputs are missing.
    Waiting,
    /// On the heap.
    Ready,
    /// On a thread.
    Running,
    /// On a thread of its own.
    Seceded,
    /// On a thread, and nobody wants the value.
    Useless {
        /// Whether it has left the threads.
        seceded: bool,
    },
}

impl AttemptState {
    pub(super) fn has_started(self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready)
    }
}

impl Machine {
    /// The scheduler gives a task.
    pub(super) fn compute(&mut self, task: ComputeTask, actions: &mut Vec<Action>) {
        let ComputeTask { task, run, function, index, priority, dependencies } = task;
        if let Some(held) = self.held.get_mut(&task) {
            held.doomed = false;
            let nbytes = held.nbytes;
            actions.push(Action::Report(FromWorker::Finished { task, run, nbytes, nanos: 0 }));
            return;
        }
        if let Some(known) = self.attempts.get_mut(&task) {
            if known.state.has_started() {
                // It was dropped and is wanted again: what runs will do.
                known.run = run;
                known.state = match known.state {
                    AttemptState::Useless { seceded: false } => AttemptState::Running,
                    AttemptState::Useless { seceded: true } => AttemptState::Seceded,
                    state => state,
                };
                return;
            }
            self.attempts.remove(&task);
        }
        let mut missing = 0;
        for dependency in &dependencies {
            let here = self.held.get(&dependency.task).map(|held| held.place);
            match here {
                Some(Place::Memory | Place::Spilling) => {}
                Some(Place::Disk) => {
                    missing += 1;
                    self.restore(dependency.task, actions);
                }
                Some(Place::Restoring) => missing += 1,
                None => {
                    missing += 1;
                    self.want(dependency, priority, Some((task, run)));
                }
            }
        }
        let inputs = dependencies.iter().map(|dependency| dependency.task).collect();
        let state = if missing == 0 { AttemptState::Ready } else { AttemptState::Waiting };
        for dependency in &dependencies {
            // Waits here for what is on disk; the others are listed with their wants.
            let Some(held) = self.held.get_mut(&dependency.task) else { continue };
            if held.place == Place::Restoring {
                held.waiting.push((task, run));
            }
            if std::mem::replace(&mut held.doomed, false) {
                // The scheduler thinks that it is elsewhere only.
                let added = vec![(dependency.task, held.nbytes)];
                actions.push(Action::Report(FromWorker::Added(added)));
            }
        }
        if missing == 0 {
            self.ready.push(Reverse((priority, task, run)));
        }
        self.attempts.insert(task, Attempt { run, function, index, priority, inputs, missing, state });
    }

    /// Attempts that will not get what they wait for: gone from here, to be given back.
    pub(super) fn take_waiting(&mut self, waiting: Vec<(TaskRef, RunId)>) -> Vec<(TaskRef, RunId)> {
        let mut taken = Vec::new();
        for (task, run) in waiting {
            let waits = self.attempts.get(&task).is_some_and(|a| a.run == run && !a.state.has_started());
            if waits {
                self.attempts.remove(&task);
                taken.push((task, run));
            }
        }
        taken
    }

    /// One input more is here.
    pub(super) fn input_here(&mut self, task: TaskRef, run: RunId) {
        if let Some(attempt) = self.attempts.get_mut(&task)
            && attempt.run == run
            && attempt.state == AttemptState::Waiting
        {
            attempt.missing -= 1;
            if attempt.missing == 0 {
                attempt.state = AttemptState::Ready;
                self.ready.push(Reverse((attempt.priority, task, attempt.run)));
            }
        }
    }

    /// Runs ready tasks on free threads.
    pub(super) fn start_tasks(&mut self, actions: &mut Vec<Action>) {
        while self.running < self.settings.n_threads.max(1) && (!self.paused || self.running == 0) {
            let Some(Reverse((_, task, run))) = self.ready.pop() else { break };
            let Some(attempt) = self.attempts.get(&task) else { continue };
            if attempt.state != AttemptState::Ready || attempt.run != run {
                continue;
            }
            // Something may have gone to disk since it was ready.
            let inputs = attempt.inputs.clone();
            let gone: SmallVec<[TaskRef; 4]> =
                inputs.iter().copied().filter(|input| !self.is_in_memory(*input)).collect();
            if !gone.is_empty() {
                let lost = gone.iter().any(|input| !self.held.contains_key(input));
                if lost {
                    // Freed under a task that needs it: the scheduler has given the task up, or will.
                    self.attempts.remove(&task);
                    actions.push(Action::Report(FromWorker::Retracted(vec![(task, run)])));
                    continue;
                }
                if let Some(attempt) = self.attempts.get_mut(&task) {
                    attempt.state = AttemptState::Waiting;
                    attempt.missing = gone.len() as u32;
                }
                for input in gone {
                    self.restore(input, actions);
                    if let Some(held) = self.held.get_mut(&input) {
                        held.waiting.push((task, run));
                    }
                }
                continue;
            }
            inputs.iter().for_each(|input| self.pin(*input));
            if let Some(attempt) = self.attempts.get_mut(&task) {
                attempt.state = AttemptState::Running;
                self.running += 1;
                let (function, index) = (attempt.function, attempt.index.clone());
                actions.push(Action::Run { task, function, index, inputs });
            }
        }
    }

    /// A task is over.
    pub(super) fn ran(&mut self, task: TaskRef, result: Result<u64, Failure>, nanos: u64, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.remove(&task) else { return };
        let on_thread = matches!(attempt.state, AttemptState::Running | AttemptState::Useless { seceded: false });
        self.running -= u32::from(on_thread);
        for input in &attempt.inputs {
            self.unpin(*input, actions);
        }
        let run = attempt.run;
        match (attempt.state, result) {
            (AttemptState::Useless { .. }, Ok(_)) => actions.push(Action::Drop(vec![task])),
            (AttemptState::Useless { .. }, Err(_)) => {}
            (_, Ok(nbytes)) => {
                self.arrived(task, nbytes, actions);
                actions.push(Action::Report(FromWorker::Finished { task, run, nbytes, nanos }));
            }
            (_, Err(failure)) => actions.push(Action::Report(FromWorker::Failed { task, run, failure })),
        }
    }

    /// A running task takes no thread any more.
    pub(super) fn secede(&mut self, task: TaskRef, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(&task) else { return };
        match attempt.state {
            AttemptState::Running => {
                attempt.state = AttemptState::Seceded;
                self.running -= 1;
                actions.push(Action::Report(FromWorker::Seceded { task, run: attempt.run }));
            }
            AttemptState::Useless { seceded: false } => {
                attempt.state = AttemptState::Useless { seceded: true };
                self.running -= 1;
            }
            _ => {}
        }
    }

    /// The scheduler wants tasks back that have not started.
    pub(super) fn retract(&mut self, tasks: &[(TaskRef, RunId)], actions: &mut Vec<Action>) {
        let mut given_back = Vec::new();
        for &(task, run) in tasks {
            let waits = self.attempts.get(&task).is_some_and(|a| a.run == run && !a.state.has_started());
            if waits {
                self.attempts.remove(&task);
                given_back.push((task, run));
            }
        }
        if !given_back.is_empty() {
            actions.push(Action::Report(FromWorker::Retracted(given_back)));
        }
    }

    /// Values are not needed, and attempts to make them neither.
    pub(super) fn free(&mut self, tasks: &[TaskRef], actions: &mut Vec<Action>) {
        let mut dropped = Vec::new();
        for &task in tasks {
            if let Some(attempt) = self.attempts.get_mut(&task) {
                if attempt.state.has_started() {
                    attempt.state = AttemptState::Useless { seceded: attempt.state == AttemptState::Seceded };
                } else {
                    self.attempts.remove(&task);
                }
            }
            if let Some(want) = self.wants.remove(&task) {
                self.to_fetch.remove(&(want.priority, task));
            }
            if self.forget_value(task) {
                dropped.push(task);
            }
        }
        if !dropped.is_empty() {
            actions.push(Action::Drop(dropped));
        }
    }
}

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
    /// Which of them nobody else needs, as bits.
    pub(super) last_use: u64,
    /// While waiting: edges to values that are not here. While gathering: edges to values that are being read.
    pub(super) missing: u32,
    /// It has not started, and its inputs stay in memory until it does.
    pub(super) gathered: bool,
    /// A client waits for it.
    pub(super) wanted: bool,
    /// Tasks that were given ahead and wait for its value, one an edge; those that are gone are passed over.
    pub(super) then: SmallVec<[(TaskRef, RunId); 1]>,
    pub(super) state: AttemptState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptState {
    /// Inputs are fetched from peers, or made here.
    Waiting,
    /// On the heap; inputs may be on disk.
    Ready,
    /// Inputs are read from disk.
    Gathering,
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

/// Where the inputs of a task that could start are.
enum Inputs {
    /// The task itself is gone, or was given again.
    Stale,
    Here,
    OnDisk(SmallVec<[TaskRef; 4]>),
    /// Not on this worker any more.
    Gone,
}

/// Values up to this size, in bytes, are sent along with the report if a client waits for them.
const SENT_ALONG_MAX: u64 = 1024;
/// So many tasks that wait for the disk are passed over in search of one that does not.
const PASSED_MAX: usize = 16;

impl AttemptState {
    pub(super) fn has_started(self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready | Self::Gathering)
    }
}

impl Machine {
    /// The scheduler gives a task.
    pub(super) fn compute(&mut self, task: ComputeTask, actions: &mut Vec<Action>) {
        let ComputeTask { task, run, function, index, priority, wanted, dependencies, last_use } = task;
        if let Some(held) = self.held.get_mut(&task) {
            held.doomed = false;
            let nbytes = held.nbytes;
            actions.push(Action::Report(FromWorker::Finished { task, run, nbytes, nanos: 0, dropped: 0 }));
            return;
        }
        if let Some(known) = self.attempts.get_mut(&task) {
            if known.state.has_started() {
                // It was dropped and is wanted again: what runs will do.
                (known.run, known.last_use) = (run, last_use);
                known.state = match known.state {
                    AttemptState::Useless { seceded: false } => AttemptState::Running,
                    AttemptState::Useless { seceded: true } => AttemptState::Seceded,
                    state => state,
                };
                return;
            }
            self.drop_attempt(task, actions);
        }
        let (mut missing, mut in_vain) = (0, false);
        for dependency in &dependencies {
            match self.held.get_mut(&dependency.task) {
                Some(held) if held.doomed => {
                    // The scheduler thinks that it is elsewhere only.
                    held.doomed = false;
                    actions.push(Action::Report(FromWorker::Added(vec![(dependency.task, held.nbytes)])));
                }
                Some(_) => {}
                None if dependency.holders.is_empty() => match self.attempts.get_mut(&dependency.task) {
                    Some(made) if !matches!(made.state, AttemptState::Useless { .. }) => {
                        missing += 1;
                        made.then.push((task, run));
                    }
                    // It failed, or was given back: the scheduler is about to hear of it.
                    _ => in_vain = true,
                },
                None => {
                    missing += 1;
                    self.want(dependency, priority, Some((task, run)));
                }
            }
        }
        let inputs = dependencies.iter().map(|dependency| dependency.task).collect();
        let state = if missing == 0 { AttemptState::Ready } else { AttemptState::Waiting };
        if missing == 0 {
            self.ready.push(Reverse((priority, task, run)));
        }
        let (gathered, then) = (false, SmallVec::new());
        let attempt =
            Attempt { run, function, index, priority, inputs, last_use, missing, gathered, wanted, then, state };
        self.attempts.insert(task, attempt);
        if in_vain {
            self.give_back(task, run, actions);
        }
    }

    /// Attempts that will not get what they wait for: gone from here, to be given back.
    pub(super) fn take_waiting(
        &mut self,
        waiting: &[(TaskRef, RunId)],
        actions: &mut Vec<Action>,
    ) -> Vec<(TaskRef, RunId)> {
        let mut taken = Vec::new();
        for &(task, run) in waiting {
            let waits = self.attempts.get(&task).is_some_and(|a| a.run == run && !a.state.has_started());
            if waits {
                self.drop_attempt(task, actions);
                taken.push((task, run));
            }
        }
        taken
    }

    /// An attempt that has not started will not. What was given ahead of it is given back.
    pub(super) fn drop_attempt(&mut self, task: TaskRef, actions: &mut Vec<Action>) {
        let then = self.drop_one(task, actions);
        self.give_back_all(then, actions);
    }

    /// What was given ahead of something that will not be here is given back, and what was given ahead of that.
    pub(super) fn give_back_all(&mut self, waiting: SmallVec<[(TaskRef, RunId); 1]>, actions: &mut Vec<Action>) {
        let (mut left, mut given_back) = (waiting, Vec::new());
        while let Some((task, run)) = left.pop() {
            if self.attempts.get(&task).is_some_and(|a| a.run == run && !a.state.has_started()) {
                left.extend(self.drop_one(task, actions));
                given_back.push((task, run));
            }
        }
        if !given_back.is_empty() {
            actions.push(Action::Report(FromWorker::Retracted(given_back)));
        }
    }

    fn drop_one(&mut self, task: TaskRef, actions: &mut Vec<Action>) -> SmallVec<[(TaskRef, RunId); 1]> {
        let Some(attempt) = self.attempts.remove(&task) else { return SmallVec::new() };
        debug_assert!(!attempt.state.has_started(), "{task:?} has started");
        if attempt.gathered {
            self.gathered -= 1;
            attempt.inputs.iter().for_each(|input| self.unpin(*input, actions));
        }
        attempt.then
    }

    /// One input more is here.
    pub(super) fn input_here(&mut self, task: TaskRef, run: RunId) {
        if let Some(attempt) = self.attempts.get_mut(&task)
            && attempt.run == run
            && matches!(attempt.state, AttemptState::Waiting | AttemptState::Gathering)
        {
            attempt.missing -= 1;
            if attempt.missing == 0 {
                attempt.state = AttemptState::Ready;
                self.ready.push(Reverse((attempt.priority, task, attempt.run)));
            }
        }
    }

    /// Runs ready tasks on free threads; reads inputs of those that come next.
    pub(super) fn start_tasks(&mut self, actions: &mut Vec<Action>) {
        let n_threads = self.settings.n_threads.max(1);
        let mut passed = SmallVec::<[_; 4]>::new();
        while self.running < n_threads && self.may_start() && passed.len() < PASSED_MAX {
            let Some(Reverse(next)) = self.ready.pop() else { break };
            match self.on_disk_of(next.1, next.2) {
                Inputs::Stale => {}
                Inputs::Here => self.start(next.1, actions),
                Inputs::Gone => self.give_back(next.1, next.2, actions),
                Inputs::OnDisk(inputs) if self.may_gather(next.1) => self.gather(next.1, next.2, &inputs, actions),
                Inputs::OnDisk(_) => passed.push(next),
            }
        }
        self.ready.extend(passed.into_iter().map(Reverse));
        // All threads are busy: what the next one needs can be read meanwhile.
        while !self.paused
            && let Some(&Reverse((_, task, run))) = self.ready.peek()
        {
            match self.on_disk_of(task, run) {
                Inputs::OnDisk(inputs) if self.may_gather(task) => {
                    self.ready.pop();
                    self.gather(task, run, &inputs, actions);
                }
                Inputs::Stale => drop(self.ready.pop()),
                _ => break,
            }
        }
    }

    /// One task at a time goes on where memory is short: it may be the one that frees some.
    fn may_start(&self) -> bool {
        !self.paused || self.running == 0
    }

    fn may_gather(&self, task: TaskRef) -> bool {
        let most = if self.paused { 1 } else { self.settings.n_threads.max(1) };
        self.gathered < most || self.attempts.get(&task).is_some_and(|a| a.gathered)
    }

    fn on_disk_of(&self, task: TaskRef, run: RunId) -> Inputs {
        let Some(attempt) = self.attempts.get(&task) else { return Inputs::Stale };
        if attempt.state != AttemptState::Ready || attempt.run != run {
            return Inputs::Stale;
        }
        let mut on_disk = SmallVec::new();
        for input in &attempt.inputs {
            match self.held.get(input).map(|held| held.place) {
                Some(Place::Memory | Place::Spilling) => {}
                Some(Place::Disk | Place::Restoring) => on_disk.push(*input),
                None => return Inputs::Gone,
            }
        }
        if on_disk.is_empty() { Inputs::Here } else { Inputs::OnDisk(on_disk) }
    }

    fn start(&mut self, task: TaskRef, actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(&task) else { return };
        attempt.state = AttemptState::Running;
        self.running += 1;
        let gathered = std::mem::replace(&mut attempt.gathered, false);
        let (function, index, inputs) = (attempt.function, attempt.index.clone(), attempt.inputs.clone());
        if gathered {
            self.gathered -= 1;
        } else {
            inputs.iter().for_each(|input| self.pin(*input));
        }
        actions.push(Action::Run { task, function, index, inputs });
    }

    /// Freed under a task that needs it: the scheduler has given the task up, or will.
    fn give_back(&mut self, task: TaskRef, run: RunId, actions: &mut Vec<Action>) {
        self.drop_attempt(task, actions);
        actions.push(Action::Report(FromWorker::Retracted(vec![(task, run)])));
    }

    /// Reads inputs from disk. From now on all inputs of the task stay in memory, so that one does not drive out
    /// another; which is why few tasks do this at a time.
    fn gather(&mut self, task: TaskRef, run: RunId, on_disk: &[TaskRef], actions: &mut Vec<Action>) {
        let Some(attempt) = self.attempts.get_mut(&task) else { return };
        attempt.state = AttemptState::Gathering;
        attempt.missing = on_disk.len() as u32;
        if !std::mem::replace(&mut attempt.gathered, true) {
            self.gathered += 1;
            let inputs = attempt.inputs.clone();
            inputs.iter().for_each(|input| self.pin(*input));
        }
        for &input in on_disk {
            self.restore(input, actions);
            if let Some(held) = self.held.get_mut(&input) {
                held.waiting.push((task, run));
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
        let then = attempt.then;
        match (attempt.state, result) {
            // It has come from elsewhere meanwhile, and is wanted.
            (AttemptState::Useless { .. }, _) if self.held.contains_key(&task) => {}
            (AttemptState::Useless { .. }, Ok(_)) if !self.wants.contains_key(&task) => {
                actions.push(Action::Drop(vec![task]));
            }
            (AttemptState::Useless { .. }, Ok(nbytes)) => {
                self.arrived(task, nbytes, actions);
                actions.push(Action::Report(FromWorker::Added(vec![(task, nbytes)])));
            }
            (AttemptState::Useless { .. }, Err(_)) => {}
            (_, Err(_)) if self.held.contains_key(&task) => {
                let nbytes = self.held[&task].nbytes;
                actions.push(Action::Report(FromWorker::Finished { task, run, nbytes, nanos, dropped: 0 }));
            }
            (_, Ok(nbytes)) => {
                self.arrived(task, nbytes, actions);
                let dropped = self.drop_last_used(&attempt.inputs, attempt.last_use, actions);
                actions.push(Action::Report(if attempt.wanted && nbytes <= SENT_ALONG_MAX {
                    FromWorker::FinishedWith { task, run, nbytes, nanos, dropped }
                } else {
                    FromWorker::Finished { task, run, nbytes, nanos, dropped }
                }));
            }
            (_, Err(failure)) => actions.push(Action::Report(FromWorker::Failed { task, run, failure })),
        }
        if self.held.contains_key(&task) {
            then.into_iter().for_each(|(task, run)| self.input_here(task, run));
        } else {
            self.give_back_all(then, actions);
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
        let runs = |&&(task, run): &&(TaskRef, RunId)| {
            self.attempts.get(&task).is_some_and(|attempt| attempt.run == run && attempt.state.has_started())
        };
        let kept: Vec<(TaskRef, RunId)> = tasks.iter().filter(runs).copied().collect();
        let given_back = self.take_waiting(tasks, actions);
        if !given_back.is_empty() {
            actions.push(Action::Report(FromWorker::Retracted(given_back)));
        }
        if !kept.is_empty() {
            actions.push(Action::Report(FromWorker::Kept(kept)));
        }
    }

    /// Values are not needed, and attempts to make them neither.
    pub(super) fn free(&mut self, tasks: &[TaskRef], actions: &mut Vec<Action>) {
        let (mut dropped, mut waited) = (Vec::new(), Vec::new());
        for &task in tasks {
            if let Some(attempt) = self.attempts.get_mut(&task) {
                if attempt.state.has_started() {
                    let seceded =
                        matches!(attempt.state, AttemptState::Seceded | AttemptState::Useless { seceded: true });
                    attempt.state = AttemptState::Useless { seceded };
                    let then = std::mem::take(&mut attempt.then);
                    self.give_back_all(then, actions);
                } else {
                    self.drop_attempt(task, actions);
                }
            }
            if let Some(want) = self.end_want(task, None, actions) {
                waited.extend(want.waiting);
            }
            if let Some(held) = self.held.get_mut(&task) {
                waited.append(&mut held.waiting);
            }
            if self.forget_value(task) {
                dropped.push(task);
            }
        }
        if !dropped.is_empty() {
            actions.push(Action::Drop(dropped));
        }
        // Whoever waited for a value that is free now was freed with it, or the scheduler is mistaken.
        let given_back = self.take_waiting(&waited, actions);
        if !given_back.is_empty() {
            actions.push(Action::Report(FromWorker::Retracted(given_back)));
        }
    }
}

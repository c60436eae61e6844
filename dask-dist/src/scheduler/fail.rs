//! Errors, and what they take with them; cancels; second tries.

use std::sync::Arc;

use dask_core::Key;

use super::Machine;
use super::task::State;
use crate::protocol::{ClientId, Failure, FutureId, RunId, TaskRef, WorkerId};

/// What went wrong, and in which task.
#[derive(Debug)]
pub(super) struct Blame {
    pub(super) failure: Failure,
    pub(super) key: Key,
}

/// Why a task has failed.
#[derive(Clone, Debug)]
pub(super) struct FailureEntry {
    pub(super) blame: Arc<Blame>,
    /// The dependency that failed before; none for the task to blame.
    pub(super) through: Option<u32>,
}

/// For the message to a client.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) key: Key,
    pub(super) layers: Vec<String>,
    pub(super) failure: Failure,
}

impl Machine {
    /// A task has failed on its worker.
    pub(super) fn failed(&mut self, on: WorkerId, task: TaskRef, run: RunId, failure: Failure) {
        let Some(slot) = self.tasks.find(task) else { return };
        let known = &self.tasks[slot];
        if known.state != State::Processing || known.worker != on || known.run != run {
            return;
        }
        self.unassign(slot);
        self.note_ended(slot, on, 0, 0, true);
        if self.recorder.is_some() {
            let key = self.key(slot);
            self.note_news(|| format!("{key} failed: {failure}"));
        }
        if self.tasks[slot].retries != 0 {
            self.tasks[slot].retries -= 1;
            self.set_state(slot, State::Waiting);
            self.recall(slot);
            self.await_inputs(slot);
            return;
        }
        self.set_state(slot, State::Waiting);
        let blame = Self::blame(failure, self.key(slot));
        self.err(slot, blame, None);
    }

    /// A task that is at no worker waits for its dependencies, or is ready at once.
    pub(super) fn await_inputs(&mut self, slot: u32) {
        let mut missing = 0;
        let mut failed = None;
        let mut gone = Vec::new();
        for &dependency in self.tasks.edges(self.tasks[slot].dependencies) {
            match self.tasks[dependency].state {
                State::Memory => continue,
                State::Erred => failed = Some(dependency),
                State::Released => gone.push(dependency),
                _ => {}
            }
            missing += 1;
        }
        self.set_state(slot, State::Waiting);
        self.tasks[slot].missing = missing;
        if missing == 0 {
            self.make_ready(slot);
        }
        gone.into_iter().for_each(|dependency| self.activate(dependency));
        if let Some(failed) = failed {
            self.spread_failure(failed);
        }
    }

    /// A task has failed for good, and with it all that need it.
    pub(super) fn err(&mut self, slot: u32, blame: Arc<Blame>, through: Option<u32>) {
        let was_active = self.tasks[slot].state.is_active();
        debug_assert_ne!(self.tasks[slot].state, State::Processing, "unassigned first");
        self.set_state(slot, State::Erred);
        self.tasks[slot].missing = 0;
        self.failures.insert(slot, FailureEntry { blame, through });
        if was_active {
            self.drop_needs(slot);
        }
        if let Some(wishes) = self.clients.wishes.get(&slot).cloned() {
            wishes.into_iter().for_each(|wish| self.say_failed(slot, wish));
        }
        self.fired_off(slot);
        self.release_if_useless(slot);
        self.spread_failure(slot);
    }

    /// Fails what waits for a failed task.
    pub(super) fn spread_failure(&mut self, slot: u32) {
        let mut stack = vec![slot];
        while let Some(failed) = stack.pop() {
            let Some(entry) = self.failures.get(&failed) else { continue };
            let blame = entry.blame.clone();
            for dependent in self.dependents_of(failed) {
                // One that is at a worker has its inputs there, unless it was sent ahead of them.
                if self.is_ahead(dependent) {
                    self.call_off(dependent);
                } else if !matches!(self.tasks[dependent].state, State::Waiting | State::Queued | State::NoWorker) {
                    continue;
                }
                self.set_state(dependent, State::Erred);
                self.tasks[dependent].missing = 0;
                self.failures.insert(dependent, FailureEntry { blame: blame.clone(), through: Some(failed) });
                self.drop_needs(dependent);
                if let Some(wishes) = self.clients.wishes.get(&dependent).cloned() {
                    wishes.into_iter().for_each(|wish| self.say_failed(dependent, wish));
                }
                self.fired_off(dependent);
                self.release_if_useless(dependent);
                stack.push(dependent);
            }
        }
    }

    /// What to tell of a failed task: which to blame, and the layers from there.
    pub(super) fn failure_of(&self, slot: u32) -> Option<Told> {
        let entry = self.failures.get(&slot)?;
        let mut layers: Vec<String> = Vec::new();
        let mut at = Some(slot);
        while let Some(here) = at {
            let what = self.layers[self.tasks[here].layer].name.what();
            if layers.last().is_none_or(|last| last != what) {
                layers.push(what.to_owned());
            }
            at = self.failures.get(&here).and_then(|entry| entry.through);
            if 64 <= layers.len() {
                break;
            }
        }
        layers.reverse();
        Some(Told { key: entry.blame.key.clone(), layers, failure: entry.blame.failure.clone() })
    }

    /// A client stops tasks, whoever wants them.
    pub(super) fn cancel(&mut self, id: ClientId, futures: &[FutureId]) {
        for slot in self.slots_of(id, futures).collect::<Vec<_>>() {
            match self.tasks[slot].state {
                State::Erred | State::Vacant => continue,
                State::Memory => self.free_value(slot),
                state if state.is_active() => self.deactivate(slot),
                _ => {}
            }
            let blame = Self::blame(Failure::Cancelled, self.key(slot));
            self.err(slot, blame, None);
        }
    }

    /// A client wants what failed to be tried again.
    pub(super) fn retry(&mut self, id: ClientId, futures: &[FutureId]) {
        for slot in self.slots_of(id, futures).collect::<Vec<_>>() {
            let mut stack = vec![slot];
            while let Some(slot) = stack.pop() {
                if self.tasks[slot].state != State::Erred {
                    continue;
                }
                self.failures.remove(&slot);
                self.set_state(slot, State::Released);
                let task = &mut self.tasks[slot];
                task.suspicious = 0;
                task.deaths = 0;
                stack.extend_from_slice(self.tasks.edges(self.tasks[slot].dependencies));
            }
            self.activate(slot);
        }
    }
}

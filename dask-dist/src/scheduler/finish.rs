//! Processing to memory, and what that sets free.

use dask_core::Value;

use super::Machine;
use super::holders::{NANOS_MAX, NBYTES_MAX};
use super::task::{State, Task};
use crate::protocol::{RunId, TaskRef, WorkerId};

impl Machine {
    /// A task has run; perhaps its value has come along, for clients.
    pub(super) fn finished(
        &mut self,
        on: WorkerId,
        (task, run): (TaskRef, RunId),
        nbytes: u64,
        nanos: u64,
        dropped: u64,
        value: Option<&Value>,
    ) {
        let Some(slot) = self.tasks.find(task) else {
            // Forgotten meanwhile; the worker was told, or is told now.
            return self.outbox.free(on, task);
        };
        let is_at = |task: &Task| task.state == State::Processing && task.worker == on;
        if dropped != 0 {
            let known = &self.tasks[slot];
            self.inputs_dropped(slot, on, dropped, is_at(known) && known.run == run);
        }
        let known = &self.tasks[slot];
        if !is_at(known) {
            // An attempt that was given up. Its value is not needed here.
            if !known.holders.contains(&on) {
                self.outbox.free(on, task);
            }
            return;
        }
        if known.run == run {
            let (nanos, nbytes) = (nanos.min(NANOS_MAX), nbytes.min(NBYTES_MAX));
            self.layers.group_mut(self.tasks[slot].layer).learn(nanos, nbytes);
        }
        self.unassign(slot);
        if self.recorder.is_some() {
            self.note_ended(slot, on, nanos, nbytes, false);
        }
        self.arrived(slot, on, nbytes, value);
    }

    /// A copy was fetched, a scattered value has come, or a worker that returns brought it.
    pub(super) fn added(&mut self, on: WorkerId, task: TaskRef, nbytes: u64) {
        let Some(slot) = self.tasks.find(task) else { return self.outbox.free(on, task) };
        match self.tasks[slot].state {
            State::Memory => self.add_holder(slot, on, nbytes),
            State::Waiting | State::Queued | State::NoWorker => self.arrived(slot, on, nbytes, None),
            State::Processing => {
                let at = self.tasks[slot].worker;
                self.unassign(slot);
                if at != on {
                    self.outbox.free(at, task);
                    self.set_state(slot, State::Waiting);
                    self.recall(slot);
                }
                self.arrived(slot, on, nbytes, None);
            }
            State::Vacant | State::Released | State::Erred => self.outbox.free(on, task),
        }
    }

    /// An active task has a value now.
    fn arrived(&mut self, slot: u32, on: WorkerId, nbytes: u64, value: Option<&Value>) {
        self.set_state(slot, State::Memory);
        self.add_holder(slot, on, nbytes);
        self.spread_scattered(slot);
        if let Some(home) = self.actors.get_mut(&slot) {
            *home = Some(on);
            self.tasks[slot].is_scattered = true;
        }
        self.drop_needs(slot);
        for i in 0..self.tasks[slot].dependents.len {
            if let Some(dependent) = self.tasks.dependent(slot, i) {
                self.one_less_missing(dependent);
            }
        }
        if !self.later_dependents.is_empty()
            && let Some(later) = self.later_dependents.remove(&slot)
        {
            for (&dependent, &n_edges) in &later {
                (0..n_edges).for_each(|_| self.one_less_missing(dependent));
            }
            self.later_dependents.insert(slot, later);
        }
        if self.tasks[slot].wanted != 0 {
            if let Some(wishes) = self.clients.wishes.get(&slot).cloned() {
                wishes.into_iter().for_each(|wish| self.say_done(slot, wish, on, value));
            }
            self.fired_off(slot);
        }
        self.release_if_useless(slot);
    }

    #[inline]
    fn one_less_missing(&mut self, dependent: u32) {
        let task = &mut self.tasks[dependent];
        if task.state == State::Waiting {
            task.missing -= 1;
            if task.missing == 0 {
                self.make_ready(dependent);
            }
        } else if self.is_ahead(dependent) {
            self.input_made(dependent);
        }
    }

    /// A task that is not active any more needs its dependencies no longer.
    pub(super) fn drop_needs(&mut self, slot: u32) {
        for i in 0..self.tasks[slot].dependencies.len {
            let dependency = self.tasks.dependency(slot, i);
            self.tasks[dependency].needed_by -= 1;
            self.release_if_useless(dependency);
        }
    }

    /// What was to be made whoever asked has been made, or cannot be.
    pub(super) fn fired_off(&mut self, slot: u32) {
        if self.clients.fired.is_empty() {
            return;
        }
        for _ in 0..self.clients.fired.remove(&slot).unwrap_or(0) {
            self.want_less(slot);
        }
    }
}

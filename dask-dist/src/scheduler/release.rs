//! What nobody needs: values are freed, attempts dropped, tasks forgotten.
//!
//! A task is kept while a client wants it, a dependent is on the way to be made, or a dependent is known (which might
//! have to be made again).

use super::Machine;
use super::task::State;
use crate::protocol::Failure;

impl Machine {
    /// Puts a task on the list of [`sweep`](Machine::sweep), if nobody needs it.
    #[inline]
    pub(super) fn release_if_useless(&mut self, slot: u32) {
        let task = &self.tasks[slot];
        if task.wanted == 0 && task.needed_by == 0 {
            self.useless.push(slot);
        }
    }

    /// Releases and forgets, until nothing useless is left.
    pub(super) fn sweep(&mut self) {
        while let Some(slot) = self.useless.pop() {
            let task = &self.tasks[slot];
            if task.state == State::Vacant || task.wanted != 0 || task.needed_by != 0 {
                continue;
            }
            match task.state {
                State::Memory => self.free_value(slot),
                state if state.is_active() => self.deactivate(slot),
                _ => {}
            }
            if self.tasks[slot].alive_dependents == 0 {
                self.forget(slot);
            }
        }
    }

    /// All holders may drop the value.
    pub(super) fn free_value(&mut self, slot: u32) {
        let reference = self.tasks.reference(slot);
        self.tasks[slot].coming.clear();
        self.spreads.end(slot);
        for holder in std::mem::take(&mut self.tasks[slot].holders) {
            let nbytes = self.tasks[slot].nbytes;
            let worker = self.workers.get_mut(holder);
            worker.nbytes -= nbytes;
            worker.n_held -= 1;
            self.outbox.free(holder, reference);
        }
        self.set_state(slot, State::Released);
    }

    /// Nobody is to make it now.
    pub(super) fn deactivate(&mut self, slot: u32) {
        if self.tasks[slot].state == State::Processing {
            let on = self.tasks[slot].worker;
            self.unassign(slot);
            let reference = self.tasks.reference(slot);
            self.outbox.free(on, reference);
        }
        self.set_state(slot, State::Released);
        self.tasks[slot].missing = 0;
        self.drop_needs(slot);
    }

    /// Somebody needs a value that is not there: it and what it needs are made.
    pub(super) fn activate(&mut self, slot: u32) {
        let mut stack = vec![slot];
        let mut erred = Vec::new();
        while let Some(slot) = stack.pop() {
            if self.tasks[slot].state != State::Released {
                continue;
            }
            if self.tasks[slot].is_scattered {
                let is_actor = self.actors.contains_key(&slot);
                let why = if is_actor { Failure::LostActor } else { Failure::LostScattered };
                let blame = Self::blame(why, self.key(slot));
                self.err(slot, blame, None);
                continue;
            }
            let mut missing = 0;
            let mut has_erred = false;
            for i in 0..self.tasks[slot].dependencies.len {
                let dependency = self.tasks.dependency(slot, i);
                let on = &mut self.tasks[dependency];
                on.needed_by += 1;
                let state = on.state;
                self.needed_more(dependency);
                match state {
                    State::Memory => continue,
                    State::Released => stack.push(dependency),
                    State::Erred => has_erred = true,
                    _ => {}
                }
                missing += 1;
            }
            self.set_state(slot, State::Waiting);
            self.tasks[slot].missing = missing;
            if missing == 0 {
                self.make_ready(slot);
            }
            if has_erred {
                erred.push(slot);
            }
        }
        for slot in erred {
            let failed = self.tasks.edges(self.tasks[slot].dependencies).iter().copied();
            let failed = failed.into_iter().find(|&d| self.tasks[d].state == State::Erred);
            if let Some(failed) = failed {
                self.spread_failure(failed);
            }
        }
    }

    fn forget(&mut self, slot: u32) {
        for i in 0..self.tasks[slot].dependencies.len {
            let dependency = self.tasks.dependency(slot, i);
            self.tasks[dependency].alive_dependents -= 1;
            self.tasks.strike_dependent(dependency, slot);
            if !self.later_dependents.is_empty()
                && let Some(later) = self.later_dependents.get_mut(&dependency)
            {
                later.remove(&slot);
                if later.is_empty() {
                    self.later_dependents.remove(&dependency);
                }
            }
            self.release_if_useless(dependency);
        }
        self.later_dependents.remove(&slot);
        self.failures.remove(&slot);
        self.deaths.remove(&slot);
        self.actors.remove(&slot);
        self.copies.asked.remove(&slot);
        self.spreads.forget(slot);
        self.note_forgotten(slot);
        let task = &self.tasks[slot];
        let (layer, position, function, demand) = (task.layer, task.position, task.function, task.demand);
        self.layers.remove_task(layer, position);
        for worker in self.functions.drop_task(function) {
            if self.workers.get(worker).is_some() {
                self.outbox.say(worker, crate::protocol::ToWorker::DropFunctions(vec![function]));
            }
        }
        self.demands.drop_task(demand);
        self.tasks.remove(slot);
    }
}

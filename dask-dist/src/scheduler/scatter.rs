//! Values from clients: they are given a task and a place, and are there once a worker says so.

use dask_core::Name;

use super::Machine;
use super::holders::NBYTES_MAX;
use super::task::State;
use crate::protocol::{ClientId, FunctionId, FutureId, Priority, ToClient, WorkerId};

impl Machine {
    pub(super) fn scatter(
        &mut self,
        client: ClientId,
        future: FutureId,
        name: Name,
        nbytes: u64,
        broadcast: bool,
        wanted: &[String],
    ) {
        let nbytes = nbytes.min(NBYTES_MAX);
        let refuse = |machine: &mut Self, why: String| {
            machine.outbox.tell(client, ToClient::SubmitRefused { first_future: future, why });
        };
        let mut places: Vec<WorkerId> = self.workers.running.as_slice().to_vec();
        if !wanted.is_empty() {
            places.retain(|&id| self.is_called(id, wanted));
        }
        places.sort_unstable_by_key(|&id| (self.workers[id].nbytes, id));
        if !broadcast {
            places.truncate(1);
        }
        if places.is_empty() {
            let whom = if wanted.is_empty() { "a worker".to_owned() } else { wanted.join(", ") };
            return refuse(self, format!("nobody can take the value: {whom} is not there"));
        }
        let layer = match self.layers.get_or_insert(&name, &[]) {
            Ok(layer) => layer,
            Err(why) => return refuse(self, why),
        };
        let slot = self.layers.slot(layer, 0).unwrap_or_else(|| {
            let priority = Priority::default();
            let slot = self.tasks.insert(layer, 0, FunctionId(super::task::NONE), priority);
            self.layers.set_slot(layer, 0, slot);
            self.note_made(slot);
            let task = &mut self.tasks[slot];
            task.is_scattered = true;
            slot
        });
        if self.tasks[slot].is_scattered && matches!(self.tasks[slot].state, State::Released | State::Erred) {
            self.failures.remove(&slot);
            self.set_state(slot, State::Waiting);
            self.tasks[slot].missing = 1;
        }
        self.tasks[slot].nbytes =
            self.tasks[slot].nbytes.max(if self.tasks[slot].holders.is_empty() { nbytes } else { 0 });
        if broadcast {
            self.copies.asked.insert(slot, u32::MAX);
        }
        self.add_wish(slot, (client, future));
        if self.tasks[slot].state == State::Waiting {
            // A client sends to one, and that one to the others.
            if self.is_crowd(nbytes, places.len() as u64) {
                let others = places.split_off(1);
                self.spreads.spread_later(slot, others);
            }
            places.iter().for_each(|&worker| self.introduce(client, worker));
            let task = self.tasks.reference(slot);
            self.outbox.tell(client, ToClient::Place { future, task, workers: places });
        } else {
            self.tell_state(slot, (client, future));
        }
    }
}

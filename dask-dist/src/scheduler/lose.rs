//! Workers that go, and values that are gone with them.

use super::Machine;
use super::task::State;
use super::workers::Status;
use crate::protocol::{Failure, RunId, TaskRef, ToClient, WorkerHello, WorkerId};

impl Machine {
    /// A worker is gone: what it processed is given to others, what only it held is made again if somebody needs it.
    pub(super) fn remove_worker(&mut self, id: WorkerId, why: &str) {
        if self.workers.get(id).is_none() {
            return;
        }
        // One that was to go, and was not given the time to finish, died of nothing that it ran.
        let graceful = self.workers[id].status == Status::Leaving;
        self.workers.set_status(id, Status::Gone);
        let name = self.workers[id].hello.name.clone();
        self.note_news(|| format!("worker {name} is gone: {why}"));
        let address = self.workers[id].hello.address.clone();
        self.coordinator.worker_gone(&address);
        self.follow_coordinator();
        self.outbox.drop_worker(id);
        self.demands.workers_changed();
        self.tell_of_silence(id);
        let blamed = self.probably_running(id);
        let processed = self.processed_by(id);
        let held = self.held_by(id);
        for slot in held {
            self.value_gone(slot, id);
        }
        for slot in processed {
            // What failed under the worker took what was sent ahead of it along.
            if self.tasks[slot].state != State::Processing {
                continue;
            }
            let is_ahead = self.is_ahead(slot);
            self.unassign(slot);
            self.set_state(slot, State::Waiting);
            if !graceful && !is_ahead && self.is_killer(slot, id, &blamed, why) {
                continue;
            }
            self.await_inputs(slot);
        }
        self.forget_moves_of(id);
        self.workers.get_mut(id).forget_lists();
    }

    /// Whoever knows where a worker is hears that it is given up: a process that is stopped, or a machine that is gone,
    /// ends no connections, and who has asked it for something would wait for ever.
    fn tell_of_silence(&mut self, id: WorkerId) {
        for &worker in self.workers.present.as_slice() {
            if worker != id && self.workers[worker].has_learnt(id) {
                self.outbox.gone(worker, id);
            }
        }
        for (&client, known) in &self.clients.all {
            if known.has_learnt(id) {
                self.outbox.tell_gone(client, id);
            }
        }
    }

    /// Tasks that a worker has, in the order in which it got them.
    pub(super) fn tasks_at(&self, id: WorkerId) -> impl Iterator<Item = u32> {
        self.workers[id].assigned.iter().filter_map(move |&(task, run)| {
            let slot = self.tasks.find(task)?;
            let task = &self.tasks[slot];
            (task.state == State::Processing && task.worker == id && task.run == run).then_some(slot)
        })
    }

    /// All of them, by slot.
    fn processed_by(&self, id: WorkerId) -> Vec<u32> {
        let mut slots: Vec<u32> = self.tasks_at(id).collect();
        slots.sort_unstable();
        slots
    }

    /// The tasks that a worker was probably running: the first in line.
    fn probably_running(&self, id: WorkerId) -> Vec<u32> {
        let mut current: Vec<u32> = self.tasks_at(id).filter(|&slot| self.tasks[slot].missing == 0).collect();
        current.sort_unstable_by_key(|&slot| self.tasks[slot].priority);
        current.truncate(2 * self.workers[id].n_threads() as usize);
        current
    }

    /// Whether a task was probably running at so many deaths of workers that it is watched more closely: half of those
    /// that are allowed, since it costs parallelism.
    pub(super) fn is_suspect(&self, slot: u32) -> bool {
        self.settings.allowed_failures.div_ceil(2).max(1) <= u32::from(self.tasks[slot].suspicious)
    }

    /// Whether a task may go to a worker beside those that it has: no two suspects are at one, so that who stands beside
    /// a killer is not taken for one.
    pub(super) fn may_be_beside(&self, slot: u32, id: WorkerId) -> bool {
        self.workers[id].n_suspects == 0 || !self.is_suspect(slot)
    }

    /// Counts a death against a task; whether it is given up for it.
    fn is_killer(&mut self, slot: u32, id: WorkerId, blamed: &[u32], why: &str) -> bool {
        let allowed = self.settings.allowed_failures;
        let task = &mut self.tasks[slot];
        task.deaths = task.deaths.saturating_add(1);
        task.suspicious = task.suspicious.saturating_add(u8::from(blamed.contains(&slot)));
        let (deaths, suspicious) = (u32::from(task.deaths), u32::from(task.suspicious));
        if blamed.contains(&slot) {
            self.note_suspicious(slot);
        }
        let WorkerHello { name, address, .. } = &self.workers[id].hello;
        let memory = self.workers[id].metrics.resident >> 20;
        self.deaths
            .entry(slot)
            .or_default()
            .push(format!("{name} at {address}: {why} ({memory} MiB of its own when last heard of)"));
        // One that is never first in line but always there is found out in the end.
        if suspicious <= allowed && deaths <= 8 * allowed.max(1) {
            return false;
        }
        let deaths = self.deaths.remove(&slot).unwrap_or_default();
        let blame = Self::blame(Failure::KilledWorker { deaths }, self.key(slot));
        self.err(slot, blame, None);
        true
    }

    /// A holder has the value no more.
    pub(super) fn value_gone(&mut self, slot: u32, id: WorkerId) {
        if self.drop_holder(slot, id) && self.tasks[slot].holders.is_empty() {
            self.nobody_has(slot);
        }
    }

    /// A value is gone with its last holder.
    pub(super) fn nobody_has(&mut self, slot: u32) {
        debug_assert_eq!(self.tasks[slot].state, State::Memory);
        self.set_state(slot, State::Released);
        self.end_moves_of(slot);
        // Those that were to start wait again.
        for dependent in self.dependents_of(slot) {
            match self.tasks[dependent].state {
                State::Waiting => self.tasks[dependent].missing += 1,
                State::Queued | State::NoWorker => {
                    self.set_state(dependent, State::Waiting);
                    self.tasks[dependent].missing = 1;
                }
                _ => {}
            }
        }
        self.recall(slot);
        if let Some(wishes) = self.clients.wishes.get(&slot).cloned() {
            for (client, future) in wishes {
                self.outbox.tell(client, ToClient::Lost { future });
            }
        }
        if self.tasks[slot].needed_by != 0 || self.tasks[slot].wanted != 0 {
            self.activate(slot);
        } else {
            self.useless.push(slot);
        }
    }

    /// A worker could not fetch a value, and gives back what waited for it.
    pub(super) fn fetch_failed(
        &mut self,
        on: WorkerId,
        task: TaskRef,
        at: &[WorkerId],
        dependents: &[(TaskRef, RunId)],
    ) {
        if let Some(slot) = self.tasks.find(task) {
            self.spreads.failed(slot, on);
            self.missing_at(slot, at);
            self.move_again(slot, on, !at.is_empty());
        }
        for &(dependent, run) in dependents {
            let Some(slot) = self.tasks.find(dependent) else { continue };
            let known = &self.tasks[slot];
            if known.state == State::Processing && known.worker == on && known.run == run {
                self.given_back(slot);
            }
        }
    }

    /// These did not have, or did not give, a value.
    pub(super) fn missing_at(&mut self, slot: u32, at: &[WorkerId]) {
        let reference = self.tasks.reference(slot);
        for &holder in at {
            if self.workers.get(holder).is_some() && self.tasks[slot].holders.contains(&holder) {
                // If it has it after all, it is to drop it: nobody counts on it any more.
                self.outbox.free(holder, reference);
                self.value_gone(slot, holder);
            }
        }
    }
}

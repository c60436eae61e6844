//! The active memory manager: copies that nobody asked for go, and what a worker that leaves holds alone finds a place
//! with those that have most room.
//!
//! Transfers leave copies behind: every worker that needed a value has it from then on. Every now and then
//! ([`Settings::memory_manager`](super::Settings)) those are looked at of which there are several. As many stay as tasks
//! on the way need, or as a client asked for; the others go, from the fullest workers first. Nothing is touched that is
//! on its way to somebody, nothing that a task needs where it is, and never the last copy.

use std::collections::BTreeMap;
use std::time::Duration;

use smallvec::SmallVec;

use super::Machine;
use super::task::State;
use super::workers::Status;
use crate::protocol::WorkerId;

/// Values looked at in one round, at most; the others wait for the next.
const LOOKS: usize = 10_000;
/// However many tasks need a value, so many copies are enough.
const COPIES_MAX: u32 = 20;

/// When copies are looked at, and how full a worker is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryManager {
    /// Whether it works at all.
    pub start: bool,
    /// How often it looks.
    pub interval: Duration,
    /// How memory is counted.
    pub measure: Measure,
}

impl Default for MemoryManager {
    fn default() -> Self {
        Self { start: true, interval: Duration::from_secs(2), measure: Measure::Optimistic }
    }
}

/// How the memory of a worker is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The values it holds.
    Managed,
    /// What the system says of its process.
    Process,
    /// The values, and of the rest of the process what was there in the last two rounds.
    Optimistic,
}

/// What is remembered between rounds.
#[derive(Default)]
pub(super) struct Copies {
    /// Values of which there were several, some more than once.
    pub(super) several: Vec<u32>,
    /// How many copies clients asked for.
    pub(super) asked: BTreeMap<u32, u32>,
    /// Bytes of each worker's process that are no values, as of the last round.
    unmanaged: BTreeMap<WorkerId, u64>,
    /// When the last round was.
    last: Duration,
}

impl Machine {
    /// A round, if it is time.
    pub(super) fn manage_memory(&mut self) {
        let MemoryManager { start, interval, measure } = self.settings.memory_manager;
        if !start || self.now < self.copies.last + interval {
            return;
        }
        self.copies.last = self.now;
        self.reduce_replicas();
        if measure == Measure::Optimistic {
            let present = self.workers.present.as_slice().iter();
            self.copies.unmanaged = present.map(|&id| (id, self.unmanaged(id))).collect();
        }
    }

    fn unmanaged(&self, id: WorkerId) -> u64 {
        let metrics = &self.workers[id].metrics;
        metrics.resident.saturating_sub(metrics.managed)
    }

    /// Bytes that a worker uses, by the measure that was chosen.
    fn used(&self, id: WorkerId) -> u64 {
        let worker = &self.workers[id];
        match self.settings.memory_manager.measure {
            Measure::Managed => worker.nbytes,
            Measure::Process => worker.metrics.resident.max(worker.nbytes),
            Measure::Optimistic => {
                let before = self.copies.unmanaged.get(&id).copied().unwrap_or_default();
                worker.nbytes + before.min(self.unmanaged(id))
            }
        }
    }

    /// Drops copies that nobody needs.
    fn reduce_replicas(&mut self) {
        let mut several = std::mem::take(&mut self.copies.several);
        several.sort_unstable();
        several.dedup();
        several.retain(|&slot| self.tasks[slot].state == State::Memory && 1 < self.tasks[slot].holders.len());
        for &slot in several.iter().take(LOOKS) {
            self.reduce(slot);
        }
        // Those that were not looked at come first the next time.
        let looked = several.len().min(LOOKS);
        several.rotate_left(looked);
        several.retain(|&slot| 1 < self.tasks[slot].holders.len());
        self.copies.several = several;
    }

    fn reduce(&mut self, slot: u32) {
        let task = self.tasks.reference(slot);
        let asked = self.copies.asked.get(&slot).copied().unwrap_or(1);
        let keep = asked.max(self.tasks[slot].needed_by.min(COPIES_MAX)).max(1) as usize;
        if self.tasks[slot].holders.len() <= keep || self.actors.contains_key(&slot) || self.moves.is_moving(task) {
            return;
        }
        // Who runs something that needs it. One that has not got it may be fetching it, from any of the holders.
        let mut users: SmallVec<[WorkerId; 4]> = SmallVec::new();
        for dependent in self.dependents_of(slot) {
            let dependent = &self.tasks[dependent];
            if dependent.state != State::Processing {
                continue;
            }
            if !self.tasks[slot].holders.contains(&dependent.worker) {
                return;
            }
            users.push(dependent.worker);
        }
        let mut holders: SmallVec<[WorkerId; 4]> =
            self.tasks[slot].holders.iter().copied().filter(|holder| !users.contains(holder)).collect();
        // Who goes anyway first, then who has no room, then the fullest.
        let rank = |id: WorkerId| match self.workers[id].status {
            Status::Leaving | Status::Gone => 0,
            Status::Paused => 1,
            Status::Running => 2,
        };
        holders.sort_by_key(|&id| (rank(id), std::cmp::Reverse(self.used(id)), id));
        for holder in holders {
            if self.tasks[slot].holders.len() <= keep {
                return;
            }
            if self.drop_holder(slot, holder) {
                self.outbox.free(holder, task);
            }
        }
    }

    /// A place for each of these values, of a worker that leaves: largest first, to who is least full then. Who is asked
    /// to take more than it may use takes it only if nobody has room.
    pub(super) fn places_for(&self, values: &[u32]) -> Vec<(u32, WorkerId)> {
        let running = self.workers.running.as_slice();
        let mut used: Vec<(WorkerId, u64)> = running.iter().map(|&id| (id, self.used(id))).collect();
        let mut values = values.to_vec();
        values.sort_by_key(|&slot| (std::cmp::Reverse(self.tasks[slot].nbytes), slot));
        let mut places = Vec::with_capacity(values.len());
        for slot in values {
            let nbytes = self.tasks[slot].nbytes;
            let is_over = |&(id, used): &(WorkerId, u64)| {
                let limit = self.workers[id].hello.memory_limit;
                limit != 0 && (limit as f64 * self.settings.memory_target) < (used + nbytes) as f64
            };
            let best = used.iter_mut().min_by_key(|at| (is_over(at), at.1, at.0));
            let Some((id, used)) = best else { break };
            *used += nbytes;
            places.push((slot, *id));
        }
        places
    }
}

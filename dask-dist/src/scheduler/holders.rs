//! Who holds which value, and which values a worker holds.

use super::Machine;
use crate::protocol::WorkerId;

/// Places in a worker's list of values, beyond twice as many as it holds, before those that are over are taken out.
const HELD_SLACK: u64 = 64;

/// A value is not said to be larger, nor a task to have taken longer (13 days): sums stay sums, whatever is said.
pub(super) const NBYTES_MAX: u64 = 1 << 40;
pub(super) const NANOS_MAX: u64 = 1 << 50;

impl Machine {
    /// A worker has a value.
    pub(super) fn add_holder(&mut self, slot: u32, on: WorkerId, nbytes: u64) {
        let nbytes = nbytes.min(NBYTES_MAX);
        let task = &mut self.tasks[slot];
        if task.holders.contains(&on) {
            return;
        }
        // A copy may measure otherwise, being encoded: the first measure is that of all.
        if task.holders.is_empty() {
            task.nbytes = nbytes;
        }
        task.holders.push(on);
        if task.holders.len() == 2 {
            self.copies.several.push(slot);
        }
        task.coming.retain(|&mut id| id != on);
        self.spreads.arrived(slot, on, self.now.as_nanos() as u64);
        let worker = self.workers.get_mut(on);
        worker.nbytes += task.nbytes;
        worker.n_held += 1;
        worker.held.push(slot);
        if 2 * worker.n_held + HELD_SLACK < worker.held.len() as u64 {
            self.workers.get_mut(on).held = self.held_by(on);
        }
        if !self.moves.is_empty() {
            self.moves.arrived.push((slot, on));
        }
    }

    /// The values that a worker holds, by slot.
    pub(super) fn held_by(&self, id: WorkerId) -> Vec<u32> {
        let mut slots = self.workers[id].held.clone();
        slots.retain(|&slot| self.tasks[slot].holders.contains(&id));
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Takes a holder away; whether it was one.
    pub(super) fn drop_holder(&mut self, slot: u32, on: WorkerId) -> bool {
        let task = &mut self.tasks[slot];
        let Some(at) = task.holders.iter().position(|&holder| holder == on) else { return false };
        task.holders.remove(at);
        if task.holders.is_empty() {
            task.coming.clear();
            self.spreads.end(slot);
        }
        let nbytes = task.nbytes;
        let worker = self.workers.get_mut(on);
        worker.nbytes -= nbytes;
        worker.n_held -= 1;
        true
    }
}

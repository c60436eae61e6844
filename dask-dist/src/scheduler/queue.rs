//! Roots wait until a worker has room: a wide graph does not fill memory.
//!
//! A root task makes data and frees none, so that all roots at once would fill the cluster. They are kept here, by
//! priority, and a worker gets some more when it has finished some: `saturation` times its threads, or as many as
//! take `prefill` time if tasks of the kind are known to be short and small. Neighbours in the order go to the same
//! worker, since what needs them will need them together. By bytes: a worker whose values, with what its tasks will
//! make, exceed `memory_target` of its memory gets no root but the one that keeps it from standing still.

use super::Machine;
use super::task::State;
use super::workers::Status;
use crate::protocol::{Priority, WorkerId};

/// Smaller priority first; checked when popped, as tasks leave the queue without being taken out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    priority: Priority,
    slot: u32,
    generation: u32,
}

impl Entry {
    pub(super) fn slot(&self) -> u32 {
        self.slot
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.priority, other.slot).cmp(&(self.priority, self.slot))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Machine {
    /// All dependencies are in memory: to be placed by the next flush.
    pub(super) fn make_ready(&mut self, slot: u32) {
        self.set_state(slot, State::Queued);
        let task = &self.tasks[slot];
        if task.demand != super::task::NONE {
            let (demand, entry) = (task.demand, self.entry(slot));
            self.demands.wait(demand, entry);
            if self.demands.is_unmet(demand) {
                self.set_state(slot, State::NoWorker);
                self.tasks[slot].since = self.now.as_nanos() as u64;
            }
        } else if task.is_root {
            self.enqueue(slot);
        } else {
            self.ready.push(slot);
        }
    }

    pub(super) fn enqueue(&mut self, slot: u32) {
        let entry = self.entry(slot);
        self.queue.push(entry);
    }

    fn entry(&self, slot: u32) -> Entry {
        let task = &self.tasks[slot];
        Entry { priority: task.priority, slot, generation: task.generation }
    }

    /// Whether the task still waits.
    pub(super) fn is_current(&self, entry: &Entry) -> bool {
        let task = &self.tasks[entry.slot];
        matches!(task.state, State::Queued | State::NoWorker) && task.generation == entry.generation
    }

    /// The first of the queue that still waits.
    pub(super) fn peek(&mut self) -> Option<u32> {
        while let Some(entry) = self.queue.peek() {
            if self.is_current(entry) {
                return Some(entry.slot);
            }
            self.queue.pop();
        }
        None
    }

    /// Gives queued tasks to workers with room.
    pub(super) fn fill_workers(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        if self.peek().is_some() {
            // Fair shares at first; what is left goes to whoever finishes first.
            let running = self.workers.running.as_slice().len().max(1);
            let share = self.queue.len().div_ceil(running).max(1) as u32;
            touched.extend_from_slice(self.workers.idle.as_slice());
            for &worker in &touched {
                if !self.fill(worker, share) {
                    break;
                }
            }
        }
        touched.clear();
        self.touched = touched;
    }

    /// Whether anything is left in the queue.
    fn fill(&mut self, id: WorkerId, share: u32) -> bool {
        let mut given = 0;
        while let Some(slot) = self.peek() {
            if self.workers[id].status != Status::Running || share <= given || !self.has_room(id, slot) {
                return true;
            }
            self.queue.pop();
            let to = if self.tasks[slot].dependencies.len == 0 { Some(id) } else { self.choose(slot, Some(id)) };
            self.assign(slot, to.unwrap_or(id));
            given += 1;
        }
        false
    }

    /// Whether a worker may get one more root.
    pub(super) fn has_room(&self, id: WorkerId, slot: u32) -> bool {
        let worker = &self.workers[id];
        if !self.may_be_beside(slot, id) {
            return false;
        }
        if worker.processing == 0 {
            return true;
        }
        let (threads, settings) = (f64::from(worker.n_threads()), &self.settings);
        let group = self.layers.group(self.tasks[slot].layer);
        let limit = worker.hello.memory_limit as f64;
        let makes = group.nbytes * f64::from(worker.processing + 1);
        if 0.0 < limit && settings.memory_target * limit < worker.nbytes as f64 + makes {
            return false;
        }
        let usual = (settings.saturation * threads).ceil();
        let stock = if group.n == 0 {
            0.0
        } else {
            let by_time = settings.prefill.as_nanos() as f64 / group.nanos.max(1.0) * threads;
            let by_count = f64::from(settings.prefill_tasks_max) * threads;
            let memory = if limit == 0.0 { 4e9 } else { limit };
            by_time.min(by_count).min(settings.prefill_memory * memory / group.nbytes.max(1.0))
        };
        f64::from(worker.processing) < usual.max(stock)
    }
}

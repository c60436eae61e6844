//! Inputs that nobody else needs are dropped by the worker that has used them, at once: where large blocks follow each
//! other, the memory of one is free before the next is made, and no message says so.
//!
//! A worker is told of such inputs with the task, and tells of those that it has dropped with the task's value. If
//! somebody comes to need one meanwhile, the worker is told to keep it; if that comes too late, the value is made again,
//! which is why values that cannot be (those of clients, actors) are never given away.

use super::Machine;
use super::task::State;
use crate::protocol::{ComputeTask, WorkerId};

impl Machine {
    /// Whether input number `i` of a task that is sent to a worker is dropped when that has run; notes it.
    #[inline]
    pub(super) fn give_away(&mut self, dependency: u32, i: u32) -> u64 {
        let value = &mut self.tasks[dependency];
        if ComputeTask::LAST_USE_MAX <= i as usize || value.wanted != 0 || value.needed_by != 1 || value.is_scattered {
            return 0;
        }
        value.given_away = true;
        1 << i
    }

    /// Somebody more needs a value: who was told to drop it keeps it.
    #[inline]
    pub(super) fn needed_more(&mut self, slot: u32) {
        if self.tasks[slot].given_away {
            self.take_back(slot);
        }
    }

    fn take_back(&mut self, slot: u32) {
        let reference = self.tasks.reference(slot);
        let task = &mut self.tasks[slot];
        task.given_away = false;
        let maker = (task.state == State::Processing).then_some(task.worker);
        for &holder in task.holders.iter().chain(&maker) {
            // One that is being given up is told nothing.
            if self.workers.get(holder).is_some() {
                self.outbox.keep(holder, reference);
            }
        }
    }

    /// A worker has dropped inputs of a task, with its last report of it.
    pub(super) fn inputs_dropped(&mut self, slot: u32, on: WorkerId, dropped: u64, is_expected: bool) {
        let n = self.tasks[slot].dependencies.len.min(ComputeTask::LAST_USE_MAX as u32);
        for i in (0..n).filter(|i| dropped & 1 << i != 0) {
            let dependency = self.tasks.dependency(slot, i);
            if !is_expected {
                // It may be an old report: if the worker has the value after all, it is to drop it.
                self.missing_at(dependency, &[on]);
            } else if self.drop_holder(dependency, on) && self.tasks[dependency].holders.is_empty() {
                let value = &self.tasks[dependency];
                if value.wanted != 0 || value.needed_by != 1 {
                    self.nobody_has(dependency);
                }
            }
        }
    }
}

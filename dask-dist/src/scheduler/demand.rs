//! How much work there is, for whoever decides how many workers there should be.

use super::Machine;
use super::task::State;
use crate::protocol::Demand;

/// What a task of an unknown kind is taken for, in nanoseconds.
const UNKNOWN: std::time::Duration = std::time::Duration::from_millis(500);
/// Waiting tasks of which the time is estimated; the others take as long on average.
const SAMPLE: usize = 100;

impl Machine {
    /// Work that is there now: handed out, or ready and waiting for a worker.
    pub fn demand(&self) -> Demand {
        let all = self.queue.iter().map(super::queue::Entry::slot).chain(self.ready.iter().copied());
        let all = all.chain(self.demands.waiting());
        let n_listed = self.queue.len() + self.ready.len() + self.demands.n_waiting();
        // Tasks leave the lists without being taken out: some are not ready any more.
        let (mut n_sampled, mut n_ready, mut nanos) = (0u64, 0u64, 0u64);
        for slot in all.take(SAMPLE) {
            n_sampled += 1;
            let task = &self.tasks[slot];
            if matches!(task.state, State::Queued | State::NoWorker) {
                n_ready += 1;
                nanos += self.layers.group(task.layer).estimate(UNKNOWN);
            }
        }
        let scale = |sampled: u64| sampled * n_listed as u64 / n_sampled.max(1);
        let present = self.workers.present.as_slice();
        let n_processing: u64 = present.iter().map(|&id| u64::from(self.workers[id].processing)).sum();
        Demand {
            occupancy: present.iter().map(|&id| self.workers[id].occupancy).sum(),
            queued: scale(nanos),
            n_queued: scale(n_ready),
            n_tasks: scale(n_ready) + n_processing,
            workers: self.worker_infos(),
        }
    }
}

//! Work goes to the idle: tasks in stock at a busy worker are asked back and placed anew.
//!
//! Instead of stealing between workers: the worker gives back what has not started, so that no task ever runs twice, and
//! the scheduler alone decides. Done when a worker is idle and nothing is queued, in favour of what pays: the backlog must
//! exceed what it costs to ask and to move.

use smallvec::SmallVec;

use super::Machine;
use super::task::{Asked, State};
use crate::protocol::{RunId, TaskRef, WorkerId};

/// Workers looked at in one flush, at most.
const LOOKS: usize = 8;
/// Tasks of one worker looked at, at most.
const DEPTH: usize = 64;

impl Machine {
    /// Asks busy workers for tasks, if others are idle.
    pub(super) fn balance(&mut self) {
        let n = self.workers.loaded.as_slice().len();
        let wanted = self.workers.n_free.saturating_sub(self.workers.n_retracting);
        if wanted == 0 || n == 0 || !self.queue.is_empty() {
            return;
        }
        let places: SmallVec<[usize; LOOKS]> =
            if n <= LOOKS { (0..n).collect() } else { (0..LOOKS).map(|_| self.random(n)).collect() };
        let busy: SmallVec<[WorkerId; LOOKS]> = places.iter().map(|&at| self.workers.loaded.as_slice()[at]).collect();
        let mut room = wanted.saturating_mul(self.worth());
        for id in busy {
            room = self.ask_back(id, room);
            if room == 0 {
                break;
            }
        }
    }

    /// Nanoseconds that a way to a worker and back is good for: a thread without work is found a task, or as many short
    /// ones as take so long.
    fn worth(&self) -> u64 {
        (2 * self.settings.latency.as_nanos() as u64).max(1)
    }

    /// Asks one worker for tasks that take `room` nanoseconds together; what is left of it.
    fn ask_back(&mut self, id: WorkerId, mut room: u64) -> u64 {
        let (worker, worth) = (&self.workers[id], self.worth());
        if worker.backlog() < worth {
            return room;
        }
        // The last to start is the first to go.
        let take = worker.surplus().div_ceil(2) as usize;
        let mut found: Vec<u32> = Vec::new();
        for &(reference, run) in worker.assigned.iter().rev().take(DEPTH) {
            if room == 0 || found.len() == take {
                break;
            }
            let Some(slot) = self.tasks.find(reference) else { continue };
            let task = &self.tasks[slot];
            let current = task.state == State::Processing && task.worker == id && task.run == run;
            if !current || task.asked != Asked::No || task.seceded || task.missing != 0 {
                continue;
            }
            if task.demand != super::task::NONE && !self.idle_can_run(task.demand) {
                continue;
            }
            let bytes: u64 = self.tasks.edges(task.dependencies).iter().map(|&d| self.tasks[d].nbytes).sum();
            if worker.backlog() / 2 < self.moving(bytes) {
                continue;
            }
            room = room.saturating_sub(task.estimate.clamp(1, worth));
            found.push(slot);
        }
        found.iter().for_each(|&slot| self.ask_for(slot));
        room
    }

    /// Asks a task back from its worker.
    pub(super) fn ask_for(&mut self, slot: u32) {
        let task = &mut self.tasks[slot];
        task.asked = Asked::Yes;
        let (id, run) = (task.worker, task.run);
        self.workers.get_mut(id).retracting += 1;
        self.workers.update(id);
        self.outbox.retract(id, self.tasks.reference(slot), run);
    }

    /// A worker gave a task back before it started.
    pub(super) fn retracted(&mut self, on: WorkerId, task: TaskRef, run: RunId) {
        let Some(slot) = self.tasks.find(task) else { return };
        let known = &self.tasks[slot];
        if known.state == State::Processing && known.worker == on && known.run == run {
            self.given_back(slot);
        }
    }

    /// A worker was asked for a task that runs already.
    pub(super) fn kept(&mut self, on: WorkerId, task: TaskRef, run: RunId) {
        let Some(slot) = self.tasks.find(task) else { return };
        let known = &mut self.tasks[slot];
        if known.state == State::Processing && known.worker == on && known.run == run && known.asked == Asked::Yes {
            known.asked = Asked::Kept;
            self.workers.get_mut(on).retracting -= 1;
            self.workers.update(on);
            self.is_head(slot);
        }
    }

    /// A worker will not make it: it waits as any other task.
    pub(super) fn given_back(&mut self, slot: u32) {
        self.unassign(slot);
        self.set_state(slot, State::Waiting);
        self.recall(slot);
        self.await_inputs(slot);
    }

    /// A running task takes no thread any more.
    pub(super) fn seceded(&mut self, on: WorkerId, task: TaskRef, run: RunId) {
        let Some(slot) = self.tasks.find(task) else { return };
        let known = &mut self.tasks[slot];
        if known.state == State::Processing
            && known.worker == on
            && known.run == run
            && !known.seceded
            && known.missing == 0
        {
            known.seceded = true;
            let estimate = known.estimate;
            let is_suspect = self.is_suspect(slot);
            let worker = self.workers.get_mut(on);
            worker.processing -= 1;
            worker.occupancy -= estimate;
            worker.n_suspects -= u32::from(is_suspect);
            self.workers.update(on);
            self.touched.push(on);
        }
    }
}

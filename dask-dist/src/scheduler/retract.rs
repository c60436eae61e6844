//! Work goes to the idle: tasks in stock at a busy worker are asked back and placed anew.
//!
//! Instead of stealing between workers: the worker gives back what has not started, so that no task ever runs twice, and
//! the scheduler alone decides. Done when a worker is idle and nothing is queued, in favour of what pays: the backlog must
//! exceed what it costs to ask and to move.

use super::Machine;
use super::task::State;
use crate::protocol::{RunId, TaskRef, WorkerId};

/// Workers looked at in one flush, at most.
const LOOKS: usize = 8;
/// Tasks of one worker looked at, at most.
const DEPTH: usize = 64;

impl Machine {
    /// Asks busy workers for tasks, if others are idle.
    pub(super) fn balance(&mut self) {
        let n_idle = self.workers.idle.as_slice().len();
        let n = self.workers.running.as_slice().len();
        if n_idle == 0 || n_idle == n || !self.queue.is_empty() {
            return;
        }
        let whole = n <= LOOKS;
        let mut to_find = n_idle;
        for i in 0..n.min(LOOKS) {
            let at = if whole { i } else { self.random(n) };
            let id = self.workers.running.as_slice()[at];
            let found = self.ask_back(id, to_find);
            to_find -= found;
            if to_find == 0 {
                break;
            }
        }
    }

    /// Asks one worker for up to `n` tasks; how many it was asked for.
    fn ask_back(&mut self, id: WorkerId, n: usize) -> usize {
        let worker = &self.workers[id];
        let surplus = worker.processing.saturating_sub(worker.n_threads() + worker.retracting) as usize;
        let worth = 2 * self.settings.latency.as_nanos() as u64;
        if surplus == 0 || worker.backlog() < worth {
            return 0;
        }
        // The last to start is the first to go.
        let take = n.min(surplus.div_ceil(2));
        let mut found: Vec<u32> = Vec::new();
        for &(reference, run) in worker.assigned.iter().rev().take(DEPTH) {
            let Some(slot) = self.tasks.find(reference) else { continue };
            let task = &self.tasks[slot];
            let current = task.state == State::Processing && task.worker == id && task.run == run;
            if !current || task.retracting || task.seceded || task.missing != 0 {
                continue;
            }
            if task.demand != super::task::NONE && !self.idle_can_run(task.demand) {
                continue;
            }
            let bytes: u64 = self.tasks.edges(task.dependencies).iter().map(|&d| self.tasks[d].nbytes).sum();
            if worker.backlog() / 2 < self.moving(bytes) {
                continue;
            }
            found.push(slot);
            if found.len() == take {
                break;
            }
        }
        found.iter().for_each(|&slot| self.ask_for(slot));
        found.len()
    }

    /// Asks a task back from its worker.
    pub(super) fn ask_for(&mut self, slot: u32) {
        let task = &mut self.tasks[slot];
        task.retracting = true;
        let (id, run) = (task.worker, task.run);
        self.workers.get_mut(id).retracting += 1;
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
            let worker = self.workers.get_mut(on);
            worker.processing -= 1;
            worker.occupancy -= estimate;
            self.workers.update(on);
            self.touched.push(on);
        }
    }
}

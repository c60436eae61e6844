//! Tasks are sent to the worker that makes their inputs, before these are made.
//!
//! A task of which all inputs will be made by one worker is placed there in any case where data counts; told ahead, the
//! worker goes from one to the other without asking. A chain then costs no round trip a link, and a tree is reduced
//! where its leaves are, as soon as they are. Of the dependents of one task at most one is sent ahead, the next in the
//! order: the others are for whoever has room. A worker has up to `ahead_max` such tasks a thread; they count in no
//! statistics of its load until their inputs are there.
//!
//! If anything happens to an input but that its worker makes it, what was sent ahead of it is recalled, and waits as
//! any other task. Nothing is sent ahead of a task, or as one, under which a worker has died: whom to blame must be clear.

use std::collections::VecDeque;

use super::Machine;
use super::task::{Asked, NONE, State};
use super::workers::Status;
use crate::protocol::{RunId, WorkerId};

/// Tasks with more inputs are not sent ahead, so that looking at them stays cheap.
const INPUTS_MAX: u32 = 64;
/// Of the dependents of a task so many are looked at.
const LOOKS: usize = 16;

/// Tasks of which a dependent may be sent ahead; found out to be over when met.
pub(super) type Heads = VecDeque<(u32, RunId)>;

impl Machine {
    /// A task is at a worker: perhaps one can follow.
    #[inline]
    pub(super) fn is_head(&mut self, slot: u32) {
        let has_dependents = self.tasks[slot].alive_dependents != 0;
        if self.settings.ahead_max != 0 && has_dependents {
            self.heads.push_back((slot, self.tasks[slot].run));
        }
    }

    /// Sends tasks ahead.
    pub(super) fn send_ahead(&mut self) {
        while let Some((slot, run)) = self.heads.pop_front() {
            let task = &self.tasks[slot];
            if task.state != State::Processing || task.run != run || task.asked == Asked::Yes || task.deaths != 0 {
                continue;
            }
            let id = task.worker;
            let worker = self.workers.get_mut(id);
            if worker.status != Status::Running {
                continue;
            }
            if self.settings.ahead_max * worker.n_threads() <= worker.ahead {
                worker.blocked.push((slot, run));
                continue;
            }
            if let Some(next) = self.follower(slot, id) {
                let edges = self.tasks.edges(self.tasks[next].dependencies);
                let missing = edges.iter().filter(|&&d| self.tasks[d].state != State::Memory).count();
                self.send(next, id, missing as u32);
            }
        }
    }

    /// The first of the dependents of a task that can be sent to its worker.
    fn follower(&self, slot: u32, id: WorkerId) -> Option<u32> {
        let in_span = (0..self.tasks[slot].dependents.len).take(LOOKS).filter_map(|i| self.tasks.dependent(slot, i));
        let later = self.later_dependents.get(&slot).into_iter().flatten().take(LOOKS).map(|(&dependent, _)| dependent);
        in_span
            .chain(later)
            .filter(|&dependent| self.can_follow(dependent, id))
            .min_by_key(|&dependent| self.tasks[dependent].priority)
    }

    fn can_follow(&self, slot: u32, id: WorkerId) -> bool {
        let task = &self.tasks[slot];
        if task.state != State::Waiting
            || task.is_root
            || task.is_scattered
            || task.demand != NONE
            || task.deaths != 0
            || INPUTS_MAX < task.dependencies.len
        {
            return false;
        }
        // What is to be fetched must not keep it waiting.
        let mut room = (self.settings.bandwidth * self.settings.latency.as_secs_f64()) as u64;
        self.tasks.edges(task.dependencies).iter().all(|&dependency| {
            let input = &self.tasks[dependency];
            match input.state {
                State::Processing => input.worker == id && input.asked != Asked::Yes && input.deaths == 0,
                State::Memory if input.holders.contains(&id) => true,
                State::Memory => {
                    let fits = input.nbytes <= room;
                    room = room.saturating_sub(input.nbytes);
                    fits
                }
                _ => false,
            }
        })
    }

    /// An input of a task that was sent ahead has been made.
    pub(super) fn input_made(&mut self, slot: u32) {
        let now = self.now.as_nanos() as u64;
        let task = &mut self.tasks[slot];
        task.missing -= 1;
        if task.missing == 0 {
            task.since = now;
            let (id, estimate) = (task.worker, task.estimate);
            let worker = self.workers.get_mut(id);
            worker.processing += 1;
            worker.occupancy += estimate;
            self.one_less_ahead(id);
            self.workers.update(id);
        }
    }

    /// A worker has room for one more: those that had to wait for it are looked at again, when there is some for all.
    pub(super) fn one_less_ahead(&mut self, id: WorkerId) {
        let worker = self.workers.get_mut(id);
        worker.ahead -= 1;
        if !worker.blocked.is_empty() && worker.ahead <= self.settings.ahead_max * worker.n_threads() / 2 {
            self.heads.extend(worker.blocked.drain(..));
        }
    }

    /// Something has happened to a task at a worker, or to its value: what was sent ahead of it waits elsewhere. The
    /// task itself is in its new state.
    pub(super) fn recall(&mut self, slot: u32) {
        let mut stack = vec![slot];
        let mut recalled = Vec::new();
        while let Some(slot) = stack.pop() {
            if self.tasks[slot].dependents.len == 0 && !self.later_dependents.contains_key(&slot) {
                continue;
            }
            for dependent in self.dependents_of(slot) {
                if self.is_ahead(dependent) {
                    self.call_off(dependent);
                    self.set_state(dependent, State::Waiting);
                    stack.push(dependent);
                    recalled.push(dependent);
                }
            }
        }
        for slot in recalled {
            if self.tasks[slot].state == State::Waiting {
                self.await_inputs(slot);
            }
        }
    }

    /// Whether a task was sent ahead, and its inputs are not all there.
    pub(super) fn is_ahead(&self, slot: u32) -> bool {
        self.tasks[slot].state == State::Processing && self.tasks[slot].missing != 0
    }

    /// Takes a task away from its worker, which is told. The state is the caller's affair.
    pub(super) fn call_off(&mut self, slot: u32) {
        let (on, task) = (self.tasks[slot].worker, self.tasks.reference(slot));
        self.unassign(slot);
        if self.workers.get(on).is_some() {
            self.outbox.free(on, task);
        }
    }
}

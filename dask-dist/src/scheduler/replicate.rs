//! Copies: more of them, moved ones, and what a leaving worker hands over.

use super::Machine;
use super::task::State;
use super::workers::Status;
use crate::protocol::{ClientId, Dependency, FutureId, ToClient, ToWorker, WorkerId};

/// Copies on their way.
#[derive(Default)]
pub(super) struct Moves {
    /// `(task, generation, from, to)`: when `to` has it, `from` may drop it.
    pending: Vec<Move>,
    /// Requests of clients, with how many copies they wait for.
    requests: Vec<(ClientId, u64)>,
    /// Who got what since the last look; only while something is pending.
    pub(super) arrived: Vec<(u32, WorkerId)>,
}

struct Move {
    task: crate::protocol::TaskRef,
    from: Option<WorkerId>,
    to: WorkerId,
    request: Option<(ClientId, u64)>,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether a copy of it is on its way.
    pub(super) fn is_moving(&self, task: crate::protocol::TaskRef) -> bool {
        self.pending.iter().any(|pending| pending.task == task)
    }

    /// Nothing comes from there, or arrives there.
    pub(super) fn forget_worker(&mut self, id: WorkerId) {
        self.pending.retain(|pending| pending.to != id);
        for pending in &mut self.pending {
            if pending.from == Some(id) {
                pending.from = None;
            }
        }
    }
}

impl Machine {
    fn start_move(&mut self, slot: u32, from: Option<WorkerId>, to: WorkerId, request: Option<(ClientId, u64)>) {
        let task = self.tasks.reference(slot);
        if self.moves.pending.iter().any(|pending| pending.task == task && pending.to == to) {
            return;
        }
        let holders: smallvec::SmallVec<[WorkerId; 2]> = self.tasks[slot].holders.iter().copied().take(4).collect();
        for &holder in &holders {
            if self.workers.get_mut(to).learn(holder) {
                self.outbox.peer(to, holder, &self.workers[holder].hello.address);
            }
        }
        let nbytes = self.tasks[slot].nbytes;
        self.outbox.acquire(to, Dependency { task, nbytes, holders });
        self.moves.pending.push(Move { task, from, to, request });
    }

    /// Looks which copies have come, and what that lets go.
    pub(super) fn advance_moves(&mut self) {
        self.moves.arrived.clear();
        let pending = std::mem::take(&mut self.moves.pending);
        let mut left = Vec::new();
        for pending in pending {
            let slot = self.tasks.find(pending.task).filter(|&slot| self.tasks[slot].state == State::Memory);
            let Some(slot) = slot else { continue };
            if !self.tasks[slot].holders.contains(&pending.to) {
                left.push(pending);
            } else if let Some(from) = pending.from
                && 1 < self.tasks[slot].holders.len()
                && self.drop_holder(slot, from)
            {
                self.outbox.free(from, pending.task);
            }
        }
        self.moves.pending = left;
        let requests = std::mem::take(&mut self.moves.requests);
        let (open, done): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .partition(|request| self.moves.pending.iter().any(|pending| pending.request == Some(*request)));
        self.moves.requests = open;
        for (client, request) in done {
            self.outbox.tell(client, ToClient::Ok { request });
        }
        self.let_go();
    }

    /// Copies of values on at least `n` workers.
    pub(super) fn replicate(&mut self, id: ClientId, request: u64, futures: &[FutureId], n: u32) {
        for slot in self.slots_of(id, futures).collect::<Vec<_>>() {
            if self.tasks[slot].state != State::Memory {
                continue;
            }
            let mut running = self.workers.running.as_slice().to_vec();
            running.sort_unstable_by_key(|&worker| (self.workers[worker].nbytes, worker));
            running.retain(|worker| !self.tasks[slot].holders.contains(worker));
            let wanted = if n == 0 { usize::MAX } else { n as usize };
            self.copies.asked.insert(slot, if n == 0 { u32::MAX } else { n });
            let missing = wanted.saturating_sub(self.tasks[slot].holders.len());
            for to in running.into_iter().take(missing) {
                self.start_move(slot, None, to, Some((id, request)));
            }
        }
        self.moves.requests.push((id, request));
        self.advance_moves();
    }

    /// Moves values from workers with more than the average to those with less.
    pub(super) fn rebalance(&mut self, id: ClientId, request: u64) {
        let running = self.workers.running.as_slice().to_vec();
        let total: u64 = running.iter().map(|&worker| self.workers[worker].nbytes).sum();
        let mean = total / (running.len() as u64).max(1);
        let mut bytes: Vec<(WorkerId, u64)> =
            running.iter().map(|&worker| (worker, self.workers[worker].nbytes)).collect();
        let mut values: Vec<u32> =
            self.tasks.iter().filter(|(_, task)| task.holders.len() == 1).map(|(slot, _)| slot).collect();
        values.retain(|slot| !self.actors.contains_key(slot));
        values.sort_unstable_by_key(|&slot| std::cmp::Reverse(self.tasks[slot].nbytes));
        for slot in values {
            let (from, nbytes) = (self.tasks[slot].holders[0], self.tasks[slot].nbytes);
            let Some(source) = bytes.iter().position(|(worker, _)| *worker == from) else { continue };
            let Some(target) = (0..bytes.len()).min_by_key(|&at| bytes[at].1) else { continue };
            // Only what brings both nearer to the mean.
            if nbytes == 0 || bytes[source].1 < mean + nbytes || mean < bytes[target].1 + nbytes {
                continue;
            }
            bytes[source].1 -= nbytes;
            bytes[target].1 += nbytes;
            let to = bytes[target].0;
            self.start_move(slot, Some(from), to, Some((id, request)));
        }
        self.moves.requests.push((id, request));
        self.advance_moves();
    }

    /// A worker is to go: it gets nothing more, and what only it holds is copied.
    pub(super) fn leave(&mut self, id: WorkerId) {
        if self.workers.get(id).is_none() || self.workers[id].status == Status::Leaving {
            return;
        }
        self.workers.set_status(id, Status::Leaving);
        let name = self.workers[id].hello.name.clone();
        self.note_news(|| format!("worker {name} is leaving"));
        let assigned: Vec<_> = self.workers[id].assigned.iter().copied().collect();
        for (reference, run) in assigned {
            let Some(slot) = self.tasks.find(reference) else { continue };
            let task = &mut self.tasks[slot];
            if task.state == State::Processing && task.worker == id && task.run == run && !task.retracting {
                task.retracting = true;
                self.workers.get_mut(id).retracting += 1;
                self.outbox.retract(id, reference, run);
            }
        }
        self.let_go();
    }

    /// Workers that are to go: what only they have is copied; those with nothing left are closed.
    fn let_go(&mut self) {
        let leaving: Vec<WorkerId> = self
            .workers
            .present
            .as_slice()
            .iter()
            .copied()
            .filter(|&id| self.workers[id].status == Status::Leaving)
            .collect();
        for id in leaving {
            // Actors cannot move: they end with their worker.
            let only_here: Vec<u32> = self
                .tasks
                .iter()
                .filter(|(slot, task)| task.holders[..] == [id] && !self.actors.contains_key(slot))
                .map(|(slot, _)| slot)
                .collect();
            let still: Vec<u32> =
                only_here.iter().copied().filter(|&slot| !self.moves.is_moving(self.tasks.reference(slot))).collect();
            for (slot, to) in self.places_for(&still) {
                self.start_move(slot, Some(id), to, None);
            }
            if only_here.is_empty() && self.workers[id].processing + self.workers[id].ahead == 0 {
                self.outbox.say(id, ToWorker::Close { why: "it was asked to leave".to_owned() });
            }
        }
    }
}

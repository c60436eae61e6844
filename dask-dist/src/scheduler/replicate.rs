//! Copies: more of them, moved ones, and what a leaving worker hands over.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::Machine;
use super::task::{Asked, State};
use super::workers::Status;
use crate::protocol::{ClientId, Dependency, FutureId, TaskRef, ToClient, ToWorker, WorkerId};

/// From one leaving worker so many values are under way at a time.
const LEAVING_MAX: usize = 1000;

/// Copies on their way.
#[derive(Default)]
pub(super) struct Moves {
    /// By value. Never empty.
    pending: BTreeMap<TaskRef, SmallVec<[Move; 1]>>,
    /// How many of these may be dropped where they come from.
    from: BTreeMap<WorkerId, usize>,
    /// Requests of clients, and how many copies each waits for.
    requests: BTreeMap<(ClientId, u64), usize>,
    /// Who got what since the last look; only while something is pending.
    pub(super) arrived: Vec<(u32, WorkerId)>,
}

struct Move {
    to: WorkerId,
    /// Who may drop it when it has come.
    from: Option<WorkerId>,
    request: Option<(ClientId, u64)>,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether a copy of it is on its way.
    pub(super) fn is_moving(&self, task: TaskRef) -> bool {
        self.pending.contains_key(&task)
    }

    /// What is on its way to a worker.
    fn to(&self, id: WorkerId) -> Vec<TaskRef> {
        let to_it = |moves: &SmallVec<[Move; 1]>| moves.iter().any(|pending| pending.to == id);
        self.pending.iter().filter(|(_, moves)| to_it(moves)).map(|(&task, _)| task).collect()
    }

    fn begin(&mut self, task: TaskRef, begun: Move) {
        if let Some(from) = begun.from {
            *self.from.entry(from).or_default() += 1;
        }
        if let Some(request) = begun.request {
            *self.requests.entry(request).or_default() += 1;
        }
        self.pending.entry(task).or_default().push(begun);
    }

    /// Takes out those that are over.
    fn take(&mut self, task: TaskRef, is_over: impl Fn(&Move) -> bool) -> SmallVec<[Move; 1]> {
        let Some(moves) = self.pending.get_mut(&task) else { return SmallVec::new() };
        let (over, left): (SmallVec<[Move; 1]>, SmallVec<[Move; 1]>) = moves.drain(..).partition(is_over);
        if left.is_empty() {
            self.pending.remove(&task);
        } else {
            *moves = left;
        }
        over
    }
}

impl Machine {
    pub(super) fn start_move(
        &mut self,
        slot: u32,
        from: Option<WorkerId>,
        to: WorkerId,
        request: Option<(ClientId, u64)>,
    ) {
        let task = self.tasks.reference(slot);
        let is_coming = |moves: &SmallVec<[Move; 1]>| moves.iter().any(|pending| pending.to == to);
        if self.tasks[slot].holders.contains(&to) {
            return;
        }
        if self.moves.pending.get(&task).is_some_and(is_coming) {
            // Who asks for what comes anyway is told when it has come.
            if request.is_some() {
                self.moves.begin(task, Move { to, from: None, request });
            }
            return;
        }
        let what = if self.begin_spread(slot, 1) { self.spread_to(slot, to) } else { self.on_holders(slot, to) };
        self.outbox.acquire(to, what);
        self.moves.begin(task, Move { to, from, request });
    }

    /// A value, and some who have it, to whom the worker is introduced.
    fn on_holders(&mut self, slot: u32, to: WorkerId) -> Dependency {
        let (task, nbytes) = (self.tasks.reference(slot), self.tasks[slot].nbytes);
        let holders: SmallVec<[WorkerId; 2]> = self.tasks[slot].holders.iter().copied().take(4).collect();
        for &holder in &holders {
            if self.workers.get_mut(to).learn(holder) {
                self.outbox.peer(to, holder, &self.workers[holder].hello.address);
            }
        }
        Dependency { task, nbytes, holders, first: None }
    }

    /// A copy has come, or will not.
    fn end_move(&mut self, ended: &Move) {
        if let Some(from) = ended.from
            && let Some(n) = self.moves.from.get_mut(&from)
        {
            *n -= 1;
            if *n == 0 {
                self.moves.from.remove(&from);
                self.let_go(from);
            }
        }
        if let Some(request) = ended.request
            && let Some(n) = self.moves.requests.get_mut(&request)
        {
            *n -= 1;
            self.answer_moves(request);
        }
    }

    /// Answers a request that waits for nothing more.
    fn answer_moves(&mut self, request: (ClientId, u64)) {
        if self.moves.requests.get(&request).is_none_or(|n| *n == 0) {
            self.moves.requests.remove(&request);
            self.outbox.tell(request.0, ToClient::Ok { request: request.1 });
        }
    }

    /// Looks which copies have come, and what that lets go.
    pub(super) fn advance_moves(&mut self) {
        for (slot, on) in std::mem::take(&mut self.moves.arrived) {
            let task = self.tasks.reference(slot);
            for ended in self.moves.take(task, |pending| pending.to == on) {
                if let Some(from) = ended.from
                    && self.tasks[slot].state == State::Memory
                    && self.tasks[slot].holders.contains(&on)
                    && 1 < self.tasks[slot].holders.len()
                    && self.drop_holder(slot, from)
                {
                    self.outbox.free(from, task);
                }
                self.end_move(&ended);
            }
        }
    }

    /// A value is not there any more.
    pub(super) fn end_moves_of(&mut self, slot: u32) {
        self.end_moves(self.tasks.reference(slot), |_| true);
    }

    fn end_moves(&mut self, task: TaskRef, is_over: impl Fn(&Move) -> bool) {
        for ended in self.moves.take(task, is_over) {
            self.end_move(&ended);
        }
    }

    /// A worker did not get a copy that it was to have: from others, if there are any.
    pub(super) fn move_again(&mut self, slot: u32, to: WorkerId, may_succeed: bool) {
        let task = self.tasks.reference(slot);
        for failed in self.moves.take(task, |pending| pending.to == to) {
            let from = failed.from.filter(|from| self.tasks[slot].holders.contains(from));
            if may_succeed && self.tasks[slot].state == State::Memory {
                self.start_move(slot, from, to, failed.request);
            }
            self.end_move(&failed);
        }
    }

    /// Ends what cannot come any more, and looks after those that leave.
    pub(super) fn look_after_moves(&mut self) {
        self.advance_moves();
        let in_memory = |task| self.tasks.find(task).is_some_and(|slot| self.tasks[slot].state == State::Memory);
        let gone: Vec<TaskRef> = self.moves.pending.keys().copied().filter(|&task| !in_memory(task)).collect();
        gone.into_iter().for_each(|task| self.end_moves(task, |_| true));
        let present = self.workers.present.as_slice().iter().copied();
        let leaving: Vec<WorkerId> = present.filter(|&id| self.workers[id].status == Status::Leaving).collect();
        leaving.into_iter().for_each(|id| self.let_go(id));
    }

    /// Nothing comes from a worker that has gone, or arrives there.
    pub(super) fn forget_moves_of(&mut self, id: WorkerId) {
        self.moves.from.remove(&id);
        for moves in self.moves.pending.values_mut() {
            moves.iter_mut().filter(|pending| pending.from == Some(id)).for_each(|pending| pending.from = None);
        }
        for task in self.moves.to(id) {
            self.end_moves(task, |pending| pending.to == id);
        }
    }

    /// Copies of values on at least `n` workers.
    pub(super) fn replicate(&mut self, id: ClientId, request: u64, futures: &[FutureId], n: u32) {
        let mut running = self.workers.running.as_slice().to_vec();
        running.sort_unstable_by_key(|&worker| (self.workers[worker].nbytes, worker));
        for slot in self.slots_of(id, futures).collect::<Vec<_>>() {
            if self.tasks[slot].state != State::Memory {
                continue;
            }
            let wanted = if n == 0 { usize::MAX } else { n as usize };
            self.copies.asked.insert(slot, if n == 0 { u32::MAX } else { n });
            let missing = wanted.saturating_sub(self.tasks[slot].holders.len());
            self.begin_spread(slot, missing.min(running.len()) as u64);
            let others = running.iter().filter(|worker| !self.tasks[slot].holders.contains(worker));
            for to in others.take(missing).copied().collect::<Vec<_>>() {
                self.start_move(slot, None, to, Some((id, request)));
            }
        }
        self.answer_moves((id, request));
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
        self.answer_moves((id, request));
    }

    /// Workers are to go: they get nothing more, and what only they hold is copied.
    pub(super) fn leave(&mut self, all: &[WorkerId]) {
        let going: Vec<WorkerId> = all.iter().copied().filter(|&id| self.is_staying(id)).collect();
        for &id in &going {
            self.workers.set_status(id, Status::Leaving);
            let name = self.workers[id].hello.name.clone();
            self.note_news(|| format!("worker {name} is leaving"));
            for slot in self.tasks_at(id).collect::<Vec<_>>() {
                if self.tasks[slot].asked == Asked::No {
                    self.ask_for(slot);
                }
            }
        }
        self.demands.workers_changed();
        for &id in &going {
            self.redirect_moves_to(id);
            self.let_go(id);
        }
    }

    fn somebody_stays(&self) -> bool {
        self.workers.present.as_slice().iter().any(|&id| self.is_staying(id))
    }

    fn is_staying(&self, id: WorkerId) -> bool {
        self.workers.get(id).is_some_and(|worker| worker.status != Status::Leaving)
    }

    /// What was to come to a worker that leaves goes to others.
    fn redirect_moves_to(&mut self, id: WorkerId) {
        for task in self.moves.to(id) {
            for ended in self.moves.take(task, |pending| pending.to == id) {
                let slot = self.tasks.find(task).filter(|&slot| self.tasks[slot].state == State::Memory);
                for (slot, to) in self.places_for(slot.as_slice()) {
                    self.start_move(slot, ended.from, to, ended.request);
                }
                self.end_move(&ended);
            }
        }
    }

    /// A worker that is to go: what only it has is copied; with nothing left it is closed.
    fn let_go(&mut self, id: WorkerId) {
        if self.workers[id].status != Status::Leaving {
            return;
        }
        let mut only_here = self.held_by(id);
        // Actors cannot move: they end with their worker.
        only_here.retain(|slot| self.tasks[*slot].holders[..] == [id] && !self.actors.contains_key(slot));
        let worker = &self.workers[id];
        if worker.processing + worker.ahead == 0 && (only_here.is_empty() || !self.somebody_stays()) {
            let n = only_here.len();
            let lost = if n == 0 { String::new() } else { format!(", and no worker stays to take its values ({n})") };
            let name = worker.hello.name.clone();
            if n != 0 {
                self.note_news(|| format!("worker {name} goes{lost}"));
            }
            return self.outbox.say(id, ToWorker::Close { why: format!("it was asked to leave{lost}") });
        }
        let room = LEAVING_MAX.saturating_sub(self.moves.from.get(&id).copied().unwrap_or(0));
        let still = |slot: &u32| !self.moves.is_moving(self.tasks.reference(*slot));
        let still: Vec<u32> = only_here.into_iter().filter(still).take(room).collect();
        for (slot, to) in self.places_for(&still) {
            self.start_move(slot, Some(id), to, None);
        }
    }
}

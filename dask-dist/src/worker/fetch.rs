//! Inputs from peers: in batches, a few requests at a time, from another holder if one fails.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::to_fetch::Entry;
use super::{Action, Machine};
use crate::protocol::{Dependency, Failure, FromWorker, Priority, RunId, TaskRef, WorkerId};

/// A value that is wanted here.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) nbytes: u64,
    /// Whom to ask before the holders; it may be only about to have the value.
    pub(super) first: Option<WorkerId>,
    /// The turn of this worker among those who are to fetch it; 0 if it waits for nobody else to fetch it.
    pub(super) turn: u64,
    /// Who has it and was not tried in vain.
    pub(super) holders: SmallVec<[WorkerId; 4]>,
    /// Who was tried in vain.
    pub(super) failed: SmallVec<[WorkerId; 2]>,
    /// The most urgent of those who wait.
    pub(super) priority: Priority,
    /// Tasks that wait, one an edge; those that are gone are passed over.
    pub(super) waiting: Vec<(TaskRef, RunId)>,
    /// Peers that wait for it, and the turn of each, which is after this worker's.
    pub(super) askers: Vec<(u64, u64)>,
    pub(super) request: Option<u64>,
}

impl Want {
    /// Whom to ask: in any case one who may let this worker wait, or else those who answer at once.
    pub(super) fn sources(&self) -> &[WorkerId] {
        self.first.as_ref().map_or(&self.holders, std::slice::from_ref)
    }

    /// Whether it will come, or turn out not to, without waiting for a request that cannot be sent yet: requests that
    /// may have to wait leave room for those that are answered at once.
    pub(super) fn is_on_its_way(&self) -> bool {
        self.request.is_some() || self.first.is_none()
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request {
    from: WorkerId,
    tasks: Vec<TaskRef>,
    /// Whether the peer may be about to fetch the values itself.
    waits: bool,
}

impl Machine {
    /// A value is wanted, by a task or by the scheduler.
    pub(super) fn want(&mut self, value: &Dependency, priority: Priority, by: Option<(TaskRef, RunId)>) {
        self.look_for_sources = true;
        let first = value.first.as_ref();
        let want = self.wants.entry(value.task).or_insert_with(|| Want {
            nbytes: value.nbytes,
            first: first.map(|first| first.from),
            turn: first.map_or(0, |first| first.turn),
            holders: SmallVec::new(),
            failed: SmallVec::new(),
            priority,
            waiting: Vec::new(),
            askers: Vec::new(),
            request: None,
        });
        let to_fetch = if want.first.is_some() { &mut self.to_await } else { &mut self.to_fetch };
        if want.request.is_none() {
            to_fetch.remove((want.priority, value.task), want.sources());
            want.priority = want.priority.min(priority);
        }
        for &holder in &value.holders {
            if !want.holders.contains(&holder) {
                want.holders.push(holder);
            }
        }
        want.failed.retain(|holder| !value.holders.contains(holder));
        want.waiting.extend(by);
        if want.request.is_none() {
            to_fetch.insert((want.priority, value.task), want.sources());
        }
    }

    /// A value is not wanted any more: it has come, or will not. Peers that waited for it are told.
    pub(super) fn end_want(&mut self, task: TaskRef, come: Option<u64>, actions: &mut Vec<Action>) -> Option<Want> {
        let want = self.wants.remove(&task)?;
        let to_fetch = if want.first.is_some() { &mut self.to_await } else { &mut self.to_fetch };
        to_fetch.remove((want.priority, task), want.sources());
        self.answer(&want.askers, come, actions);
        Some(want)
    }

    /// Sends requests while there is room for them: to those who have the most urgent, whatever else they have with it.
    pub(super) fn start_fetches(&mut self, actions: &mut Vec<Action>) {
        // Without news, what could not be asked for before cannot now.
        if !std::mem::take(&mut self.look_for_sources) {
            return;
        }
        for (_, task) in self.to_fetch.take_nowhere() {
            self.give_up(task, actions);
        }
        self.start_some(false, actions);
        self.start_some(true, actions);
    }

    /// Requests that are answered at once, or those that may wait at a peer: each kind has room of its own, so that no
    /// wait is for want of room.
    fn start_some(&mut self, waits: bool, actions: &mut Vec<Action>) {
        let alike = |request: &&Request| request.waits == waits;
        let n_open = self.requests.values().filter(alike).count();
        let room = (self.settings.fetches_max as usize).saturating_sub(n_open);
        let to_fetch = if waits { &self.to_await } else { &self.to_fetch };
        if room == 0 || to_fetch.is_empty() {
            return;
        }
        let mut under_way: BTreeMap<WorkerId, u32> = BTreeMap::new();
        for request in self.requests.values().filter(alike) {
            *under_way.entry(request.from).or_default() += 1;
        }
        let open = |holder| under_way.get(&holder).copied().unwrap_or(0);
        let mut peers: Vec<(Entry, u32, WorkerId)> = to_fetch
            .holders()
            .map(|(holder, first)| (first, open(holder), holder))
            .filter(|&(_, open, _)| open < self.settings.fetches_per_peer)
            .collect();
        if room < peers.len() {
            peers.select_nth_unstable(room);
            peers.truncate(room);
        }
        peers.sort_unstable_by_key(|&(first, open, holder)| (open, first, holder));
        let mut batches: BTreeMap<WorkerId, u64> = peers.iter().map(|&(_, _, holder)| (holder, 0)).collect();
        for (_, _, from) in peers {
            let (mut tasks, mut nbytes) = (Vec::new(), 0);
            let to_fetch = if waits { &self.to_await } else { &self.to_fetch };
            for (_, task) in to_fetch.at(from) {
                let Some(want) = self.wants.get(&task) else { continue };
                if 0 < nbytes && self.settings.fetch_bytes_max < nbytes + want.nbytes {
                    break;
                }
                // Of those who have it and are asked now, the one that sends least.
                let sources = want.sources();
                let is_least =
                    sources.iter().all(|h| batches.get(h).is_none_or(|&bytes| nbytes <= bytes || *h == from));
                let later = sources.iter().any(|h| *h != from && batches.get(h) == Some(&0));
                if is_least || !later {
                    nbytes += want.nbytes;
                    tasks.push(task);
                }
            }
            batches.insert(from, nbytes.max(1));
            if !tasks.is_empty() {
                self.request(from, tasks, waits, actions);
            }
        }
    }

    fn request(&mut self, from: WorkerId, tasks: Vec<TaskRef>, waits: bool, actions: &mut Vec<Action>) {
        let request = self.next_request;
        self.next_request += 1;
        let to_fetch = if waits { &mut self.to_await } else { &mut self.to_fetch };
        let mut turns = Vec::new();
        for task in &tasks {
            if let Some(want) = self.wants.get_mut(task) {
                want.request = Some(request);
                to_fetch.remove((want.priority, *task), want.sources());
                turns.extend(waits.then_some(want.turn));
            }
        }
        self.requests.insert(request, Request { from, tasks: tasks.clone(), waits });
        actions.push(Action::Fetch { from, request, tasks, turns });
    }

    /// A peer answered.
    pub(super) fn fetched(
        &mut self,
        request: u64,
        found: Vec<(TaskRef, u64)>,
        missing: Vec<TaskRef>,
        refused: Vec<(TaskRef, String)>,
        last: bool,
        actions: &mut Vec<Action>,
    ) {
        self.look_for_sources = true;
        let from = self.requests.get(&request).map(|request| request.from);
        let mut added = Vec::new();
        for (task, nbytes) in found {
            if self.wants.contains_key(&task) || self.held.contains_key(&task) {
                self.arrived(task, nbytes, actions);
                added.push((task, nbytes));
            } else {
                // Not wanted any more.
                actions.push(Action::Drop(vec![task]));
            }
        }
        if !added.is_empty() {
            actions.push(Action::Report(FromWorker::Added(added)));
        }
        for (task, why) in refused {
            let Some(want) = self.end_want(task, None, actions) else { continue };
            for (task, run) in self.take_waiting(&want.waiting, actions) {
                let failure = Failure::Malformed { why: why.clone() };
                actions.push(Action::Report(FromWorker::Failed { task, run, failure }));
            }
        }
        if let Some(from) = from {
            missing.into_iter().for_each(|task| self.not_there(task, from, request, actions));
        }
        if last && let Some(Request { from, tasks, .. }) = self.requests.remove(&request) {
            // What it has not spoken of.
            tasks.into_iter().for_each(|task| self.not_there(task, from, request, actions));
        }
    }

    /// A peer did not answer: the next holder is asked.
    pub(super) fn fetch_failed(&mut self, request: u64, actions: &mut Vec<Action>) {
        self.look_for_sources = true;
        if let Some(Request { from, tasks, .. }) = self.requests.remove(&request) {
            tasks.into_iter().for_each(|task| self.not_there(task, from, request, actions));
        }
    }

    /// One holder less for a want that this request was to satisfy.
    fn not_there(&mut self, task: TaskRef, from: WorkerId, request: u64, actions: &mut Vec<Action>) {
        let Some(want) = self.wants.get_mut(&task) else { return };
        if want.request != Some(request) {
            return;
        }
        want.request = None;
        // Who was only about to have it is not known to have it.
        let had_it = want.holders.contains(&from) || want.first != Some(from);
        want.first = None;
        want.holders.retain(|holder| *holder != from);
        if had_it && !want.failed.contains(&from) {
            want.failed.push(from);
        }
        if want.holders.is_empty() {
            self.give_up(task, actions);
        } else {
            self.to_fetch.insert((want.priority, task), &want.holders);
        }
    }

    /// The scheduler wants a copy here.
    pub(super) fn acquire(&mut self, value: &Dependency, actions: &mut Vec<Action>) {
        if let Some(held) = self.held.get_mut(&value.task) {
            held.doomed = false;
            actions.push(Action::Report(FromWorker::Added(vec![(value.task, held.nbytes)])));
        } else {
            self.want(value, Priority::default(), None);
        }
    }

    /// Nobody has it: those who wait for it are given back.
    fn give_up(&mut self, task: TaskRef, actions: &mut Vec<Action>) {
        let Some(want) = self.end_want(task, None, actions) else { return };
        let dependents = self.take_waiting(&want.waiting, actions);
        actions.push(Action::Report(FromWorker::Missing { task, at: want.failed.to_vec(), dependents }));
    }
}

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
    /// Who has it and was not tried in vain.
    pub(super) holders: SmallVec<[WorkerId; 4]>,
    /// Who was tried in vain.
    pub(super) failed: SmallVec<[WorkerId; 2]>,
    /// The most urgent of those who wait.
    pub(super) priority: Priority,
    /// Tasks that wait, one an edge; those that are gone are passed over.
    pub(super) waiting: Vec<(TaskRef, RunId)>,
    pub(super) request: Option<u64>,
}

impl Machine {
    /// A value is wanted, by a task or by the scheduler.
    pub(super) fn want(&mut self, value: &Dependency, priority: Priority, by: Option<(TaskRef, RunId)>) {
        self.look_for_sources = true;
        let want = self.wants.entry(value.task).or_insert_with(|| Want {
            nbytes: value.nbytes,
            holders: SmallVec::new(),
            failed: SmallVec::new(),
            priority,
            waiting: Vec::new(),
            request: None,
        });
        if want.request.is_none() {
            self.to_fetch.remove((want.priority, value.task), &want.holders);
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
            self.to_fetch.insert((want.priority, value.task), &want.holders);
        }
    }

    /// Sends requests while there is room for them: to those who have the most urgent, whatever else they have with it.
    pub(super) fn start_fetches(&mut self, actions: &mut Vec<Action>) {
        let room = (self.settings.fetches_max as usize).saturating_sub(self.requests.len());
        // Without news, what could not be asked for before cannot now.
        if !self.look_for_sources || room == 0 {
            return;
        }
        self.look_for_sources = false;
        for (_, task) in self.to_fetch.take_nowhere() {
            self.give_up(task, actions);
        }
        let mut under_way: BTreeMap<WorkerId, u32> = BTreeMap::new();
        for (from, _) in self.requests.values() {
            *under_way.entry(*from).or_default() += 1;
        }
        let open = |holder| under_way.get(&holder).copied().unwrap_or(0);
        let mut peers: Vec<(Entry, u32, WorkerId)> = self
            .to_fetch
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
            for (_, task) in self.to_fetch.at(from) {
                let Some(want) = self.wants.get(&task) else { continue };
                if 0 < nbytes && self.settings.fetch_bytes_max < nbytes + want.nbytes {
                    break;
                }
                // Of those who have it and are asked now, the one that sends least.
                let is_least =
                    want.holders.iter().all(|h| batches.get(h).is_none_or(|&bytes| nbytes <= bytes || *h == from));
                let later = want.holders.iter().any(|h| *h != from && batches.get(h) == Some(&0));
                if is_least || !later {
                    nbytes += want.nbytes;
                    tasks.push(task);
                }
            }
            batches.insert(from, nbytes.max(1));
            if !tasks.is_empty() {
                self.request(from, tasks, actions);
            }
        }
    }

    fn request(&mut self, from: WorkerId, tasks: Vec<TaskRef>, actions: &mut Vec<Action>) {
        let request = self.next_request;
        self.next_request += 1;
        for task in &tasks {
            if let Some(want) = self.wants.get_mut(task) {
                want.request = Some(request);
                self.to_fetch.remove((want.priority, *task), &want.holders);
            }
        }
        self.requests.insert(request, (from, tasks.clone()));
        actions.push(Action::Fetch { from, request, tasks });
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
        let from = self.requests.get(&request).map(|(from, _)| *from);
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
            let Some(want) = self.wants.remove(&task) else { continue };
            self.to_fetch.remove((want.priority, task), &want.holders);
            for (task, run) in self.take_waiting(&want.waiting, actions) {
                let failure = Failure::Malformed { why: why.clone() };
                actions.push(Action::Report(FromWorker::Failed { task, run, failure }));
            }
        }
        if let Some(from) = from {
            missing.into_iter().for_each(|task| self.not_there(task, from, request, actions));
        }
        if last && let Some((from, tasks)) = self.requests.remove(&request) {
            // What it has not spoken of.
            tasks.into_iter().for_each(|task| self.not_there(task, from, request, actions));
        }
    }

    /// A peer did not answer: the next holder is asked.
    pub(super) fn fetch_failed(&mut self, request: u64, actions: &mut Vec<Action>) {
        self.look_for_sources = true;
        if let Some((from, tasks)) = self.requests.remove(&request) {
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
        want.holders.retain(|holder| *holder != from);
        if !want.failed.contains(&from) {
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
        let Some(want) = self.wants.remove(&task) else { return };
        self.to_fetch.remove((want.priority, task), &want.holders);
        let dependents = self.take_waiting(&want.waiting, actions);
        actions.push(Action::Report(FromWorker::Missing { task, at: want.failed.to_vec(), dependents }));
    }
}

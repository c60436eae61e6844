//! Inputs from peers: in batches, a few requests at a time, from another holder if one fails.

use std::collections::BTreeMap;

use smallvec::SmallVec;

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
        let want = self.wants.entry(value.task).or_insert_with(|| {
            self.to_fetch.insert((priority, value.task));
            Want {
                nbytes: value.nbytes,
                holders: SmallVec::new(),
                failed: SmallVec::new(),
                priority,
                waiting: Vec::new(),
                request: None,
            }
        });
        for &holder in &value.holders {
            if !want.holders.contains(&holder) {
                want.holders.push(holder);
            }
        }
        want.failed.retain(|holder| !value.holders.contains(holder));
        want.waiting.extend(by);
        if priority < want.priority && want.request.is_none() {
            self.to_fetch.remove(&(want.priority, value.task));
            want.priority = priority;
            self.to_fetch.insert((priority, value.task));
        }
    }

    /// Sends requests while there is room for them.
    pub(super) fn start_fetches(&mut self, actions: &mut Vec<Action>) {
        // Without news, what could not be asked for before cannot now.
        if !self.look_for_sources || self.to_fetch.is_empty() || self.settings.fetches_max <= self.requests.len() as u32
        {
            return;
        }
        self.look_for_sources = false;
        let mut under_way: BTreeMap<WorkerId, u32> = BTreeMap::new();
        for (from, _) in self.requests.values() {
            *under_way.entry(*from).or_default() += 1;
        }
        let mut batches: BTreeMap<WorkerId, (u64, Vec<TaskRef>)> = BTreeMap::new();
        let (mut gone, mut nobody) = (Vec::new(), Vec::new());
        for &(priority, task) in &self.to_fetch {
            let Some(want) = self.wants.get(&task) else {
                gone.push((priority, task));
                continue;
            };
            if want.holders.is_empty() {
                nobody.push(task);
                continue;
            }
            let free = |holder: &&WorkerId| {
                let full =
                    batches.get(holder).is_some_and(|(bytes, _)| self.settings.fetch_bytes_max < bytes + want.nbytes);
                let open = under_way.get(holder).copied().unwrap_or(0);
                !full && open < self.settings.fetches_per_peer
            };
            let load = |holder: &&WorkerId| {
                (under_way.get(holder).copied().unwrap_or(0), batches.get(holder).map_or(0, |(bytes, _)| *bytes))
            };
            let Some(&from) = want.holders.iter().filter(free).min_by_key(load) else { continue };
            let batch = batches.entry(from).or_default();
            batch.0 += want.nbytes;
            batch.1.push(task);
        }
        self.to_fetch.retain(|entry| !gone.contains(entry));
        nobody.into_iter().for_each(|task| self.give_up(task, actions));
        for (from, (_, tasks)) in batches {
            if self.settings.fetches_max <= self.requests.len() as u32 {
                break;
            }
            let request = self.next_request;
            self.next_request += 1;
            for task in &tasks {
                if let Some(want) = self.wants.get_mut(task) {
                    want.request = Some(request);
                    self.to_fetch.remove(&(want.priority, *task));
                }
            }
            self.requests.insert(request, (from, tasks.clone()));
            actions.push(Action::Fetch { from, request, tasks });
        }
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
            self.to_fetch.remove(&(want.priority, task));
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
            self.to_fetch.insert((want.priority, task));
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
        self.to_fetch.remove(&(want.priority, task));
        let dependents = self.take_waiting(&want.waiting, actions);
        actions.push(Action::Report(FromWorker::Missing { task, at: want.failed.to_vec(), dependents }));
    }
}

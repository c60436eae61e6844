//! Demands on workers: names, and abstract resources that are taken while a task runs.
//!
//! Tasks that ask for the same wait in one queue, by priority, and are matched to the workers that have it: who these are
//! is found out once, until a worker comes or goes. Roots among them wait for room as other roots do.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::queue::Entry;
use super::task::{NONE, State};
use super::workers::{Status, Worker};
use crate::protocol::{Failure, Restrictions, WorkerId};

/// What submissions ask of workers.
#[derive(Default)]
pub(super) struct Demands {
    all: Vec<Option<Demand>>,
    vacant: Vec<u32>,
    /// Places in `all`, by what is asked in words.
    known: BTreeMap<String, u32>,
    /// Those with tasks that wait.
    open: BTreeSet<u32>,
    /// For some it is to be found out again who has what is asked.
    is_stale: bool,
}

struct Demand {
    asked: Arc<Restrictions>,
    n_tasks: u32,
    /// Ready tasks that nobody has taken yet.
    waiting: BinaryHeap<Entry>,
    /// Who has what is asked, whether it is free now or not; to be found out if none.
    able: Option<Vec<WorkerId>>,
    /// Since when nobody is there who has it.
    unmet_since: Option<Duration>,
}

impl Demands {
    /// `NONE` if nothing is asked. To be followed by [`add_tasks`](Demands::add_tasks).
    pub(super) fn insert(&mut self, asked: &Restrictions) -> u32 {
        if asked.workers.is_empty() && asked.resources.is_empty() {
            return NONE;
        }
        let in_words = format!("{asked:?}");
        if let Some(&at) = self.known.get(&in_words) {
            return at;
        }
        let asked = Arc::new(asked.clone());
        let demand = Demand { asked, n_tasks: 0, waiting: BinaryHeap::new(), able: None, unmet_since: None };
        let at = self.vacant.pop().unwrap_or(self.all.len() as u32);
        if self.all.len() == at as usize {
            self.all.push(None);
        }
        self.all[at as usize] = Some(demand);
        self.known.insert(in_words, at);
        at
    }

    pub(super) fn add_tasks(&mut self, at: u32, n: u32) {
        if let Some(demand) = self.get_mut(at) {
            demand.n_tasks += n;
            self.drop_unused(at);
        }
    }

    pub(super) fn drop_task(&mut self, at: u32) {
        if let Some(demand) = self.get_mut(at) {
            demand.n_tasks -= 1;
            self.drop_unused(at);
        }
    }

    fn drop_unused(&mut self, at: u32) {
        let unused = self.all[at as usize].take_if(|demand| demand.n_tasks == 0);
        if let Some(demand) = unused {
            self.known.remove(&format!("{:?}", demand.asked));
            self.open.remove(&at);
            self.vacant.push(at);
        }
    }

    fn get(&self, at: u32) -> Option<&Demand> {
        self.all.get(at as usize)?.as_ref()
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut Demand> {
        self.all.get_mut(at as usize)?.as_mut()
    }

    /// A task with this demand is ready.
    pub(super) fn wait(&mut self, at: u32, entry: Entry) {
        if let Some(demand) = self.get_mut(at) {
            demand.waiting.push(entry);
            self.open.insert(at);
        }
    }

    /// Whether it is known that nobody has what is asked.
    pub(super) fn is_unmet(&self, at: u32) -> bool {
        self.get(at).is_some_and(|demand| demand.unmet_since.is_some() && demand.able.is_some())
    }

    /// Tasks that wait, and some that do not any more.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u32> {
        let open = self.open.iter().filter_map(|&at| self.get(at));
        open.flat_map(|demand| demand.waiting.iter().map(Entry::slot))
    }

    /// How many those are.
    pub(super) fn n_waiting(&self) -> usize {
        self.open.iter().filter_map(|&at| self.get(at)).map(|demand| demand.waiting.len()).sum()
    }

    /// A worker has come or goes: who has what is to be found out again.
    pub(super) fn workers_changed(&mut self) {
        self.is_stale = true;
        self.all.iter_mut().flatten().for_each(|demand| demand.able = None);
    }

    /// A task with this demand starts.
    #[inline]
    pub(super) fn take(&self, demand: u32, worker: &mut Worker) {
        if demand != NONE {
            self.change(demand, worker, -1.0);
        }
    }

    /// A task with this demand is over.
    #[inline]
    pub(super) fn give_back(&self, demand: u32, worker: &mut Worker) {
        if demand != NONE {
            self.change(demand, worker, 1.0);
        }
    }

    fn change(&self, demand: u32, worker: &mut Worker, sign: f64) {
        for (name, amount) in self.get(demand).iter().flat_map(|demand| &demand.asked.resources) {
            if let Some(at) = worker.hello.resources.iter().position(|(known, _)| known == name) {
                worker.free[at] += sign * amount;
            }
        }
    }
}

impl Machine {
    /// Whether one of these is the worker's name or address.
    pub(super) fn is_called(&self, id: WorkerId, names: &[String]) -> bool {
        let hello = &self.workers[id].hello;
        names.iter().any(|name| {
            *name == hello.name
                || *name == self.workers[id].calls_itself
                || *name == hello.address
                || hello.address.split_once("://").is_some_and(|(_, rest)| {
                    rest == name || rest.rsplit_once(':').is_some_and(|(host, _)| host == name)
                })
        })
    }

    /// Whether a worker has what is asked, at all or now.
    fn has_resources(&self, id: WorkerId, asked: &[(String, f64)], now: bool) -> bool {
        let worker = &self.workers[id];
        asked.iter().all(|(name, amount)| {
            let at = worker.hello.resources.iter().position(|(known, _)| known == name);
            at.is_some_and(|at| *amount <= if now { worker.free[at] + 1e-9 } else { worker.hello.resources[at].1 })
        })
    }

    /// Who has what is asked.
    fn able(&self, asked: &Restrictions) -> Vec<WorkerId> {
        let there = self.workers.present.as_slice().iter().copied();
        let mut able: Vec<WorkerId> = there
            .filter(|&id| self.workers[id].status != Status::Leaving && self.has_resources(id, &asked.resources, false))
            .collect();
        let is_named = |id: &WorkerId| asked.workers.is_empty() || self.is_called(*id, &asked.workers);
        if !asked.allow_other || able.iter().any(is_named) {
            able.retain(is_named);
        }
        able.sort_unstable();
        able
    }

    /// Whether one of the workers that have nothing to do has what a task asks for.
    pub(super) fn idle_can_run(&self, at: u32) -> bool {
        let Some(able) = self.demands.get(at).and_then(|demand| demand.able.as_deref()) else { return false };
        self.workers.idle.as_slice().iter().take(8).any(|id| able.binary_search(id).is_ok())
    }

    /// Places ready tasks with demands, where that is possible now.
    pub(super) fn place_demanding(&mut self) {
        if self.demands.is_stale {
            // Also those of which no task waits now: tasks may be asked back for who has come.
            self.demands.is_stale = false;
            for at in 0..self.demands.all.len() as u32 {
                let idle = self.demands.get(at).filter(|demand| demand.able.is_none() && demand.waiting.is_empty());
                let Some(able) = idle.map(|demand| self.able(&demand.asked)) else { continue };
                if let Some(demand) = self.demands.get_mut(at) {
                    demand.able = Some(able);
                }
            }
        }
        let open: Vec<u32> = self.demands.open.iter().copied().collect();
        for at in open {
            self.meet(at);
        }
    }

    /// Places what waits with one demand.
    fn meet(&mut self, at: u32) {
        let is_unmet = self.demands.is_unmet(at);
        let Some(demand) = self.demands.get_mut(at) else { return };
        // Nothing has changed, unless many wait no more.
        if is_unmet && demand.waiting.len() <= 2 * demand.n_tasks as usize {
            return;
        }
        let known = demand.able.take();
        let mut waiting = std::mem::take(&mut demand.waiting);
        let asked = demand.asked.clone();
        let able = known.unwrap_or_else(|| self.able(&asked));
        let state = if able.is_empty() { State::NoWorker } else { State::Queued };
        let was_unmet = self.demands.get(at).is_some_and(|demand| demand.unmet_since.is_some());
        if able.is_empty() || was_unmet {
            waiting.retain(|entry| self.is_current(entry));
            for slot in waiting.iter().map(Entry::slot).collect::<Vec<_>>() {
                if self.tasks[slot].state != state {
                    self.set_state(slot, state);
                    self.tasks[slot].since = self.now.as_nanos() as u64;
                }
            }
        }
        while !able.is_empty()
            && let Some(entry) = waiting.peek()
        {
            let slot = entry.slot();
            if self.is_current(entry) {
                let Some(to) = self.best_of(slot, &able, &asked.resources) else { break };
                self.assign(slot, to);
            }
            waiting.pop();
        }
        let now = self.now;
        if let Some(demand) = self.demands.get_mut(at) {
            demand.unmet_since = able.is_empty().then(|| demand.unmet_since.unwrap_or(now));
            demand.able = Some(able);
            demand.waiting.append(&mut waiting);
            if demand.waiting.is_empty() {
                demand.unmet_since = None;
                self.demands.open.remove(&at);
            }
        }
    }

    /// Of those that have what is asked, free now, the one where the task can start first.
    fn best_of(&self, slot: u32, able: &[WorkerId], resources: &[(String, f64)]) -> Option<WorkerId> {
        let task = &self.tasks[slot];
        let inputs = self.tasks.edges(task.dependencies);
        let bytes_missing = |id: WorkerId| -> u64 {
            let missing = inputs.iter().filter(|&&input| !self.tasks[input].holders.contains(&id));
            missing.map(|&input| self.tasks[input].nbytes).sum()
        };
        let fits = |id: &WorkerId| {
            self.workers[*id].status == Status::Running
                && self.may_be_beside(slot, *id)
                && self.has_resources(*id, resources, true)
                && (!task.is_root || self.has_room(*id, slot))
        };
        able.iter().copied().filter(fits).min_by_key(|&id| {
            let worker = &self.workers[id];
            (worker.backlog() + self.moving(bytes_missing(id)), worker.processing, id)
        })
    }

    pub(super) fn why_no_worker(&self, slot: u32) -> String {
        let Some(demand) = self.demands.get(self.tasks[slot].demand) else { return "no worker is there".to_owned() };
        let asked = &demand.asked;
        let mut wants = Vec::new();
        if !asked.workers.is_empty() {
            wants.push(format!("one of the workers {}", asked.workers.join(", ")));
        }
        wants.extend(asked.resources.iter().map(|(name, amount)| format!("{name} = {amount}")));
        let there: Vec<String> = self
            .workers
            .present
            .as_slice()
            .iter()
            .take(8)
            .map(|&id| {
                let worker = &self.workers[id];
                let has = worker.hello.resources.iter().map(|(name, amount)| format!(" {name} = {amount}"));
                let paused = if worker.status == Status::Running { "" } else { " (takes no tasks)" };
                format!("{}{}{paused}", worker.hello.address, has.collect::<String>())
            })
            .collect();
        let there = if there.is_empty() { "no worker".to_owned() } else { there.join("; ") };
        format!("it asks for {}; there is {there}", wants.join(" and "))
    }

    /// Gives up what waited too long for a worker that may run it.
    pub(super) fn give_up_waiting(&mut self) {
        let Some(patience) = self.settings.no_worker_timeout else { return };
        let since = (self.now.saturating_sub(patience)).as_nanos() as u64;
        let open = self.demands.open.iter().filter_map(|&at| self.demands.get(at));
        let unmet = open.filter(|demand| demand.unmet_since.is_some());
        let slots: Vec<u32> = unmet.flat_map(|demand| demand.waiting.iter().map(Entry::slot)).collect();
        for slot in slots {
            let task = &self.tasks[slot];
            if task.state == State::NoWorker && task.since < since {
                let why = format!("{} (waited {patience:?})", self.why_no_worker(slot));
                let blame = Self::blame(Failure::NoWorker { why }, self.key(slot));
                self.err(slot, blame, None);
            }
        }
    }

    /// Demands that nobody meets: since when, a task that has it, and how many there are.
    pub(super) fn unmet_demands(&self) -> impl Iterator<Item = (Duration, u32, usize)> {
        let open = self.demands.open.iter().filter_map(|&at| self.demands.get(at));
        open.filter_map(|demand| {
            let still = |entry: &&Entry| self.tasks[entry.slot()].state == State::NoWorker && self.is_current(entry);
            let first = demand.waiting.iter().filter(still).min_by_key(|entry| entry.slot())?;
            Some((demand.unmet_since?, first.slot(), demand.waiting.iter().filter(still).count()))
        })
    }
}

/// Why amounts of resources make no sense, if they do not.
pub(super) fn bad_amount(resources: &[(String, f64)]) -> Option<String> {
    let (name, amount) = resources.iter().find(|(_, amount)| !amount.is_finite() || *amount < 0.0)?;
    Some(format!("{name} = {amount} is no amount of a resource: expected a number from 0 on"))
}

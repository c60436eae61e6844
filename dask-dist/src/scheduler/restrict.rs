//! Demands on workers: names, and abstract resources that are taken while a task runs.

use super::Machine;
use super::task::{NONE, State};
use super::workers::{Status, Worker};
use crate::protocol::{Failure, Restrictions, WorkerId};

/// What submissions ask of workers.
#[derive(Default)]
pub(super) struct Demands {
    all: Vec<Option<(Restrictions, u32)>>,
    /// Ready tasks with demands that nobody has met yet.
    pub(super) waiting: Vec<u32>,
}

impl Demands {
    /// `NONE` if nothing is asked.
    pub(super) fn insert(&mut self, restrictions: &Restrictions) -> u32 {
        if restrictions.workers.is_empty() && restrictions.resources.is_empty() {
            return NONE;
        }
        let entry = Some((restrictions.clone(), 0));
        if let Some(at) = self.all.iter().position(Option::is_none) {
            self.all[at] = entry;
            at as u32
        } else {
            self.all.push(entry);
            self.all.len() as u32 - 1
        }
    }

    pub(super) fn add_tasks(&mut self, demand: u32, n: u32) {
        let Some(place) = self.all.get_mut(demand as usize) else { return };
        if let Some((_, n_tasks)) = place {
            *n_tasks += n;
            if *n_tasks == 0 {
                *place = None;
            }
        }
    }

    pub(super) fn drop_task(&mut self, demand: u32) {
        let Some(place) = self.all.get_mut(demand as usize) else { return };
        if let Some((_, n_tasks)) = place {
            *n_tasks -= 1;
            if *n_tasks == 0 {
                *place = None;
            }
        }
    }

    fn get(&self, demand: u32) -> Option<&Restrictions> {
        self.all.get(demand as usize)?.as_ref().map(|(restrictions, _)| restrictions)
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
        for (name, amount) in self.get(demand).iter().flat_map(|restrictions| &restrictions.resources) {
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

    /// Places ready tasks with demands, where that is possible now.
    pub(super) fn place_demanding(&mut self) {
        if self.demands.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.demands.waiting);
        waiting.retain(|&slot| matches!(self.tasks[slot].state, State::Queued | State::NoWorker));
        waiting.sort_unstable_by_key(|&slot| self.tasks[slot].priority);
        waiting.dedup();
        let mut left = Vec::new();
        for slot in waiting {
            let Some(asked) = self.demands.get(self.tasks[slot].demand).cloned() else { continue };
            let running = self.workers.running.as_slice();
            let named = |id: &WorkerId| asked.workers.is_empty() || self.is_called(*id, &asked.workers);
            let mut able: Vec<WorkerId> = running
                .iter()
                .copied()
                .filter(named)
                .filter(|&id| self.has_resources(id, &asked.resources, false))
                .collect();
            if able.is_empty() && asked.allow_other {
                able = running.iter().copied().filter(|&id| self.has_resources(id, &asked.resources, false)).collect();
            }
            if able.is_empty() {
                if self.tasks[slot].state != State::NoWorker {
                    self.set_state(slot, State::NoWorker);
                    self.tasks[slot].since = self.now.as_nanos() as u64;
                }
                left.push(slot);
                continue;
            }
            self.set_state(slot, State::Queued);
            able.retain(|&id| self.has_resources(id, &asked.resources, true));
            match able.into_iter().min_by_key(|&id| (self.workers[id].backlog(), self.workers[id].processing, id)) {
                Some(id) => self.assign(slot, id),
                None => left.push(slot),
            }
        }
        self.demands.waiting = left;
    }

    /// A worker has come: perhaps it has what was missing.
    pub(super) fn retry_demands(&mut self) {
        for at in 0..self.demands.waiting.len() {
            let slot = self.demands.waiting[at];
            if self.tasks[slot].state == State::NoWorker {
                self.set_state(slot, State::Queued);
            }
        }
    }

    pub(super) fn why_no_worker(&self, slot: u32) -> String {
        let Some(asked) = self.demands.get(self.tasks[slot].demand) else { return "no worker is there".to_owned() };
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
        let now = self.now.as_nanos() as u64;
        for slot in self.demands.waiting.clone() {
            let task = &self.tasks[slot];
            if task.state == State::NoWorker && task.since + (patience.as_nanos() as u64) < now {
                let why = format!("{} (waited {patience:?})", self.why_no_worker(slot));
                let blame = Self::blame(Failure::NoWorker { why }, self.key(slot));
                self.err(slot, blame, None);
            }
        }
    }
}

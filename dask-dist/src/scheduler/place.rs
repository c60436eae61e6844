//! Which worker: where the task can start first.
//!
//! For each worker considered, the time until a thread is free (estimated from what was learnt of the layers) plus the
//! time to bring what is not there: bytes over bandwidth, a latency, and until the lines at both ends are free of what was
//! decided before. Considered are those that hold inputs or are about to fetch them, and a few without work, or a few taken
//! at random where none is without: so that the cost of a decision does not grow with the cluster.

use std::time::Duration;

use smallvec::SmallVec;

use super::Machine;
use super::settings::Placement;
use super::task::{Asked, State, index_of};
use super::workers::Status;
use crate::protocol::{ComputeTask, Dependency, RunId, WorkerId};

/// What a task of an unknown kind is taken for.
const UNKNOWN: Duration = Duration::from_millis(50);
/// Holders considered for one task, at most.
const HOLDERS_MAX: usize = 12;
/// Clusters up to this size are considered whole.
const ALL_MAX: usize = 8;
/// Workers remembered to fetch a value, at most; and only for values that take longer than to ask for them.
const COMING_MAX: usize = 12;
/// Holders named to a worker that has to fetch a value, at most.
const SOURCES_MAX: usize = 4;

impl Machine {
    /// Places what has become ready since the last flush.
    pub(super) fn place_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|&slot| self.tasks[slot].state == State::Queued);
        ready.sort_unstable_by_key(|&slot| self.tasks[slot].priority);
        ready.dedup();
        for &slot in &ready {
            if self.tasks[slot].state != State::Queued {
                continue;
            }
            match self.choose(slot, None) {
                Some(worker) => self.assign(slot, worker),
                // Nobody is there: whoever comes takes it from the queue.
                None => self.enqueue(slot),
            }
        }
        ready.clear();
        if self.ready.is_empty() {
            self.ready = ready;
        }
        self.place_demanding();
    }

    /// The best of some running workers; `also` is considered in any case.
    pub(super) fn choose(&mut self, slot: u32, also: Option<WorkerId>) -> Option<WorkerId> {
        let mut candidates: SmallVec<[(WorkerId, u64); 24]> = SmallVec::new();
        let (mut all_bytes, mut lines_free) = (0u64, 0u64);
        let locality = self.settings.placement == Placement::Locality;
        for &dependency in self.tasks.edges(self.tasks[slot].dependencies) {
            let value = &self.tasks[dependency];
            all_bytes += value.nbytes;
            if !locality {
                continue;
            }
            let sources = value.holders.iter().take(SOURCES_MAX).map(|&id| self.workers[id].sends_until);
            let free = self.spread_free(dependency).or_else(|| sources.min());
            lines_free = lines_free.max(free.unwrap_or_default());
            for &holder in value.holders.iter().take(HOLDERS_MAX).chain(&value.coming) {
                if let Some((_, bytes)) = candidates.iter_mut().find(|(known, _)| *known == holder) {
                    *bytes += value.nbytes;
                } else if candidates.len() < HOLDERS_MAX && self.workers[holder].status == Status::Running {
                    candidates.push((holder, value.nbytes));
                }
            }
        }
        let mut consider = |id: WorkerId| {
            if !candidates.iter().any(|(known, _)| *known == id) {
                candidates.push((id, 0));
            }
        };
        if let Some(id) = also {
            consider(id);
        }
        let n = self.workers.running.as_slice().len();
        match self.settings.placement {
            _ if n == 0 => {}
            Placement::Random => {
                let at = self.random(n);
                return Some(self.workers.running.as_slice()[at]);
            }
            Placement::EarliestFree => {
                let all = self.workers.running.as_slice().iter().copied();
                return all.min_by_key(|&id| (self.workers[id].backlog(), self.workers[id].processing, id));
            }
            Placement::Locality if n <= ALL_MAX => self.workers.running.as_slice().iter().copied().for_each(consider),
            Placement::Locality => {
                let n_idle = self.workers.idle.as_slice().len();
                for _ in 0..2 {
                    let id = if n_idle == 0 {
                        let at = self.random(n);
                        self.workers.running.as_slice()[at]
                    } else {
                        let at = self.random(n_idle);
                        self.workers.idle.as_slice()[at]
                    };
                    if !candidates.iter().any(|(known, _)| *known == id) {
                        candidates.push((id, 0));
                    }
                }
            }
        }
        candidates.retain(|&mut (id, _)| self.may_be_beside(slot, id));
        let now = self.now.as_nanos() as u64;
        let cost = |&(id, here): &(WorkerId, u64)| {
            let worker = &self.workers[id];
            let to_move = all_bytes.saturating_sub(here);
            let moving = if all_bytes == 0 && here == 0 && !self.needs_move(slot, id) || to_move == 0 {
                0
            } else {
                let from = lines_free.max(worker.receives_until).saturating_sub(now);
                from + self.moving(to_move) + self.settings.latency.as_nanos() as u64
            };
            (worker.backlog() + moving, worker.processing, worker.nbytes, id)
        };
        candidates.iter().min_by_key(|candidate| cost(candidate)).map(|(id, _)| *id)
    }

    fn needs_move(&self, slot: u32, id: WorkerId) -> bool {
        self.tasks.edges(self.tasks[slot].dependencies).iter().any(|&d| !self.tasks[d].holders.contains(&id))
    }

    /// Nanoseconds that bytes take between two workers.
    pub(super) fn moving(&self, nbytes: u64) -> u64 {
        (nbytes as f64 / self.settings.bandwidth * 1e9) as u64
    }

    /// A value is about to be at a worker: more that needs it may as well go there. Whether that is news.
    fn will_come(&mut self, slot: u32, to: WorkerId) -> bool {
        let takes = self.moving(self.tasks[slot].nbytes);
        if takes < self.settings.latency.as_nanos() as u64 || self.tasks[slot].coming.contains(&to) {
            return false;
        }
        if self.tasks[slot].coming.len() == COMING_MAX {
            self.tasks[slot].coming.remove(0);
        }
        self.tasks[slot].coming.push(to);
        true
    }

    /// A worker will fetch a value: both lines are taken for so long.
    fn will_fetch(&mut self, slot: u32, to: WorkerId) {
        if !self.will_come(slot, to) {
            return;
        }
        let takes = self.moving(self.tasks[slot].nbytes);
        let now = self.now.as_nanos() as u64;
        let sources = self.tasks[slot].holders.iter().take(SOURCES_MAX).copied();
        if let Some(source) = sources.min_by_key(|&id| self.workers[id].sends_until) {
            let line = &mut self.workers.get_mut(source).sends_until;
            *line = now.max(*line) + takes;
        }
        let line = &mut self.workers.get_mut(to).receives_until;
        *line = now.max(*line) + takes;
    }

    /// Sends a ready task to a worker.
    pub(super) fn assign(&mut self, slot: u32, to: WorkerId) {
        debug_assert_eq!(self.tasks[slot].state, State::Queued);
        self.send(slot, to, 0);
    }

    /// Sends a task to a worker, which is making `missing` of its inputs.
    pub(super) fn send(&mut self, slot: u32, to: WorkerId, missing: u32) {
        let estimate = self.layers.group(self.tasks[slot].layer).estimate(UNKNOWN);
        let now = self.now.as_nanos() as u64;
        let task = &mut self.tasks[slot];
        task.missing = missing;
        task.run = RunId(task.run.0.wrapping_add(1));
        task.worker = to;
        task.estimate = estimate;
        task.since = now;
        task.seceded = false;
        task.asked = Asked::No;
        self.set_state(slot, State::Processing);
        let task = &self.tasks[slot];
        let (run, function, priority, position, layer) =
            (task.run, task.function, task.priority, task.position, task.layer);
        let (span, demand, wanted) = (task.dependencies, task.demand, task.wanted != 0);
        let (reference, is_suspect) = (self.tasks.reference(slot), self.is_suspect(slot));
        let worker = self.workers.get_mut(to);
        if missing == 0 {
            worker.processing += 1;
            worker.occupancy += estimate;
        } else {
            worker.ahead += 1;
        }
        worker.n_suspects += u32::from(is_suspect);
        worker.assigned.push_back((reference, run));
        self.workers.update(to);
        self.demands.take(demand, self.workers.get_mut(to));
        if let Some(body) = self.functions.teach(function, to) {
            let kind = self.layers[layer].group;
            self.outbox.function(to, (function, kind), body);
        }
        let (mut dependencies, mut last_use) = (SmallVec::new(), 0);
        let n_workers = self.workers.running.as_slice().len() as u64;
        for i in 0..span.len {
            let dependency = self.tasks.dependency(slot, i);
            last_use |= self.give_away(dependency, i);
            let value = &self.tasks[dependency];
            let n_fetches = n_workers.min(u64::from(value.needed_by));
            let is_fetched = !value.holders.is_empty() && !value.holders.contains(&to);
            if is_fetched && self.begin_spread(dependency, n_fetches) {
                self.will_come(dependency, to);
                dependencies.push(self.spread_to(dependency, to));
                continue;
            }
            let value = &self.tasks[dependency];
            let sources: SmallVec<[WorkerId; 2]> = if value.holders.contains(&to) {
                SmallVec::from_slice(&[to])
            } else {
                value.holders.iter().copied().take(SOURCES_MAX).collect()
            };
            for &source in &sources {
                if source != to && self.workers.get_mut(to).learn(source) {
                    self.outbox.peer(to, source, &self.workers[source].hello.address);
                }
            }
            if !sources.contains(&to) && !sources.is_empty() {
                self.will_fetch(dependency, to);
            }
            let nbytes = self.tasks[dependency].nbytes;
            dependencies.push(Dependency {
                task: self.tasks.reference(dependency),
                nbytes,
                holders: sources,
                first: None,
            });
        }
        let index = index_of(position, &self.layers[layer].shape);
        let task = ComputeTask { task: reference, run, function, index, priority, wanted, dependencies, last_use };
        self.outbox.compute(to, task);
        self.is_head(slot);
    }

    /// A task is not at its worker any more; the state is the caller's affair.
    pub(super) fn unassign(&mut self, slot: u32) {
        let is_suspect = self.is_suspect(slot);
        let task = &mut self.tasks[slot];
        debug_assert_eq!(task.state, State::Processing);
        let (id, estimate, demand) = (task.worker, task.estimate, task.demand);
        let (seceded, asked) = (task.seceded, std::mem::take(&mut task.asked));
        let missing = std::mem::take(&mut task.missing);
        if missing != 0 {
            self.one_less_ahead(id);
        }
        let worker = self.workers.get_mut(id);
        if missing == 0 && !seceded {
            worker.processing -= 1;
            worker.occupancy -= estimate;
        }
        worker.n_suspects -= u32::from(is_suspect && !seceded);
        worker.retracting -= u32::from(asked == Asked::Yes);
        self.demands.give_back(demand, worker);
        self.workers.update(id);
        self.touched.push(id);
        // What stands at the front and is over.
        while let Some(&(reference, run)) = self.workers[id].assigned.front() {
            let over = self.tasks.find(reference).is_none_or(|known| {
                let task = &self.tasks[known];
                known == slot || task.run != run || task.state != State::Processing
            });
            if !over {
                break;
            }
            self.workers.get_mut(id).assigned.pop_front();
        }
    }
}

//! All invariants, checked from scratch.

use std::collections::BTreeMap;

use super::Machine;
use super::task::State;
use super::workers::Status;
use crate::protocol::WorkerId;

impl Machine {
    /// The first invariant that does not hold, in words. Looks at everything: for tests.
    pub fn broken_invariant(&self) -> Option<String> {
        let mut processing: BTreeMap<WorkerId, (u32, u64)> = BTreeMap::new();
        let mut ahead: BTreeMap<WorkerId, u32> = BTreeMap::new();
        let mut held: BTreeMap<WorkerId, (u64, u64)> = BTreeMap::new();
        let mut needed_by: BTreeMap<u32, u32> = BTreeMap::new();
        let mut alive: BTreeMap<u32, u32> = BTreeMap::new();
        for (slot, task) in self.tasks.iter() {
            for &dependency in self.tasks.edges(task.dependencies) {
                *alive.entry(dependency).or_default() += 1;
                *needed_by.entry(dependency).or_default() += u32::from(task.state.is_active());
                if self.tasks[dependency].state == State::Vacant {
                    return Some(format!("{} depends on a task that is forgotten", self.key(slot)));
                }
            }
        }
        for (slot, task) in self.tasks.iter() {
            let broken = |what: String| Some(format!("{} ({:?}): {what}", self.key(slot), task.state));
            let edges = self.tasks.edges(task.dependencies);
            let missing = edges.iter().filter(|&&d| self.tasks[d].state != State::Memory).count() as u32;
            if task.needed_by != needed_by.get(&slot).copied().unwrap_or(0) {
                return broken(format!("needed by {}, counted {:?}", task.needed_by, needed_by.get(&slot)));
            }
            if task.alive_dependents != alive.get(&slot).copied().unwrap_or(0) {
                return broken(format!("{} dependents, counted {:?}", task.alive_dependents, alive.get(&slot)));
            }
            if (task.state == State::Memory) == task.holders.is_empty() {
                return broken(format!("held by {:?}", task.holders));
            }
            let wishes = self.clients.wishes.get(&slot).map_or(0, smallvec::SmallVec::len);
            if (task.wanted as usize) < wishes {
                return broken(format!("wanted {} times, wished for {wishes} times", task.wanted));
            }
            let useless = task.wanted == 0 && task.needed_by == 0;
            if useless && (task.state == State::Memory || task.state.is_active()) {
                return broken("nobody needs it".to_owned());
            }
            if useless && task.alive_dependents == 0 {
                return broken("it should be forgotten".to_owned());
            }
            match task.state {
                State::Waiting if !task.is_scattered && (task.missing != missing || missing == 0) => {
                    return broken(format!("{} missing, counted {missing}", task.missing));
                }
                State::Queued | State::NoWorker if missing != 0 => return broken(format!("{missing} missing")),
                State::Queued if !self.is_listed(slot) => return broken("on no list".to_owned()),
                State::Processing => {
                    if self.workers.get(task.worker).is_none() {
                        return broken(format!("at {:?}, which is gone", task.worker));
                    }
                    if task.missing != 0 {
                        *ahead.entry(task.worker).or_default() += 1;
                        let made_there = |d: u32| {
                            let input = &self.tasks[d];
                            input.state == State::Processing && input.worker == task.worker
                        };
                        let elsewhere = edges.iter().find(|&&d| self.tasks[d].state != State::Memory && !made_there(d));
                        if task.missing != missing || elsewhere.is_some() {
                            return broken(format!("sent ahead of {}, counted {missing}", task.missing));
                        }
                    } else if !task.seceded {
                        let count = processing.entry(task.worker).or_default();
                        *count = (count.0 + 1, count.1 + task.estimate);
                    }
                }
                State::Released if task.needed_by != 0 || task.wanted != 0 => {
                    return broken(format!(
                        "needed by {}, wanted by {}, and nobody makes it",
                        task.needed_by, task.wanted
                    ));
                }
                State::Erred if !self.failures.contains_key(&slot) => return broken("without a reason".to_owned()),
                _ => {}
            }
            if matches!(task.state, State::Waiting | State::Queued | State::NoWorker)
                && edges.iter().any(|&d| self.tasks[d].state == State::Erred)
            {
                return broken("a dependency has failed".to_owned());
            }
            for &holder in &task.holders {
                if self.workers.get(holder).is_none() {
                    return broken(format!("held by {holder:?}, which is gone"));
                }
                let count = held.entry(holder).or_default();
                *count = (count.0 + 1, count.1 + task.nbytes);
            }
        }
        for &id in self.workers.present.as_slice() {
            let worker = &self.workers[id];
            let (count, occupancy) = processing.get(&id).copied().unwrap_or_default();
            if (worker.processing, worker.occupancy) != (count, occupancy) {
                return Some(format!(
                    "{id:?} processes {} ({} ns), counted {count} ({occupancy})",
                    worker.processing, worker.occupancy
                ));
            }
            let n_ahead = ahead.get(&id).copied().unwrap_or(0);
            if worker.ahead != n_ahead {
                return Some(format!("{id:?} was sent {} ahead, counted {n_ahead}", worker.ahead));
            }
            let (n, nbytes) = held.get(&id).copied().unwrap_or_default();
            if (worker.n_held, worker.nbytes) != (n, nbytes) {
                return Some(format!(
                    "{id:?} holds {} ({} bytes), counted {n} ({nbytes})",
                    worker.n_held, worker.nbytes
                ));
            }
            let running = worker.status == Status::Running;
            if self.workers.running.contains(id) != running
                || self.workers.idle.contains(id) != (running && worker.processing < worker.n_threads())
            {
                return Some(format!("{id:?} is in the wrong sets"));
            }
        }
        None
    }

    /// Whether a queued task will be looked at.
    fn is_listed(&self, slot: u32) -> bool {
        self.ready.contains(&slot)
            || self.demands.waiting.contains(&slot)
            || self.queue.iter().any(|entry| entry.slot() == slot)
    }
}

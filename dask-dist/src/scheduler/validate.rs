//! All invariants, checked from scratch.

use super::Machine;
use super::settings::Placement;
use super::task::{Asked, State};
use super::workers::Status;

impl Machine {
    /// The first invariant that does not hold, in words. Looks at everything: for tests.
    pub fn broken_invariant(&self) -> Option<String> {
        let (n_slots, n_workers) = (self.tasks.n_slots(), self.workers.n_ever());
        let (mut processing, mut ahead) = (vec![(0u32, 0u64); n_workers], vec![0u32; n_workers]);
        let (mut held, mut retracting) = (vec![(0u64, 0u64); n_workers], vec![0u32; n_workers]);
        let (mut free, mut suspects) = ((0, 0), vec![0u32; n_workers]);
        let (mut needed_by, mut alive) = (vec![0u32; n_slots], vec![0u32; n_slots]);
        for (slot, task) in self.tasks.iter() {
            for &dependency in self.tasks.edges(task.dependencies) {
                alive[dependency as usize] += 1;
                needed_by[dependency as usize] += u32::from(task.state.is_active());
                if self.tasks[dependency].state == State::Vacant {
                    return Some(format!("{} depends on a task that is forgotten", self.key(slot)));
                }
            }
        }
        for (slot, task) in self.tasks.iter() {
            let broken = |what: String| Some(format!("{} ({:?}): {what}", self.key(slot), task.state));
            let edges = self.tasks.edges(task.dependencies);
            let missing = edges.iter().filter(|&&d| self.tasks[d].state != State::Memory).count() as u32;
            let (needed_by, alive) = (needed_by[slot as usize], alive[slot as usize]);
            if task.needed_by != needed_by {
                return broken(format!("needed by {}, counted {needed_by}", task.needed_by));
            }
            if task.alive_dependents != alive {
                return broken(format!("{} dependents, counted {alive}", task.alive_dependents));
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
                    retracting[task.worker.idx()] += u32::from(task.asked == Asked::Yes);
                    suspects[task.worker.idx()] += u32::from(self.is_suspect(slot) && !task.seceded);
                    if task.missing != 0 {
                        ahead[task.worker.idx()] += 1;
                        let made_there = |d: u32| {
                            let input = &self.tasks[d];
                            input.state == State::Processing && input.worker == task.worker
                        };
                        let elsewhere = edges.iter().find(|&&d| self.tasks[d].state != State::Memory && !made_there(d));
                        if task.missing != missing || elsewhere.is_some() {
                            return broken(format!("sent ahead of {}, counted {missing}", task.missing));
                        }
                    } else if !task.seceded {
                        let count = &mut processing[task.worker.idx()];
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
                let count = &mut held[holder.idx()];
                *count = (count.0 + 1, count.1 + task.nbytes);
            }
        }
        for &id in self.workers.present.as_slice() {
            let worker = &self.workers[id];
            let (count, occupancy) = processing[id.idx()];
            if (worker.processing, worker.occupancy) != (count, occupancy) {
                return Some(format!(
                    "{id:?} processes {} ({} ns), counted {count} ({occupancy})",
                    worker.processing, worker.occupancy
                ));
            }
            let n_ahead = ahead[id.idx()];
            if worker.ahead != n_ahead {
                return Some(format!("{id:?} was sent {} ahead, counted {n_ahead}", worker.ahead));
            }
            let (n, nbytes) = held[id.idx()];
            if (worker.n_held, worker.nbytes) != (n, nbytes) {
                return Some(format!(
                    "{id:?} holds {} ({} bytes), counted {n} ({nbytes})",
                    worker.n_held, worker.nbytes
                ));
            }
            if self.settings.placement == Placement::Locality && 1 < worker.n_suspects {
                return Some(format!("{id:?} has {} suspects", worker.n_suspects));
            }
            if worker.n_suspects != suspects[id.idx()] {
                return Some(format!("{id:?} has {} suspects, counted {}", suspects[id.idx()], worker.n_suspects));
            }
            if worker.retracting != retracting[id.idx()] {
                return Some(format!(
                    "{id:?} was asked for {} tasks, counted {}",
                    retracting[id.idx()],
                    worker.retracting
                ));
            }
            let running = worker.status == Status::Running;
            if self.workers.running.contains(id) != running
                || self.workers.idle.contains(id) != (running && worker.processing < worker.n_threads())
                || self.workers.loaded.contains(id) != (running && 0 < worker.surplus())
            {
                return Some(format!("{id:?} is in the wrong sets"));
            }
            if running {
                free.0 += u64::from(worker.n_threads().saturating_sub(worker.processing));
                free.1 += u64::from(worker.retracting);
            }
        }
        let counted = (self.workers.n_free, self.workers.n_retracting);
        if counted != free {
            return Some(format!("free threads and tasks asked back are {free:?}, counted {counted:?}"));
        }
        for (slot, is_in_turn) in self.spreads.all() {
            if self.tasks[slot].state != State::Memory || !is_in_turn {
                return Some(format!("{} is spread, and nobody has it, or a turn comes later", self.key(slot)));
            }
        }
        if let Some(recorder) = &self.recorder {
            let counted = self.count_now();
            for group in 0..self.layers.groups().len() {
                let (now, known) =
                    (counted.get(&(group as u32)).copied().unwrap_or_default(), recorder.totals(group).now);
                if now != known {
                    return Some(format!("tasks of kind {group} by state are {now:?}, counted {known:?}"));
                }
            }
        }
        // One worker's list a time: it costs more than all the rest.
        let present = self.workers.present.as_slice();
        let id = *present.get(self.now.as_nanos() as usize % present.len().max(1))?;
        let (n, listed) = (self.workers[id].n_held, self.held_by(id).len());
        (listed as u64 != n).then(|| format!("{id:?} holds {n} values, listed {listed}"))
    }

    /// Whether a queued task will be looked at.
    fn is_listed(&self, slot: u32) -> bool {
        self.ready.contains(&slot)
            || self.demands.waiting().any(|waiting| waiting == slot)
            || self.queue.iter().any(|entry| entry.slot() == slot)
    }
}

//! What was learnt, and what is going on, for people.

use std::time::Duration;

use dask_core::Key;

use super::Machine;
use super::task::State;
use crate::protocol::{WorkerId, WorkerInfo};

/// How many tasks of a kind are where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the layers do.
    pub what: String,
    /// Waiting for others.
    pub waiting: u64,
    /// Ready, without a worker.
    pub queued: u64,
    /// At a worker.
    pub processing: u64,
    /// Done, and the value is there.
    pub memory: u64,
    /// Done, and the value was dropped; or never needed.
    pub released: u64,
    /// Failed.
    pub erred: u64,
    /// Average time of a task.
    pub duration: Duration,
}

impl Machine {
    /// The key of a task.
    pub(super) fn key(&self, slot: u32) -> Key {
        let task = &self.tasks[slot];
        self.layers.key(task.layer, task.position)
    }

    /// Where a task stands and why, in words.
    pub(super) fn story(&self, slot: u32) -> String {
        let task = &self.tasks[slot];
        match task.state {
            State::Vacant => "forgotten".to_owned(),
            State::Released => "released: nobody needs it now".to_owned(),
            State::Waiting if task.is_scattered => "waiting for the client to send the value".to_owned(),
            State::Waiting => {
                let edges = self.tasks.edges(task.dependencies);
                let missing = edges.iter().find(|&&d| self.tasks[d].state != State::Memory);
                let first = missing.map_or_else(String::new, |&d| format!(", among them {}", self.key(d)));
                format!("waiting for {} of {} dependencies{first}", task.missing, edges.len())
            }
            State::Queued => format!("queued: all {} running workers are busy", self.workers.running.as_slice().len()),
            State::NoWorker => format!("no worker may run it: {}", self.why_no_worker(slot)),
            State::Processing if task.missing != 0 => {
                let address = &self.workers[task.worker].hello.address;
                format!("on {address}, which makes {} of its {} inputs", task.missing, task.dependencies.len)
            }
            State::Processing => {
                let worker = &self.workers[task.worker];
                let since = Duration::from_nanos((self.now.as_nanos() as u64).saturating_sub(task.since));
                format!("processing on {} for {since:?} (attempt {})", worker.hello.address, task.run.0)
            }
            State::Memory => {
                let who: Vec<&str> = task.holders.iter().map(|&w| self.workers[w].hello.address.as_str()).collect();
                format!("in memory ({} bytes) on {}", task.nbytes, who.join(", "))
            }
            State::Erred => {
                let entry = self.failures.get(&slot);
                entry.map_or_else(String::new, |e| format!("failed: {}: {}", e.blame.key, e.blame.failure))
            }
        }
    }

    /// How far each kind of layer is, in the order in which they came.
    pub fn progress(&self) -> Vec<Progress> {
        let mut all: Vec<Progress> = self
            .layers
            .groups()
            .iter()
            .map(|group| Progress {
                what: group.what.to_string(),
                duration: Duration::from_nanos(group.nanos as u64),
                ..Progress::default()
            })
            .collect();
        for (_, task) in self.tasks.iter() {
            let progress = &mut all[self.layers[task.layer].group as usize];
            match task.state {
                State::Vacant => {}
                State::Released => progress.released += 1,
                State::Waiting => progress.waiting += 1,
                State::Queued | State::NoWorker => progress.queued += 1,
                State::Processing => progress.processing += 1,
                State::Memory => progress.memory += 1,
                State::Erred => progress.erred += 1,
            }
        }
        all
    }

    /// What a worker looks like.
    pub fn worker_info(&self, id: WorkerId) -> WorkerInfo {
        let n_actors = self.actors.values().filter(|home| **home == Some(id)).count();
        self.describe(id, n_actors as u32)
    }

    /// What all workers look like that are there.
    pub(super) fn worker_infos(&self) -> Vec<WorkerInfo> {
        let mut n_actors = vec![0; self.workers.n_ever()];
        self.actors.values().flatten().for_each(|home| n_actors[home.idx()] += 1);
        self.workers.present.as_slice().iter().map(|&id| self.describe(id, n_actors[id.idx()])).collect()
    }

    fn describe(&self, id: WorkerId, n_actors: u32) -> WorkerInfo {
        let worker = &self.workers[id];
        WorkerInfo {
            id,
            name: worker.hello.name.clone(),
            address: worker.hello.address.clone(),
            n_threads: worker.n_threads(),
            memory_limit: worker.hello.memory_limit,
            process: worker.hello.process,
            metrics: worker.metrics,
            n_held: worker.n_held,
            n_actors,
            n_processing: worker.processing + worker.ahead,
            status: worker.status.name().to_owned(),
        }
    }

    /// How many tasks are known.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many values are held anywhere, and their bytes, copies counted.
    pub fn held(&self) -> (u64, u64) {
        let workers = self.workers.present.as_slice().iter().map(|&id| &self.workers[id]);
        workers.fold((0, 0), |(n, bytes), worker| (n + worker.n_held, bytes + worker.nbytes))
    }

    /// The workers that are there.
    pub fn present_workers(&self) -> &[WorkerId] {
        self.workers.present.as_slice()
    }

    /// Bytes of the tables, roughly.
    pub fn memory(&self) -> usize {
        self.tasks.memory() + self.layers.memory() + self.queue.len() * 24
    }
}

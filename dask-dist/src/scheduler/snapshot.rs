//! What the scheduler looks like, for people: each look is bounded, however many tasks there are.

use std::collections::BTreeMap;
use std::time::Duration;

use dask_core::Key;
use dask_core::layer::ravel;
use serde::Serialize;

use super::Machine;
use super::recorder::{Ended, EndedSince, Entered, News, Recorder, Totals};
use super::task::State;
use super::workers::Status;
use crate::protocol::{ACTIVITIES, Demand, WorkerId};

/// Neighbours of a task that are named.
const NEIGHBOURS_MAX: usize = 50;
/// Changes of a task's state that are told, the last.
const TRANSITIONS_MAX: usize = 100;

/// How many tasks of a kind are where.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LayerCount {
    /// What the layers do.
    pub what: String,
    /// Average nanoseconds of a task.
    pub nanos: u64,
    /// Average bytes of a value.
    pub nbytes: u64,
    /// How many were measured.
    pub measured: u64,
    /// Tasks by state, in the order of [`STATES`].
    pub states: [u64; 7],
    /// How often a task came into each state since the start, while somebody may watch.
    pub entered: [u64; 7],
    /// How many tasks were forgotten since then.
    pub forgotten: u64,
    /// How often one was suspected of its worker's death since then.
    pub suspicious: u64,
    /// Milliseconds that threads were seen at each of [`ACTIVITIES`] while they ran one, since then.
    pub activity: [u64; ACTIVITIES.len()],
}

/// The states of tasks, as Dask calls them.
pub const STATES: [&str; 7] = ["released", "waiting", "queued", "no-worker", "processing", "memory", "erred"];

fn place(state: State) -> Option<usize> {
    Some(match state {
        State::Vacant => return None,
        State::Released => 0,
        State::Waiting => 1,
        State::Queued => 2,
        State::NoWorker => 3,
        State::Processing => 4,
        State::Memory => 5,
        State::Erred => 6,
    })
}

/// All that is cheap to know.
#[derive(Clone, Debug)]
pub struct Overview {
    /// When, since the scheduler's start.
    pub now: Duration,
    /// How much work there is, and the workers that are there.
    pub demand: Demand,
    /// Estimated nanoseconds of the tasks at each.
    pub occupancy: Vec<u64>,
    /// How many clients are there.
    pub n_clients: usize,
    /// Tasks that are known.
    pub n_tasks: usize,
    /// Tasks that ended since the start.
    pub n_ended: u64,
    /// Roots that wait.
    pub n_queued: usize,
    /// Workers idle, in between, saturated, paused, leaving.
    pub workers_by_status: [usize; 5],
    /// Bytes of the scheduler's tables.
    pub tables: usize,
    /// Turns of the loop around the machine, as whoever runs that has told.
    pub turns: Turns,
}

/// How long a scheduler's loop lets others wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Turns since the start.
    pub n: u64,
    /// All of them together.
    pub total: Duration,
    /// Half of them took no longer; at most a quarter too large.
    pub p50: Duration,
    /// 99 of 100 took no longer; at most a quarter too large.
    pub p99: Duration,
    /// The longest of the last minute, or a little more.
    pub longest: Duration,
}

/// A task, for people.
#[derive(Clone, Debug, Serialize)]
pub struct TaskStory {
    /// Its key.
    pub key: String,
    /// Its state, as Dask calls it.
    pub state: &'static str,
    /// Where it stands and why.
    pub story: String,
    /// What its layer does.
    pub layer: String,
    /// Its attempts.
    pub attempts: u32,
    /// Attempts that are left after an error.
    pub retries: u16,
    /// How workers died that ran it.
    pub deaths: Vec<String>,
    /// The size of its value; 0 if there is none.
    pub nbytes: u64,
    /// Workers that hold the value.
    pub holders: Vec<String>,
    /// Futures and published names.
    pub wanted: u32,
    /// Seconds that such a task takes.
    pub usual_seconds: f64,
    /// What it needs: keys and states.
    pub dependencies: Vec<(String, &'static str)>,
    /// How many it needs.
    pub n_dependencies: usize,
    /// Who needs it.
    pub dependents: Vec<(String, &'static str)>,
    /// How many need it.
    pub n_dependents: usize,
    /// When it came into which state, and at which worker for those processed: seconds since the scheduler's start, state,
    /// worker. The last, as far as they are remembered; none of those from before somebody could watch.
    pub transitions: Vec<(f64, &'static str, Option<String>)>,
    /// From the task on, for a failure: through which tasks it came, the one to blame last.
    pub error_chain: Vec<String>,
}

/// A graph, for drawing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SmallGraph {
    /// Keys and states.
    pub tasks: Vec<(String, &'static str)>,
    /// From a dependency to its dependent, by place in `tasks`.
    pub edges: Vec<(u32, u32)>,
    /// Whether there are more tasks than these.
    pub truncated: bool,
}

impl Machine {
    /// From now on what happens is noted, see [`ended_since`](Machine::ended_since).
    pub fn record(&mut self) {
        if self.recorder.is_none() {
            let mut recorder = Box::<Recorder>::default();
            self.count_now().into_iter().for_each(|(group, now)| recorder.totals_mut(group).now = now);
            self.recorder = Some(recorder);
        }
    }

    /// How many tasks of each kind of layer are where, counted one by one.
    pub(super) fn count_now(&self) -> BTreeMap<u32, [u64; 7]> {
        let mut counts: BTreeMap<u32, [u64; 7]> = BTreeMap::new();
        for (_, task) in self.tasks.iter() {
            if let Some(place) = place(task.state) {
                counts.entry(self.layers[task.layer].group).or_default()[place] += 1;
            }
        }
        counts
    }

    /// A task was made, and nobody needs it yet.
    #[inline]
    pub(super) fn note_made(&mut self, slot: u32) {
        if let Some(recorder) = &mut self.recorder {
            recorder.totals_mut(self.layers[self.tasks[slot].layer].group).now[0] += 1;
        }
    }

    /// A task comes into a state: the only way into one, besides being made and forgotten.
    #[inline]
    pub(super) fn set_state(&mut self, slot: u32, state: State) {
        let task = &mut self.tasks[slot];
        let from = std::mem::replace(&mut task.state, state);
        if self.recorder.is_some() && from != state {
            self.note_entered(slot, from, state);
        }
    }

    fn note_entered(&mut self, slot: u32, from: State, state: State) {
        let (task, at) = (self.tasks.reference(slot), self.now);
        let on = (state == State::Processing).then_some(self.tasks[slot].worker);
        let group = self.layers[self.tasks[slot].layer].group;
        if let (Some(recorder), Some(from), Some(place)) = (&mut self.recorder, place(from), place(state)) {
            recorder.enters(Entered { task, at, state, on }, (from, place), group);
        }
    }

    /// A task is about to be forgotten.
    pub(super) fn note_forgotten(&mut self, slot: u32) {
        let task = &self.tasks[slot];
        if let (Some(recorder), Some(place)) = (&mut self.recorder, place(task.state)) {
            let totals = recorder.totals_mut(self.layers[task.layer].group);
            totals.forgotten += 1;
            totals.now[place] -= 1;
        }
    }

    /// A task was first in line at a worker that died.
    pub(super) fn note_suspicious(&mut self, slot: u32) {
        let group = self.layers[self.tasks[slot].layer].group;
        if let Some(recorder) = &mut self.recorder {
            recorder.totals_mut(group).suspicious += 1;
        }
    }

    /// Something for people to know.
    pub(super) fn note_news(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(recorder) = &mut self.recorder {
            recorder.news(now, text());
        }
    }

    /// A task ended.
    pub(super) fn note_ended(&mut self, slot: u32, worker: WorkerId, nanos: u64, nbytes: u64, failed: bool) {
        let now = self.now;
        if !self.recorder.as_mut().is_some_and(|recorder| recorder.counts(now)) {
            return;
        }
        let (key, took) = (self.key(slot), Duration::from_nanos(nanos));
        if let Some(recorder) = &mut self.recorder {
            recorder.note(Ended { key, worker, at: now, took, nbytes, failed });
        }
    }

    /// Tasks that ended, from number `from` on, the last `max` of them; and the number of the next. Of thousands in a
    /// second some are noted.
    pub fn ended_since(&self, from: u64, max: usize) -> EndedSince {
        self.recorder.as_ref().map_or_else(EndedSince::default, |recorder| recorder.tasks_since(from, max))
    }

    /// News, as [`ended_since`](Machine::ended_since).
    pub fn news_since(&self, from: u64, max: usize) -> (Vec<News>, u64) {
        self.recorder.as_ref().map_or((Vec::new(), 0), |recorder| recorder.news_since(from, max))
    }

    /// How many tasks of each kind of layer are where, while somebody may watch.
    pub fn layer_counts(&self) -> Vec<LayerCount> {
        let groups = self.layers.groups().iter().enumerate();
        groups
            .map(|(i, group)| {
                let totals = self.recorder.as_ref().map_or_else(Totals::default, |recorder| recorder.totals(i));
                LayerCount {
                    what: group.what.to_string(),
                    nanos: group.nanos as u64,
                    nbytes: group.nbytes as u64,
                    measured: group.n,
                    states: totals.now,
                    entered: totals.entered,
                    forgotten: totals.forgotten,
                    suspicious: totals.suspicious,
                    activity: totals.activity,
                }
            })
            .collect()
    }

    /// All that is cheap to know.
    pub fn overview(&self) -> Overview {
        let present = self.workers.present.as_slice();
        let mut workers_by_status = [0; 5];
        for &id in present {
            let worker = &self.workers[id];
            let place = match worker.status {
                Status::Running if worker.processing == 0 => 0,
                Status::Running if worker.processing < worker.n_threads() => 1,
                Status::Running => 2,
                Status::Paused => 3,
                Status::Leaving | Status::Gone => 4,
            };
            workers_by_status[place] += 1;
        }
        Overview {
            now: self.now,
            demand: self.demand(),
            occupancy: present.iter().map(|&id| self.workers[id].occupancy).collect(),
            n_clients: self.clients.all.len(),
            n_tasks: self.tasks.len(),
            n_ended: self.recorder.as_ref().map_or(0, |recorder| recorder.n_ended()),
            n_queued: self.queue.len(),
            workers_by_status,
            tables: self.memory(),
            turns: Turns::default(),
        }
    }

    /// A task of this key, if it is known.
    pub fn task_story(&self, key: &Key) -> Option<TaskStory> {
        let layer = self.layers.find(key.name())?;
        let slot = self.layers.slot(layer, ravel(key.index(), &self.layers[layer].shape)?)?;
        let task = &self.tasks[slot];
        let named = |slots: &mut dyn Iterator<Item = u32>| {
            slots.take(NEIGHBOURS_MAX).map(|slot| (self.key(slot).to_string(), self.state_name(slot))).collect()
        };
        let dependencies = self.tasks.edges(task.dependencies);
        let dependents = self.dependents_of(slot);
        let mut error_chain = Vec::new();
        let mut at = Some(slot);
        while let Some(entry) = at.and_then(|slot| self.failures.get(&slot))
            && error_chain.len() < NEIGHBOURS_MAX
        {
            let key = at.map_or_else(String::new, |slot| self.key(slot).to_string());
            error_chain.push(match entry.through {
                Some(_) => key,
                None => format!("{key}: {}", entry.blame.failure),
            });
            at = entry.through;
        }
        Some(TaskStory {
            key: key.to_string(),
            state: self.state_name(slot),
            story: self.story(slot),
            layer: self.layers.group(task.layer).what.to_string(),
            attempts: task.run.0,
            retries: task.retries,
            deaths: self.deaths.get(&slot).cloned().unwrap_or_default(),
            nbytes: if task.holders.is_empty() { 0 } else { task.nbytes },
            holders: task.holders.iter().map(|&id| self.workers[id].hello.name.clone()).collect(),
            wanted: task.wanted,
            usual_seconds: self.layers.group(task.layer).nanos / 1e9,
            dependencies: named(&mut dependencies.iter().copied()),
            n_dependencies: dependencies.len(),
            dependents: named(&mut dependents.iter().copied()),
            n_dependents: dependents.len(),
            transitions: self.history(slot),
            error_chain,
        })
    }

    fn history(&self, slot: u32) -> Vec<(f64, &'static str, Option<String>)> {
        let Some(recorder) = &self.recorder else { return Vec::new() };
        let history = recorder.history(self.tasks.reference(slot));
        let mut told: Vec<_> = history
            .map(|entered| {
                let state = place(entered.state).map_or("forgotten", |at| STATES[at]);
                let on = entered.on.map(|id| self.workers[id].hello.name.clone());
                (entered.at.as_secs_f64(), state, on)
            })
            .collect();
        told.drain(..told.len().saturating_sub(TRANSITIONS_MAX));
        told
    }

    /// The tasks, if they are few: those in the first `max` slots.
    pub fn small_graph(&self, max: u32) -> SmallGraph {
        let known: Vec<u32> = (0u32..)
            .zip(self.tasks.some(0, max))
            .filter(|(_, task)| task.state != State::Vacant)
            .map(|(slot, _)| slot)
            .collect();
        let mut graph = SmallGraph { truncated: known.len() < self.tasks.len(), ..SmallGraph::default() };
        for (at, &slot) in (0u32..).zip(&known) {
            graph.tasks.push((self.key(slot).to_string(), self.state_name(slot)));
            let from = self.tasks.edges(self.tasks[slot].dependencies);
            let from = from.iter().filter_map(|dependency| known.binary_search(dependency).ok());
            graph.edges.extend(from.map(|from| (from as u32, at)));
        }
        graph
    }

    fn state_name(&self, slot: u32) -> &'static str {
        place(self.tasks[slot].state).map_or("forgotten", |at| STATES[at])
    }
}

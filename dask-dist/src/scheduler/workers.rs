//! The workers, and which of them have room.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::protocol::{Metrics, RunId, TaskRef, WorkerHello, WorkerId};

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Takes tasks.
    Running,
    /// Memory is short.
    Paused,
    /// It goes, once its values have been moved.
    Leaving,
    /// It is not there any more.
    Gone,
}

impl Status {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Leaving => "leaving",
            Self::Gone => "gone",
        }
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    /// What it said of itself; the name was made unique.
    pub hello: WorkerHello,
    /// The name that it gave.
    pub(super) calls_itself: String,
    /// What it is doing.
    pub status: Status,
    /// Tasks sent and not heard of again, of which the inputs were there.
    pub processing: u32,
    /// Tasks sent of which inputs are still made, by this worker.
    pub ahead: u32,
    /// Estimated nanoseconds of these.
    pub occupancy: u64,
    /// Bytes of the values it holds.
    pub nbytes: u64,
    /// How many values it holds.
    pub n_held: u64,
    /// When it was last heard of.
    pub seen: Duration,
    /// The last it said.
    pub metrics: Metrics,
    /// Tasks in the order in which they were sent; those that finished are found out when met.
    pub(super) assigned: VecDeque<(TaskRef, RunId)>,
    /// Slots of the values it holds; some more than once, and some that it does not hold any more.
    pub(super) held: Vec<u32>,
    /// Tasks of which a dependent could be sent ahead, if there were not enough of these.
    pub(super) blocked: Vec<(u32, RunId)>,
    /// Tasks asked back and not answered.
    pub(super) retracting: u32,
    /// Of those processed and not seceded, how many are suspects, see [`Machine::is_suspect`](super::Machine::is_suspect).
    pub(super) n_suspects: u32,
    /// Its share of [`Workers::n_free`] and [`Workers::n_retracting`].
    counted: (u32, u32),
    /// Until when, in nanoseconds, what others were told to fetch here keeps its line busy.
    pub(super) sends_until: u64,
    /// The same for what it was told to fetch.
    pub(super) receives_until: u64,
    /// Resources that are free.
    pub(super) free: Vec<f64>,
    /// Workers whose address it knows.
    pub(super) knows: Vec<u64>,
}

impl Worker {
    pub(super) fn new(calls_itself: String, hello: WorkerHello, now: Duration) -> Self {
        let free = hello.resources.iter().map(|(_, amount)| *amount).collect();
        Self {
            hello,
            calls_itself,
            status: Status::Running,
            processing: 0,
            ahead: 0,
            blocked: Vec::new(),
            occupancy: 0,
            nbytes: 0,
            n_held: 0,
            seen: now,
            metrics: Metrics::default(),
            assigned: VecDeque::new(),
            held: Vec::new(),
            retracting: 0,
            n_suspects: 0,
            counted: (0, 0),
            sends_until: 0,
            receives_until: 0,
            free,
            knows: Vec::new(),
        }
    }

    /// One that has gone has no tasks and values.
    pub(super) fn forget_lists(&mut self) {
        (self.assigned, self.held, self.blocked, self.knows) = Default::default();
    }

    /// Threads, at least one.
    pub fn n_threads(&self) -> u32 {
        self.hello.n_threads.max(1)
    }

    /// Tasks that wait there and were not asked back.
    pub(super) fn surplus(&self) -> u32 {
        self.processing.saturating_sub(self.n_threads() + self.retracting)
    }

    /// Estimated nanoseconds until it can start something new.
    pub(super) fn backlog(&self) -> u64 {
        if self.processing < self.n_threads() { 0 } else { self.occupancy / u64::from(self.n_threads()) }
    }

    /// Whether it was told where a worker is.
    pub(super) fn has_learnt(&self, worker: WorkerId) -> bool {
        has_bit(&self.knows, worker.0)
    }

    /// Whether the bit was not set.
    pub(super) fn learn(&mut self, worker: WorkerId) -> bool {
        set_bit(&mut self.knows, worker.0)
    }
}

pub(super) fn has_bit(bits: &[u64], at: u32) -> bool {
    bits.get((at / 64) as usize).is_some_and(|word| word & (1 << (at % 64)) != 0)
}

/// Sets a bit; whether it was not set.
pub(super) fn set_bit(bits: &mut Vec<u64>, at: u32) -> bool {
    let (word, mask) = ((at / 64) as usize, 1u64 << (at % 64));
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    let new = bits[word] & mask == 0;
    bits[word] |= mask;
    new
}

/// All workers that ever came, by id, and sets of those that take tasks.
#[derive(Default)]
pub struct Workers {
    all: Vec<Worker>,
    /// Running, with a free thread.
    pub(super) idle: WorkerSet,
    /// Running, with more tasks than threads: what waits there may go elsewhere.
    pub(super) loaded: WorkerSet,
    /// Running.
    pub(super) running: WorkerSet,
    /// All that are there.
    pub(super) present: WorkerSet,
    /// Threads of those running that have nothing to do.
    pub(super) n_free: u64,
    /// Tasks asked back from those running and not answered.
    pub(super) n_retracting: u64,
    /// Of those present.
    names: HashSet<String>,
    /// Threads of those running.
    pub(super) n_threads: u64,
}

impl std::ops::Index<WorkerId> for Workers {
    type Output = Worker;
    #[inline]
    fn index(&self, id: WorkerId) -> &Worker {
        &self.all[id.idx()]
    }
}

impl Workers {
    pub(super) fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.all.get(id.idx()).filter(|worker| worker.status != Status::Gone)
    }

    /// How many have come so far.
    pub(super) fn n_ever(&self) -> usize {
        self.all.len()
    }

    /// To change counts; [`update`](Workers::update) follows.
    #[inline]
    pub(super) fn get_mut(&mut self, id: WorkerId) -> &mut Worker {
        &mut self.all[id.idx()]
    }

    /// What to call a worker that comes: as it calls itself, or else by its address; with a number behind it if another
    /// that is there is called so, unless that is the same one (`was`), of which the old connection has not ended.
    pub(super) fn free_name(&self, hello: &WorkerHello, was: Option<WorkerId>) -> String {
        let given = if hello.name.is_empty() { &hello.address } else { &hello.name };
        let own = was.and_then(|id| self.get(id)).map(|worker| &worker.hello.name);
        let is_free = |name: &String| Some(name) == own || !self.names.contains(name);
        let numbered = (2u64..).map(|n| format!("{given}-{n}"));
        std::iter::once(given.clone()).chain(numbered).find(is_free).unwrap_or_default()
    }

    pub(super) fn insert(&mut self, worker: Worker) -> WorkerId {
        let id = WorkerId(self.all.len() as u32);
        self.n_threads += u64::from(worker.n_threads());
        self.names.insert(worker.hello.name.clone());
        self.all.push(worker);
        self.present.insert(id);
        self.update(id);
        id
    }

    pub(super) fn set_status(&mut self, id: WorkerId, status: Status) {
        let worker = &mut self.all[id.idx()];
        let threads = u64::from(worker.n_threads());
        if worker.status == Status::Running {
            self.n_threads -= threads;
        }
        worker.status = status;
        if status == Status::Running {
            self.n_threads += threads;
        }
        if status == Status::Gone {
            self.present.remove(id);
            self.forget_name(id);
        }
        self.update(id);
    }

    /// Its name is free, unless it came again before this connection ended.
    fn forget_name(&mut self, id: WorkerId) {
        let name = &self.all[id.idx()].hello.name;
        let is_taken = self.present.as_slice().iter().any(|&other| self.all[other.idx()].hello.name == *name);
        if !is_taken {
            self.names.remove(name);
        }
    }

    /// Puts it in the sets where it belongs, and counts what it can take and was asked for.
    #[inline]
    pub(super) fn update(&mut self, id: WorkerId) {
        let worker = &mut self.all[id.idx()];
        let running = worker.status == Status::Running;
        let free = if running { worker.n_threads().saturating_sub(worker.processing) } else { 0 };
        let (idle, loaded) = (0 < free, running && 0 < worker.surplus());
        let retracting = if running { worker.retracting } else { 0 };
        let counted = std::mem::replace(&mut worker.counted, (free, retracting));
        self.n_free = self.n_free + u64::from(free) - u64::from(counted.0);
        self.n_retracting = self.n_retracting + u64::from(retracting) - u64::from(counted.1);
        self.running.set(id, running);
        self.idle.set(id, idle);
        self.loaded.set(id, loaded);
    }
}

/// A set of workers: constant time to insert, remove and pick.
#[derive(Default)]
pub(super) struct WorkerSet {
    members: Vec<WorkerId>,
    place: Vec<u32>,
}

impl WorkerSet {
    pub(super) fn as_slice(&self) -> &[WorkerId] {
        &self.members
    }

    pub(super) fn contains(&self, id: WorkerId) -> bool {
        self.place.get(id.idx()).is_some_and(|&at| at != u32::MAX)
    }

    #[inline]
    fn set(&mut self, id: WorkerId, member: bool) {
        match (self.contains(id), member) {
            (false, true) => self.insert(id),
            (true, false) => self.remove(id),
            _ => {}
        }
    }

    fn insert(&mut self, id: WorkerId) {
        if self.place.len() <= id.idx() {
            self.place.resize(id.idx() + 1, u32::MAX);
        }
        self.place[id.idx()] = self.members.len() as u32;
        self.members.push(id);
    }

    fn remove(&mut self, id: WorkerId) {
        let at = std::mem::replace(&mut self.place[id.idx()], u32::MAX);
        if at == u32::MAX {
            return;
        }
        self.members.swap_remove(at as usize);
        if let Some(moved) = self.members.get(at as usize) {
            self.place[moved.idx()] = at;
        }
    }
}

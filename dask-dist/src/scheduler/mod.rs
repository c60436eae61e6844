//! The scheduler: a machine without clock, sockets or threads. Events in, actions out.
//!
//! [`Machine::handle`] changes the tables; [`Machine::flush`] then places what has become ready, once for however
//! many events there were, and hands out what is to be said. Tasks live in flat tables by slot; keys are looked up
//! once a layer. See `task.rs` for the states, `place.rs` for the policy.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod ahead; // what is sent before its inputs are made
mod clients; // who wants what
mod coordinate; // locks, events, variables, queues, topics
mod demand; // how much work there is
mod fail; // errors, cancels, retries
mod finish; // processing to memory, and what that sets free
mod functions; // undecoded, sent to each worker once
mod groups; // what was learnt; stories for people
mod holders; // who has what
pub mod journal; // what outlives the scheduler
mod last_use; // inputs that go with the task
mod layers; // slots by layer and position
mod lose; // workers that go, values that are gone
mod memory_manager; // copies that nobody asked for
mod outbox; // what is to be said
mod place; // which worker
mod profile; // in which functions tasks are
mod queue; // roots wait until there is room
mod recorder; // the last that happened
mod release; // what nobody needs
mod replicate; // copies, moves, leaving
mod restrict; // demands on workers
mod retract; // work goes to the idle
mod scatter; // values from clients
mod settings;
mod snapshot; // what it looks like
mod spread; // one value for many
mod submit; // graphs in
mod task; // states and flat tables
mod traffic; // what went between workers
mod validate; // all invariants
mod walk; // how far futures are
mod watchdog; // what makes no progress
mod workers; // who is there

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dask_core::Value;
use foldhash::fast::FixedState;
use smallvec::SmallVec;

pub use groups::Progress;
pub use memory_manager::{Measure, MemoryManager};
pub use outbox::Action;
pub use profile::{CallSeen, LayerProfile};
pub use recorder::{Ended, EndedSince, News};
pub use settings::{Placement, Settings};
pub use snapshot::{LayerCount, Overview, STATES, SmallGraph, TaskStory, Turns};
pub use traffic::{Traffic, Transfers};
pub use workers::{Status, Worker, Workers};

use crate::protocol::{ClientId, FromClient, FromWorker, RunId, Submit, TaskRef, ToWorker, WorkerHello, WorkerId};
use clients::Clients;
use fail::FailureEntry;
use functions::Functions;
use layers::Layers;
use outbox::Outbox;
use replicate::Moves;
use restrict::Demands;
use task::Tasks;

/// All that can happen to a scheduler, besides somebody coming ([`Machine::add_worker`], [`Machine::add_client`]).
#[derive(Debug)]
pub enum Event {
    /// A client wants a graph computed.
    Submit {
        /// Who.
        client: ClientId,
        /// What.
        submit: Box<Submit>,
        /// The functions, undecoded.
        functions: Vec<Value>,
    },
    /// A client said something else.
    Client(ClientId, FromClient),
    /// A client's connection has ended.
    ClientLost(ClientId),
    /// A worker said something.
    Worker(WorkerId, FromWorker),
    /// A worker has finished a task that clients wait for, and has sent the value along.
    Finished {
        /// Who.
        worker: WorkerId,
        /// Which task and attempt.
        of: (TaskRef, RunId),
        /// The size of the value.
        nbytes: u64,
        /// How long the function took, in nanoseconds.
        nanos: u64,
        /// Which of its inputs were dropped with it, as bits.
        dropped: u64,
        /// The value.
        value: Value,
    },
    /// A worker's connection has ended, and how.
    WorkerLost(WorkerId, String),
    /// Time has passed: to be sent every second or so.
    Tick,
}

/// Ticks come twice a second; one that comes so long after the last says that the scheduler was stopped, or busy.
const AWAY: Duration = Duration::from_secs(5);

/// The scheduler.
pub struct Machine {
    settings: Settings,
    now: Duration,
    /// When the last tick was.
    last_tick: Duration,
    /// Since when tasks wait, and nobody takes any.
    idle_since: Option<Duration>,
    tasks: Tasks,
    layers: Layers,
    functions: Functions,
    workers: Workers,
    clients: Clients,
    failures: HashMap<u32, FailureEntry, FixedState>,
    /// How the workers died that ran a task, for those tasks.
    deaths: HashMap<u32, Vec<String>, FixedState>,
    /// Dependents that were submitted later than the task itself, and how many edges they have to it.
    later_dependents: HashMap<u32, BTreeMap<u32, u32>, FixedState>,
    demands: Demands,
    /// Tasks that make actors, and where these live; they are never moved, copied away or made again.
    actors: BTreeMap<u32, Option<WorkerId>>,
    coordinator: coordinate::Coordinator,
    moves: Moves,
    copies: memory_manager::Copies,
    spreads: spread::Spreads,
    /// Ready, to be placed where their inputs are.
    ready: Vec<u32>,
    /// Ready, to be given to whoever has room, by priority.
    queue: BinaryHeap<queue::Entry>,
    /// At a worker, and perhaps a dependent can be sent ahead.
    heads: ahead::Heads,
    /// Perhaps nobody needs these.
    useless: Vec<u32>,
    /// Workers that may have got room since the last flush.
    touched: Vec<WorkerId>,
    n_submissions: u32,
    /// Which cluster this is, and how often it was started before, to workers that return.
    identity: journal::Identity,
    /// Published before a restart, and perhaps not brought back yet.
    expected: Vec<u32>,
    random: u64,
    outbox: Outbox,
    recorder: Option<Box<recorder::Recorder>>,
}

impl Machine {
    /// A scheduler without workers and clients; `seed` decides between equals.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            now: Duration::ZERO,
            last_tick: Duration::ZERO,
            idle_since: None,
            tasks: Tasks::default(),
            layers: Layers::default(),
            functions: Functions::default(),
            workers: Workers::default(),
            clients: Clients::default(),
            failures: HashMap::default(),
            deaths: HashMap::default(),
            later_dependents: HashMap::default(),
            demands: Demands::default(),
            actors: BTreeMap::new(),
            coordinator: coordinate::Coordinator::default(),
            moves: Moves::default(),
            copies: memory_manager::Copies::default(),
            spreads: spread::Spreads::default(),
            ready: Vec::new(),
            queue: BinaryHeap::new(),
            heads: ahead::Heads::new(),
            useless: Vec::new(),
            touched: Vec::new(),
            n_submissions: 0,
            identity: journal::Identity::default(),
            expected: Vec::new(),
            random: seed | 1,
            outbox: Outbox::default(),
            recorder: None,
        }
    }

    /// A worker has come. It is welcomed by the next flush.
    pub fn add_worker(&mut self, now: Duration, mut hello: WorkerHello) -> WorkerId {
        self.now = now;
        let us = (self.identity.cluster, self.identity.n_restarts);
        let is_ours = hello.cluster.0 == us.0;
        let (held, was) = (std::mem::take(&mut hello.holds), hello.was.filter(|_| hello.cluster == us));
        let free_name = self.workers.free_name(&hello, was);
        let calls_itself = std::mem::replace(&mut hello.name, free_name);
        // What makes no sense is not there.
        hello.resources.retain(|resource| restrict::bad_amount(std::slice::from_ref(resource)).is_none());
        let news = format!("worker {} ({}) has come", hello.name, hello.address);
        let id = self.workers.insert(Worker::new(calls_itself, hello, now));
        self.outbox.say(id, ToWorker::Welcome { worker: id, cluster: us });
        for (task, nbytes) in held {
            // What another scheduler called like this is something else.
            if is_ours {
                self.added(id, task, nbytes);
            } else {
                self.outbox.free(id, task);
            }
        }
        if let Some(before) = was.filter(|&before| before != id && self.workers.get(before).is_some()) {
            // The end of its old connection was not noticed yet; it has nothing there any more.
            self.outbox.act(Action::Cut(before));
            self.remove_worker(before, "it has come back on another connection");
        }
        self.note_news(|| news);
        self.touched.push(id);
        self.demands.workers_changed();
        self.sweep();
        id
    }

    /// One event. What follows from it is placed and said by [`flush`](Machine::flush).
    pub fn handle(&mut self, now: Duration, event: Event) {
        self.now = now;
        match event {
            Event::Submit { client, submit, functions } => self.submit(client, *submit, functions),
            Event::Client(client, message) => self.hear_client(client, message),
            Event::ClientLost(client) => self.remove_client(client),
            Event::Worker(worker, message) => self.hear_worker(worker, message),
            Event::Finished { worker, of, nbytes, nanos, dropped, value } => {
                if self.workers.get(worker).is_some() {
                    self.workers.get_mut(worker).seen = now;
                    self.finished(worker, of, nbytes, nanos, dropped, Some(&value));
                }
            }
            Event::WorkerLost(worker, why) => self.remove_worker(worker, &why),
            Event::Tick => self.tick(),
        }
        self.sweep();
    }

    /// Places what is ready and hands out what is to be said.
    pub fn flush(&mut self, actions: &mut Vec<Action>) {
        self.place_ready();
        self.fill_workers();
        self.send_ahead();
        self.balance();
        if !self.moves.arrived.is_empty() {
            self.advance_moves();
        }
        self.sweep();
        self.outbox.drain(actions);
        if self.settings.validate
            && let Some(broken) = self.broken_invariant()
        {
            unreachable!("broken invariant: {broken}");
        }
    }

    fn hear_worker(&mut self, id: WorkerId, message: FromWorker) {
        if self.workers.get(id).is_none() {
            return;
        }
        self.workers.get_mut(id).seen = self.now;
        match message {
            FromWorker::Finished { task, run, nbytes, nanos, dropped }
            | FromWorker::FinishedWith { task, run, nbytes, nanos, dropped } => {
                self.finished(id, (task, run), nbytes, nanos, dropped, None);
            }
            FromWorker::Failed { task, run, failure } => self.failed(id, task, run, failure),
            FromWorker::Added(tasks) => tasks.into_iter().for_each(|(task, nbytes)| self.added(id, task, nbytes)),
            FromWorker::Missing { task, at, dependents } => self.fetch_failed(id, task, &at, &dependents),
            FromWorker::Retracted(tasks) => tasks.into_iter().for_each(|(task, run)| self.retracted(id, task, run)),
            FromWorker::Kept(tasks) => tasks.into_iter().for_each(|(task, run)| self.kept(id, task, run)),
            FromWorker::Seceded { task, run } => self.seceded(id, task, run),
            FromWorker::Lost(tasks) => {
                for slot in tasks.into_iter().filter_map(|task| self.tasks.find(task)).collect::<SmallVec<[u32; 4]>>() {
                    self.value_gone(slot, id);
                }
            }
            FromWorker::Heartbeat(metrics) => self.workers.get_mut(id).metrics = metrics,
            FromWorker::Noticed(noticed) => self.note_noticed(id, &noticed),
            FromWorker::Paused(paused) => {
                let status = self.workers[id].status;
                if matches!(status, Status::Running | Status::Paused) {
                    self.workers.set_status(id, if paused { Status::Paused } else { Status::Running });
                    let name = self.workers[id].hello.name.clone();
                    self.note_news(|| {
                        format!("worker {name} {}", if paused { "is paused: its memory is short" } else { "goes on" })
                    });
                    self.touched.push(id);
                }
            }
            FromWorker::Leaving => self.leave(&[id]),
        }
    }

    /// Those not heard of, tasks that wait in vain, and workers that may go now.
    fn tick(&mut self) {
        let now = self.now;
        let before = std::mem::replace(&mut self.last_tick, now);
        self.forgive_own_absence(now.saturating_sub(before));
        let silent: Vec<WorkerId> = self
            .workers
            .present
            .as_slice()
            .iter()
            .copied()
            .filter(|&id| self.workers[id].seen + self.settings.worker_ttl < now)
            .collect();
        for id in silent {
            self.outbox.act(Action::Cut(id));
            self.remove_worker(id, &format!("not heard of for {:?}", self.settings.worker_ttl));
        }
        let silent: Vec<ClientId> = self
            .clients
            .all
            .iter()
            .filter(|(_, client)| client.seen + self.settings.client_ttl < now)
            .map(|(&id, _)| id)
            .collect();
        silent.into_iter().for_each(|id| self.remove_client(id));
        let since = now.saturating_sub(self.settings.lease_timeout);
        let clients = &self.clients.all;
        self.coordinator.expire(since, |id| clients.get(&id).map_or(Duration::ZERO, |client| client.seen));
        self.follow_coordinator();
        self.give_up_waiting();
        self.give_up_expected();
        self.look_after_moves();
        self.manage_memory();
        self.watch(before);
    }

    /// If the scheduler itself did nothing for long, what others said meanwhile has not been heard yet: their silence
    /// counts from now on.
    fn forgive_own_absence(&mut self, away: Duration) {
        if away < AWAY {
            return;
        }
        for id in self.workers.present.as_slice().to_vec() {
            let seen = &mut self.workers.get_mut(id).seen;
            *seen = (*seen + away).min(self.now);
        }
        for client in self.clients.all.values_mut() {
            client.seen = (client.seen + away).min(self.now);
        }
    }

    /// The next pseudorandom number (xorshift64*).
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        ((u128::from(self.random.wrapping_mul(0x2545_F491_4F6C_DD1D)) * below as u128) >> 64) as usize
    }

    /// All dependents of a task, in the order of submission.
    fn dependents_of(&self, slot: u32) -> SmallVec<[u32; 8]> {
        let n = self.tasks[slot].dependents.len;
        let mut all: SmallVec<[u32; 8]> = (0..n).filter_map(|i| self.tasks.dependent(slot, i)).collect();
        for (&dependent, &n_edges) in self.later_dependents.get(&slot).into_iter().flatten() {
            all.extend((0..n_edges).map(|_| dependent));
        }
        all
    }

    fn blame(failure: crate::protocol::Failure, key: dask_core::Key) -> Arc<fail::Blame> {
        Arc::new(fail::Blame { failure, key })
    }
}

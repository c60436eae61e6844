//! The cluster in one thread under virtual time: the real machines of scheduler and workers, a network, disks and
//! faults that are simulated, and values that are hashes of what made them.
//!
//! A run is decided by its seed alone, so a run that fails is a number: [`Broken`] says it, and the same call with it
//! does the same again.
//!
//! ```
//! use dask_dist::sim::{Sim, SimSettings, shapes};
//! use std::time::Duration;
//!
//! let tree = shapes::tree(4, Duration::from_millis(10), 1000);
//! let outcome = Sim::new(SimSettings::default(), tree, &[], 1).run().map_err(|broken| broken.to_string())?;
//! assert_eq!(outcome.n_runs, 31);
//! # Ok::<(), String>(())
//! ```
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod checkers; // what must hold
mod client; // who wants the results
mod clock; // virtual time
mod dice; // randomness
mod disk;
pub mod faults; // what goes wrong
mod host; // a worker
mod network;
mod peers; // values between workers
pub mod rivals; // locks and queues, and who wants them
pub mod shapes; // standard graphs
mod trouble; // faults happen
pub mod workload; // graphs with durations and sizes
pub mod zero; // workers that answer at once

use std::collections::BTreeMap;
use std::time::Duration;

pub use checkers::liveness::Patience;
pub use network::NetworkSettings;

use crate::protocol::{Batch, Failure, FromClient, FromWorker, TaskRef, ToClient, ToWorker, WorkerHello, WorkerId};
use crate::{scheduler, worker};
use client::Client;
use clock::Clock;
use dice::Dice;
use faults::Fault;
use host::{Host, Stored};
use network::{CLIENT, Network, SCHEDULER};
use peers::Ask;
use workload::Workload;

/// What a task says that is to fail.
const FAILS: &str = "this task fails";
const TICK: Duration = Duration::from_millis(500);

/// A cluster to simulate.
#[derive(Clone, Debug)]
pub struct SimSettings {
    /// Workers at the start.
    pub n_workers: u32,
    /// The scheduler's settings.
    pub scheduler: scheduler::Settings,
    /// Every worker's settings.
    pub worker: worker::Settings,
    /// The network.
    pub network: NetworkSettings,
    /// Bytes a second of a worker's disk.
    pub disk_bandwidth: f64,
    /// When to give up.
    pub patience: Patience,
    /// Whether another client wants the same.
    pub second_client: bool,
    /// Whether a worker that holds more in memory than its limit is ended, as by the system.
    pub kills_hungry: bool,
}

impl Default for SimSettings {
    fn default() -> Self {
        Self {
            n_workers: 4,
            scheduler: scheduler::Settings { validate: true, ..scheduler::Settings::default() },
            worker: worker::Settings {
                n_threads: 2,
                own_process: false,
                validate: true,
                ..worker::Settings::default()
            },
            network: NetworkSettings::default(),
            disk_bandwidth: 500e6,
            patience: Patience::default(),
            second_client: false,
            kills_hungry: false,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Until the last result was there.
    pub makespan: Duration,
    /// Tasks that ran.
    pub n_runs: u64,
    /// Bytes between workers.
    pub bytes_moved: u64,
    /// Bytes sent to other workers by the one that sent most.
    pub bytes_sent_max: u64,
    /// Bytes of values in memory on all workers together, at most.
    pub peak_bytes: u64,
    /// Bytes written to disk.
    pub bytes_spilled: u64,
    /// Workers that died.
    pub n_deaths: u32,
    /// Futures that failed, for a cause.
    pub n_failed: u32,
    /// Times that a client cancelled something.
    pub n_cancels: u32,
    /// Times that the scheduler was started again.
    pub n_restarts: u32,
    /// Things that happened.
    pub n_happenings: u64,
}

/// A run that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, after {at:?} of virtual time: {why}")]
pub struct Broken {
    /// Runs it again.
    pub seed: u64,
    /// When.
    pub at: Duration,
    /// What.
    pub why: String,
}

/// What may happen.
enum Happening {
    ToScheduler(WorkerId, Vec<FromWorker>),
    FromClient(u32, Vec<FromClient>),
    ToClient(u32, Vec<ToClient>),
    ToWorker(WorkerId, Batch<ToWorker>),
    /// The process of a worker ends by what it runs.
    Aborts(WorkerId),
    /// A task's time is over.
    Ran(WorkerId, TaskRef, Option<u64>, u64, Duration),
    PeerAsks {
        by: WorkerId,
        of: WorkerId,
        request: u64,
        tasks: Vec<TaskRef>,
        turns: Vec<u64>,
    },
    PeerAnswers {
        to: WorkerId,
        request: u64,
        found: Vec<(TaskRef, Stored)>,
        missing: Vec<TaskRef>,
        last: bool,
    },
    PeerBreaks(WorkerId, u64),
    /// A worker has sent what was asked for.
    PeerSent(WorkerId, u64),
    Moved {
        on: WorkerId,
        task: TaskRef,
        version: u64,
        to_disk: bool,
        ok: bool,
    },
    SchedulerTick,
    ClientTick,
    WorkerTick(WorkerId),
    /// The scheduler notices the end of a connection.
    Noticed(WorkerId, String),
    /// A worker's patience with leaving ends.
    CutOff(WorkerId),
    /// A worker notices the end of its connection, and looks for the scheduler.
    LostScheduler(WorkerId),
    /// It has found it.
    Return(WorkerId),
    Thaw(WorkerId),
    /// A worker has found a scheduler that was started again, and brings what it has.
    Found(Box<Host>, Vec<(TaskRef, u64)>),
    Join,
    Fault(Fault),
}

/// A run.
pub struct Sim {
    settings: SimSettings,
    seed: u64,
    workload: Workload,
    expected: Vec<Vec<Option<u64>>>,
    clock: Clock<Happening>,
    scheduler: scheduler::Machine,
    hosts: Vec<Host>,
    network: Network,
    dice: Dice,
    clients: Vec<Client>,
    actions: Vec<scheduler::Action>,
    /// The scheduler's journal.
    records: Vec<scheduler::journal::Record>,
    resets_until: Duration,
    duplicates_until: Duration,
    in_memory: u64,
    /// Who waits at whom for a value.
    asks: BTreeMap<u64, Ask>,
    n_asks: u64,
    outcome: Outcome,
    broken: Option<String>,
}

impl Sim {
    /// A cluster, a graph to compute, faults and when they happen; the seed decides the rest.
    pub fn new(settings: SimSettings, workload: Workload, faults: &[(Duration, Fault)], seed: u64) -> Self {
        let mut clock = Clock::default();
        faults.iter().for_each(|(at, fault)| clock.at(*at, Happening::Fault(fault.clone())));
        let mut scheduler = scheduler::Machine::new(settings.scheduler.clone(), seed);
        if settings.scheduler.validate {
            // What is counted for those who watch is checked too.
            scheduler.record();
        }
        let n_clients = 1 + u32::from(settings.second_client);
        let clients =
            (0..n_clients).map(|_| Client::new(scheduler.add_client(Duration::ZERO), workload.outputs.len())).collect();
        clock.after(TICK, Happening::SchedulerTick);
        clock.after(TICK, Happening::ClientTick);
        Self {
            network: Network::new(settings.network.clone(), seed),
            expected: workload.expected(),
            settings,
            seed,
            workload,
            clock,
            scheduler,
            hosts: Vec::new(),
            dice: Dice::new(seed, 5),
            clients,
            actions: Vec::new(),
            records: Vec::new(),
            resets_until: Duration::ZERO,
            duplicates_until: Duration::ZERO,
            in_memory: 0,
            asks: BTreeMap::new(),
            n_asks: 0,
            outcome: Outcome {
                makespan: Duration::ZERO,
                n_runs: 0,
                bytes_moved: 0,
                bytes_sent_max: 0,
                peak_bytes: 0,
                bytes_spilled: 0,
                n_deaths: 0,
                n_failed: 0,
                n_cancels: 0,
                n_restarts: 0,
                n_happenings: 0,
            },
            broken: None,
        }
    }

    /// Runs until every result is there and checked, and everything is released.
    ///
    /// # Errors
    /// Something that must hold does not.
    pub fn run(mut self) -> Result<Outcome, Broken> {
        for _ in 0..self.settings.n_workers {
            self.join();
        }
        for client in 0..self.clients.len() {
            self.submit(client as u32);
        }
        let result = self.until(Self::results_are_there);
        self.outcome.makespan = self.clock.now();
        let result = result.and_then(|()| {
            (0..self.clients.len() as u32).for_each(|client| self.release(client));
            let patience = self.clock.now() + self.settings.patience.time;
            self.settings.patience.time = patience;
            self.until(|sim| Ok(sim.left().is_none()))
        });
        match result {
            Ok(()) => Ok(self.outcome),
            Err(why) => {
                let left = self.left().unwrap_or_default();
                let progress = self.scheduler.progress();
                let workers: Vec<String> =
                    self.scheduler.present_workers().iter().map(|&id| self.describe(id)).collect();
                let workers = workers.join("; ");
                let why = format!("{why}\n  left: {left}\n  progress: {progress:?}\n  workers: {workers}");
                Err(Broken { seed: self.seed, at: self.clock.now(), why })
            }
        }
    }

    /// A worker, for people.
    fn describe(&self, id: WorkerId) -> String {
        let (info, host) = (self.scheduler.worker_info(id), &self.hosts[id.idx()]);
        let alive = if host.alive { "alive" } else { "ended" };
        let (in_memory, on_disk) = host.machine.memory();
        let has = format!("{in_memory} bytes in memory, {on_disk} on disk, {} values", info.n_held);
        format!("{id:?} {alive} {}, {} tasks, {has}", info.status, info.n_processing)
    }

    fn until(&mut self, mut done: impl FnMut(&mut Self) -> Result<bool, String>) -> Result<(), String> {
        while !done(self)? {
            let Some(what) = self.clock.next() else { return Err("nothing happens any more".to_owned()) };
            self.outcome.n_happenings += 1;
            checkers::liveness::check(&self.settings.patience, self.clock.now(), self.outcome.n_happenings)?;
            self.happen(what);
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
        Ok(())
    }

    /// What nobody wants and is still there.
    fn left(&self) -> Option<String> {
        let n = self.scheduler.n_tasks();
        if n != 0 {
            return Some(format!("{n} tasks at the scheduler"));
        }
        let present = self.scheduler.present_workers();
        present
            .iter()
            .find_map(|id| checkers::memory::left(&self.hosts[id.idx()]).map(|left| format!("{id:?}: {left}")))
    }

    fn happen(&mut self, what: Happening) {
        let now = self.clock.now();
        let to = match &what {
            Happening::ToWorker(to, _) | Happening::Ran(to, ..) | Happening::PeerAnswers { to, .. } => Some(*to),
            Happening::PeerBreaks(to, _)
            | Happening::PeerSent(to, _)
            | Happening::WorkerTick(to)
            | Happening::CutOff(to) => Some(*to),
            Happening::LostScheduler(to) | Happening::Return(to) | Happening::Aborts(to) => Some(*to),
            Happening::Moved { on: to, .. } | Happening::PeerAsks { of: to, .. } => Some(*to),
            _ => None,
        };
        // What is asked of one who is given up fails, though it hangs.
        let in_vain = matches!(&what, Happening::PeerAsks { by, of, .. } if self.hosts[by.idx()].gone.contains(of));
        if let Some(host) = to.and_then(|to| self.hosts.get_mut(to.idx()))
            && !in_vain
            && (now < host.frozen_until || !host.missed.is_empty())
            && host.alive
        {
            host.missed.push_back(what);
            return;
        }
        self.happen_now(what);
    }

    fn happen_now(&mut self, what: Happening) {
        let now = self.clock.now();
        match what {
            Happening::ToScheduler(id, messages) => {
                for message in messages {
                    self.scheduler.handle(now, scheduler::Event::Worker(id, message));
                }
                self.flush();
            }
            Happening::FromClient(client, messages) => self.hear_client(client, messages),
            Happening::ToClient(client, messages) => self.tell_client(client, messages),
            Happening::ToWorker(id, _) if self.hosts[id.idx()].lost => {}
            Happening::ToWorker(id, batch) => {
                let gone = batch.messages.iter().filter_map(|message| match message {
                    ToWorker::PeersGone(gone) => Some(gone.clone()),
                    _ => None,
                });
                let gone: Vec<WorkerId> = gone.flatten().collect();
                self.on_host(id, |host| host.hear(batch));
                self.give_up(id, &gone);
            }
            Happening::Aborts(id) => self.end(id, "signal 6"),
            Happening::Ran(id, task, value, nbytes, time) => self.ran(id, task, value, nbytes, time),
            Happening::PeerAsks { by, of, request, tasks, turns } => self.answer_peer(by, of, request, &tasks, &turns),
            Happening::PeerAnswers { to, request, found, missing, last } => {
                self.take_answer(to, request, found, missing, last);
            }
            Happening::PeerBreaks(to, request) => self.host_event(to, worker::Event::FetchFailed { request }),
            Happening::PeerSent(of, ask) => self.host_event(of, worker::Event::Sent { ask }),
            Happening::Moved { on, task, version, to_disk, ok } => {
                self.on_host(on, |host| {
                    let event = host.moved(task, version, to_disk, ok);
                    event.map_or_else(Vec::new, |event| host.handle(event))
                });
            }
            Happening::SchedulerTick => {
                self.scheduler.handle(now, scheduler::Event::Tick);
                self.flush();
                self.clock.after(TICK, Happening::SchedulerTick);
            }
            Happening::ClientTick => {
                (0..self.clients.len() as u32).for_each(|client| self.say(client, vec![FromClient::Heartbeat]));
                self.clock.after(TICK, Happening::ClientTick);
            }
            Happening::WorkerTick(id) => {
                let event = worker::Event::Tick { resident: 0, cpu_percent: 0.0, received: 0, sent: 0 };
                self.host_event(id, event);
                if self.hosts[id.idx()].alive {
                    self.clock.after(TICK, Happening::WorkerTick(id));
                }
            }
            Happening::Noticed(id, why) => {
                self.scheduler.handle(now, scheduler::Event::WorkerLost(id, why));
                self.flush();
            }
            Happening::CutOff(id) => self.end(id, "it ended"),
            Happening::LostScheduler(id) => self.look_for_scheduler(id),
            Happening::Return(id) => self.come_back(id),
            Happening::Thaw(id) => self.thaw(id),
            Happening::Found(host, holds) => self.found(*host, holds),
            Happening::Join => drop(self.join()),
            Happening::Fault(fault) => self.fault(fault),
        }
    }

    /// A worker comes.
    fn join(&mut self) -> WorkerId {
        let host = Host::new(self.settings.worker.clone(), self.settings.disk_bandwidth);
        self.enter(host, WorkerHello::default())
    }

    /// A worker comes, with what it has.
    fn enter(&mut self, host: Host, hello: WorkerHello) -> WorkerId {
        let settings = &self.settings.worker;
        let hello = WorkerHello {
            address: format!("sim://{}", self.hosts.len()),
            n_threads: settings.n_threads,
            memory_limit: settings.memory_limit,
            ..hello
        };
        self.hosts.push(host);
        let id = self.scheduler.add_worker(self.clock.now(), hello);
        let first = TICK.mul_f64(self.dice.unit());
        self.clock.after(first, Happening::WorkerTick(id));
        self.flush();
        id
    }

    /// What the scheduler says goes out.
    fn flush(&mut self) {
        let now = self.clock.now();
        let mut actions = std::mem::take(&mut self.actions);
        self.scheduler.flush(&mut actions);
        for action in actions.drain(..) {
            match action {
                scheduler::Action::Worker(id, batch) => {
                    let at = self.network.message(now, SCHEDULER, id.0);
                    self.clock.at(at, Happening::ToWorker(id, batch));
                }
                scheduler::Action::Client(id, batch) => {
                    if let Some(client) = self.clients.iter().position(|client| client.id == id) {
                        let at = self.network.message(now, SCHEDULER, CLIENT);
                        self.clock.at(at, Happening::ToClient(client as u32, batch.messages));
                    }
                }
                scheduler::Action::Cut(id) => {
                    self.outcome.n_deaths += 1;
                    let at = self.network.message(now, SCHEDULER, id.0);
                    self.clock.at(at, Happening::LostScheduler(id));
                }
                scheduler::Action::CutClient(id) => {
                    if self.clients.iter().any(|client| client.id == id && !client.gone) {
                        self.broken = Some(format!("{id:?} was cut off"));
                    }
                }
                scheduler::Action::Record(record) => self.records.push(record),
                scheduler::Action::Warn(_) => {}
            }
        }
        self.actions = actions;
    }

    fn host_event(&mut self, id: WorkerId, event: worker::Event) {
        self.on_host(id, |host| host.handle(event));
    }

    /// Something happens to a worker, and it does what its machine asks for.
    fn on_host(&mut self, id: WorkerId, what: impl FnOnce(&mut Host) -> Vec<worker::Action>) {
        let host = &mut self.hosts[id.idx()];
        if !host.alive {
            return;
        }
        let before = host.in_memory;
        let actions = what(host);
        self.in_memory = self.in_memory - before + host.in_memory;
        self.outcome.peak_bytes = self.outcome.peak_bytes.max(self.in_memory);
        // What takes too much is noticed before anything is said of it.
        let limit = self.settings.worker.memory_limit;
        if self.settings.kills_hungry && limit != 0 && limit < self.hosts[id.idx()].in_memory {
            return self.end(id, "signal 9, out of memory");
        }
        let mut reports = Vec::new();
        for action in actions {
            self.act(id, action, &mut reports);
        }
        self.report(id, reports);
        if self.settings.worker.validate
            && self.hosts[id.idx()].alive
            && let Err(why) = checkers::memory::check_account(&self.hosts[id.idx()])
        {
            self.broken = Some(why);
        }
    }

    fn act(&mut self, id: WorkerId, action: worker::Action, reports: &mut Vec<FromWorker>) {
        let now = self.clock.now();
        let host = &mut self.hosts[id.idx()];
        match action {
            worker::Action::Report(report) => reports.push(report),
            worker::Action::Run { task, function, index, inputs } => {
                let values: Option<Vec<u64>> = inputs
                    .iter()
                    .map(|input| host.store.get(input).filter(|stored| !stored.on_disk).map(|stored| stored.value))
                    .collect();
                let (Some(values), Some(&stage)) = (values, host.functions.get(&function)) else {
                    self.broken = Some(format!("{id:?} runs {task:?} without {function:?} or all of {inputs:?}"));
                    return;
                };
                let position = index.first().copied().unwrap_or_default();
                let value = self.workload.run(stage as usize, position, &values);
                if let Err(why) =
                    checkers::results::check_value(value, self.expected[stage as usize][position as usize])
                {
                    self.broken = Some(why);
                }
                let work = &self.workload.stages[stage as usize].tasks[position as usize];
                self.outcome.n_runs += 1;
                if work.kills {
                    return self.clock.after(work.time, Happening::Aborts(id));
                }
                self.clock.after(work.time, Happening::Ran(id, task, value, work.nbytes, work.time));
            }
            worker::Action::Fetch { from, request, tasks, turns } => self.ask_peer(id, from, request, tasks, turns),
            worker::Action::Answer { ask, here } => self.answer_later(id, ask, here),
            worker::Action::Drop(tasks) => {
                let before = host.in_memory;
                tasks.into_iter().for_each(|task| host.forget(task));
                self.in_memory = self.in_memory - before + host.in_memory;
            }
            worker::Action::Evict(task) => {
                let before = host.in_memory;
                host.evict(task);
                self.in_memory = self.in_memory - before + host.in_memory;
            }
            worker::Action::Spill(task) | worker::Action::Restore(task) => {
                let to_disk = matches!(action, worker::Action::Spill(_));
                let Some(stored) = host.store.get(&task) else {
                    self.broken = Some(format!("{id:?} moves {task:?}, which it does not have"));
                    return;
                };
                // What was read from its file goes there again without being written.
                let nbytes = if to_disk && stored.has_file { 0 } else { stored.nbytes };
                let version = stored.version;
                let ok = if to_disk { nbytes == 0 || !host.disk.is_full(now) } else { host.unreadable_until <= now };
                self.outcome.bytes_spilled += if ok && to_disk { nbytes } else { 0 };
                let at = host.disk.moves(now, nbytes);
                self.clock.at(at, Happening::Moved { on: id, task, version, to_disk, ok });
            }
            worker::Action::Exit { why } => self.end(id, &why),
        }
    }

    /// What a worker says goes to the scheduler; now and then twice.
    fn report(&mut self, id: WorkerId, reports: Vec<FromWorker>) {
        let now = self.clock.now();
        if reports.is_empty() || self.hosts[id.idx()].lost {
            return;
        }
        if now < self.duplicates_until {
            let again = |report: &FromWorker| match report {
                FromWorker::Finished { .. }
                | FromWorker::Failed { .. }
                | FromWorker::Retracted(_)
                | FromWorker::Kept(_) => Some(report.clone()),
                _ => None,
            };
            let twice: Vec<FromWorker> = reports.iter().filter_map(again).collect();
            let late = Duration::from_millis(self.dice.between(0, 3000));
            self.clock.after(late, Happening::ToScheduler(id, twice));
        }
        let at = self.network.message(now, id.0, SCHEDULER);
        self.clock.at(at, Happening::ToScheduler(id, reports));
    }

    fn ran(&mut self, id: WorkerId, task: TaskRef, value: Option<u64>, nbytes: u64, time: Duration) {
        let result = match value {
            Some(value) => {
                if self.hosts[id.idx()].alive {
                    let host = &mut self.hosts[id.idx()];
                    let before = host.in_memory;
                    host.keep(task, value, nbytes);
                    self.in_memory = self.in_memory - before + host.in_memory;
                }
                Ok(nbytes)
            }
            None => Err(Failure::Error { chain: vec![FAILS.to_owned()] }),
        };
        let nanos = time.as_nanos() as u64;
        self.host_event(id, worker::Event::Ran { task, result, nanos });
    }
}

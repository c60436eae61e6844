//! Coordination simulated: clients that want the same leases, put items into a queue and take them out, and that hang,
//! die and are withdrawn while they do. Messages take their time, in order for each client and direction.
//!
//! Checked at every step: no more live holders than there are leases; no item is handed out that nobody put in, none
//! twice, and those of one producer in its order. In the end every producer is through, every item is out, and the
//! scheduler remembers nobody.
//!
//! ```
//! use dask_dist::sim::rivals::{RivalSettings, compete};
//! let outcome = compete(&RivalSettings::default(), 1).map_err(|broken| broken.to_string())?;
//! assert_eq!(outcome.n_items, 60);
//! # Ok::<(), String>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Broken;
use super::clock::Clock;
use super::dice::Dice;
use crate::protocol::{
    Ask, ClientId, FromClient, FutureId, Given, Item, Packed, ToClient, Told, WorkerHello, WorkerId,
};
use crate::scheduler::{Action, Event, Machine, Settings};

const TICK: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_secs(3);
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Who competes for what.
#[derive(Clone, Debug)]
pub struct RivalSettings {
    /// Clients that put items in.
    pub n_producers: u32,
    /// Clients that take items out.
    pub n_consumers: u32,
    /// Items that each producer puts in.
    pub n_rounds: u32,
    /// Leases at a time.
    pub n_leases: u32,
    /// Items in the queue at a time.
    pub queue_max: u32,
    /// Clients that die; others come in their place.
    pub n_deaths: u32,
    /// Clients that hang for a while, some so long that they are given up.
    pub n_hangs: u32,
    /// Workers that die; tasks of theirs hold leases.
    pub n_workers_lost: u32,
}

impl Default for RivalSettings {
    fn default() -> Self {
        Self {
            n_producers: 6,
            n_consumers: 3,
            n_rounds: 10,
            n_leases: 2,
            queue_max: 3,
            n_deaths: 0,
            n_hangs: 0,
            n_workers_lost: 0,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Competition {
    /// Leases that were held.
    pub n_holds: u64,
    /// Items that were handed out.
    pub n_items: u64,
    /// Leases that were withdrawn from those who hung, or whose worker died.
    pub n_expired: u64,
    /// How long it took.
    pub took: Duration,
}

/// What a rival waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Go,
    Lease(u64),
    Holds { lease: u64, expired: bool },
    Released,
    Queue,
    Through,
}

struct Rival {
    id: ClientId,
    stage: Stage,
    /// Whose items it puts in; none if it takes.
    produces: Option<u32>,
    round: u32,
    /// On which worker its task runs.
    worker: Option<usize>,
    alive: bool,
    frozen_until: Duration,
    sent_at: Duration,
    /// It was silent for so long since it asked for a lease that the lease may have been given and taken again.
    was_silent: bool,
    n_requests: u64,
    /// When its last message arrives there, and here.
    arrives: [Duration; 2],
}

#[derive(Debug)]
enum Happening {
    ToScheduler(usize, FromClient),
    ToRival(usize, ToClient),
    HoldEnds(usize),
    Heartbeat(usize),
    GiveUp(usize, u64),
    LostClient(ClientId),
    /// Somebody comes in the place of one that died, when all that one had said has arrived.
    Enter(Option<u32>, u32),
    Tick,
    Go,
    Die,
    Hang,
    LoseWorker,
}

struct Competing<'a> {
    settings: &'a RivalSettings,
    lease_timeout: Duration,
    clock: Clock<Happening>,
    dice: Dice,
    machine: Machine,
    rivals: Vec<Rival>,
    workers: Vec<(WorkerId, String, bool)>,
    /// How often each item was put in, and how far each producer's have come out.
    put: BTreeMap<(u32, u32), u32>,
    out: BTreeMap<u32, u32>,
    n_out: BTreeMap<(u32, u32), u32>,
    outcome: Competition,
    broken: Option<String>,
}

/// Runs it; the seed decides everything that the settings do not.
///
/// # Errors
/// What should not have happened, and when.
pub fn compete(settings: &RivalSettings, seed: u64) -> Result<Competition, Box<Broken>> {
    let of_scheduler = Settings { validate: true, ..Settings::default() };
    let mut run = Competing {
        settings,
        lease_timeout: of_scheduler.lease_timeout,
        clock: Clock::default(),
        dice: Dice::new(seed, 11),
        machine: Machine::new(of_scheduler, seed),
        rivals: Vec::new(),
        workers: Vec::new(),
        put: BTreeMap::new(),
        out: BTreeMap::new(),
        n_out: BTreeMap::new(),
        outcome: Competition { n_holds: 0, n_items: 0, n_expired: 0, took: Duration::ZERO },
        broken: None,
    };
    run.start();
    let why = loop {
        if let Some(why) = run.broken.take() {
            break why;
        }
        if run.is_through() {
            match run.end() {
                Ok(outcome) => return Ok(outcome),
                Err(why) => break why,
            }
        }
        let Some(what) = run.clock.next() else { break "nothing happens any more".to_owned() };
        if PATIENCE < run.clock.now() {
            let stages: Vec<Stage> = run.rivals.iter().filter(|rival| rival.alive).map(|rival| rival.stage).collect();
            break format!("somebody waits for ever: {stages:?}");
        }
        run.happen(what);
    };
    Err(Box::new(Broken { seed, at: run.clock.now(), why }))
}

impl Competing<'_> {
    fn start(&mut self) {
        for i in 0..=self.settings.n_workers_lost as usize {
            let address = format!("sim://{i}");
            let hello = WorkerHello { n_threads: 1, address: address.clone(), ..WorkerHello::default() };
            self.workers.push((self.machine.add_worker(Duration::ZERO, hello), address, true));
        }
        for producer in 0..self.settings.n_producers {
            self.enter(Some(producer), 0);
        }
        for _ in 0..self.settings.n_consumers {
            self.enter(None, 0);
        }
        self.clock.after(TICK, Happening::Tick);
        self.clock.after(Duration::from_secs(1), Happening::Go);
        let settings = self.settings;
        for (n, fault) in [
            (settings.n_deaths, (|| Happening::Die) as fn() -> Happening),
            (settings.n_hangs, || Happening::Hang),
            (settings.n_workers_lost, || Happening::LoseWorker),
        ] {
            for _ in 0..n {
                let at = Duration::from_millis(self.dice.between(500, 30_000));
                self.clock.at(at, fault());
            }
        }
    }

    fn enter(&mut self, produces: Option<u32>, round: u32) {
        let now = self.clock.now();
        let id = self.machine.add_client(now);
        let at = self.rivals.len();
        let worker = self.dice.one_in(2).then(|| self.dice.below(self.workers.len() as u64) as usize);
        self.rivals.push(Rival {
            id,
            stage: Stage::Go,
            produces,
            round,
            worker: worker.filter(|&worker| self.workers[worker].2),
            alive: true,
            frozen_until: now,
            sent_at: now,
            was_silent: false,
            n_requests: 0,
            arrives: [now; 2],
        });
        self.ask(at, Ask::Await { name: "go".to_owned() });
        self.clock.after(HEARTBEAT, Happening::Heartbeat(at));
    }

    fn delay(&mut self) -> Duration {
        let most = if self.dice.one_in(20) { 500_000 } else { 5_000 };
        Duration::from_micros(self.dice.between(100, most))
    }

    fn say(&mut self, at: usize, message: FromClient) {
        let (now, delay) = (self.clock.now(), self.delay());
        let rival = &mut self.rivals[at];
        rival.was_silent |= rival.sent_at + self.lease_timeout < now;
        rival.sent_at = now;
        rival.arrives[0] = rival.arrives[0].max(now + delay);
        self.clock.at(rival.arrives[0], Happening::ToScheduler(at, message));
    }

    fn ask(&mut self, at: usize, ask: Ask<Item>) -> u64 {
        let rival = &mut self.rivals[at];
        rival.n_requests += 1;
        let request = rival.n_requests;
        self.say(at, FromClient::Coordinate { request, ask });
        request
    }

    fn acquire(&mut self, at: usize) {
        let worker = self.rivals[at].worker.filter(|&worker| self.workers[worker].2);
        let ask = Ask::Acquire {
            name: "room".to_owned(),
            max: self.settings.n_leases,
            worker: worker.map(|worker| self.workers[worker].1.clone()),
            wait: !self.dice.one_in(5),
        };
        let request = self.ask(at, ask);
        let rival = &mut self.rivals[at];
        (rival.stage, rival.worker, rival.was_silent) = (Stage::Lease(request), worker, false);
        if self.dice.one_in(5) {
            let patience = Duration::from_millis(self.dice.between(1, 200));
            self.clock.after(patience, Happening::GiveUp(at, request));
        }
    }

    fn happen(&mut self, what: Happening) {
        let now = self.clock.now();
        // Who hangs does nothing until it goes on.
        if let Happening::ToRival(at, _)
        | Happening::HoldEnds(at)
        | Happening::Heartbeat(at)
        | Happening::GiveUp(at, _) = &what
        {
            let rival = &self.rivals[*at];
            if !rival.alive {
                return;
            }
            if now < rival.frozen_until {
                return self.clock.at(rival.frozen_until, what);
            }
        }
        match what {
            Happening::ToScheduler(at, message) => {
                let id = self.rivals[at].id;
                self.event(Event::Client(id, message));
            }
            Happening::ToRival(at, message) => self.hear(at, message),
            Happening::HoldEnds(at) => {
                if let Stage::Holds { lease, .. } = self.rivals[at].stage {
                    self.ask(at, Ask::Release { lease });
                    self.rivals[at].stage = Stage::Released;
                }
            }
            Happening::Heartbeat(at) => {
                self.say(at, FromClient::Heartbeat);
                self.clock.after(HEARTBEAT, Happening::Heartbeat(at));
            }
            Happening::GiveUp(at, request) => {
                if self.rivals[at].stage == Stage::Lease(request) {
                    self.ask(at, Ask::Withdraw { of: request });
                }
            }
            Happening::Enter(produces, round) => self.enter(produces, round),
            Happening::LostClient(id) => self.event(Event::ClientLost(id)),
            Happening::Tick => {
                let present: Vec<WorkerId> = self.workers.iter().filter(|known| known.2).map(|known| known.0).collect();
                for worker in present {
                    self.event(Event::Worker(worker, crate::protocol::FromWorker::Heartbeat(Default::default())));
                }
                self.event(Event::Tick);
                self.clock.after(TICK, Happening::Tick);
            }
            Happening::Go => drop(self.ask(0, Ask::Set { name: "go".to_owned(), set: true })),
            Happening::Die => {
                if let Some(at) = self.pick() {
                    let delay = self.delay();
                    self.clock.after(delay, Happening::LostClient(self.rivals[at].id));
                    self.replace(at);
                }
            }
            Happening::Hang => {
                if let Some(at) = self.pick() {
                    let long = Duration::from_millis(self.dice.between(1_000, 100_000));
                    let rival = &mut self.rivals[at];
                    rival.frozen_until = rival.frozen_until.max(now + long);
                }
            }
            Happening::LoseWorker => {
                // One always stays.
                if let Some(known) = self.workers.iter_mut().skip(1).find(|known| known.2) {
                    known.2 = false;
                    let lost = known.0;
                    self.event(Event::WorkerLost(lost, "signal 9".to_owned()));
                }
            }
        }
        self.check_holders();
    }

    /// A live rival that is not through; never the first, who says go.
    fn pick(&mut self) -> Option<usize> {
        let n = self.rivals.len();
        let from = self.dice.below(n as u64) as usize;
        (0..n)
            .map(|i| (from + i) % n)
            .find(|&at| at != 0 && self.rivals[at].alive && self.rivals[at].stage != Stage::Through)
    }

    /// Another one goes on where this one was.
    fn replace(&mut self, at: usize) {
        let rival = &mut self.rivals[at];
        if std::mem::replace(&mut rival.alive, false) {
            let (produces, round) = (rival.produces, rival.round);
            if rival.stage != Stage::Through {
                self.clock.after(Duration::from_secs(2), Happening::Enter(produces, round));
            }
        }
    }

    fn event(&mut self, event: Event) {
        let now = self.clock.now();
        self.machine.handle(now, event);
        let mut actions = Vec::new();
        self.machine.flush(&mut actions);
        for action in actions {
            match action {
                Action::Client(id, batch) => {
                    let Some(at) = self.rivals.iter().position(|rival| rival.id == id) else { continue };
                    for message in batch.messages {
                        self.note(&message);
                        let delay = self.delay();
                        let rival = &mut self.rivals[at];
                        rival.arrives[1] = rival.arrives[1].max(now + delay);
                        self.clock.at(rival.arrives[1], Happening::ToRival(at, message));
                    }
                }
                Action::CutClient(id) => {
                    if let Some(at) = self.rivals.iter().position(|rival| rival.id == id) {
                        self.replace(at);
                    }
                }
                _ => {}
            }
        }
    }

    /// What the scheduler hands out.
    fn note(&mut self, message: &ToClient) {
        let ToClient::Coordinated { told: Told::Item { item: Given::Value(packed), .. }, .. } = message else { return };
        let Some((producer, round)) = unpack(packed) else {
            self.broken = Some("an item came out that nobody put in".to_owned());
            return;
        };
        self.outcome.n_items += 1;
        let n_out = self.n_out.entry((producer, round)).or_default();
        *n_out += 1;
        if self.put.get(&(producer, round)).copied().unwrap_or(0) < *n_out {
            self.broken = Some(format!("item {round} of producer {producer} came out more often than it was put in"));
        }
        let last = self.out.entry(producer).or_default();
        if round < *last {
            self.broken = Some(format!("item {round} of producer {producer} came out after item {last}"));
        }
        *last = round;
    }

    fn hear(&mut self, at: usize, message: ToClient) {
        let ToClient::Coordinated { request, told } = message else { return };
        match (self.rivals[at].stage, told) {
            (Stage::Go, Told::Ok) => self.acquire(at),
            (Stage::Lease(asked), Told::Lease(lease)) if asked == request => {
                self.outcome.n_holds += 1;
                let expired = self.rivals[at].was_silent;
                self.outcome.n_expired += u64::from(expired);
                self.rivals[at].stage = Stage::Holds { lease, expired };
                let long = Duration::from_millis(self.dice.between(1, 300));
                self.clock.after(long, Happening::HoldEnds(at));
            }
            (Stage::Lease(asked), Told::Nothing | Told::Refused(_)) if asked == request => self.acquire(at),
            // Whether it had expired or not.
            (Stage::Released, Told::Ok | Told::Refused(_)) if request == self.rivals[at].n_requests => {
                self.use_queue(at);
            }
            (Stage::Queue, Told::Ok | Told::Item { .. }) if request == self.rivals[at].n_requests => {
                let rival = &mut self.rivals[at];
                rival.round += 1;
                if rival.produces.is_some() && rival.round == self.settings.n_rounds {
                    rival.stage = Stage::Through;
                } else {
                    self.acquire(at);
                }
            }
            (_, Told::Ok | Told::Nothing) => {}
            (stage, told) => self.broken = Some(format!("{told:?} was said to one who was at {stage:?}")),
        }
    }

    fn use_queue(&mut self, at: usize) {
        let name = "items".to_owned();
        let ask = match self.rivals[at].produces {
            Some(producer) => {
                let round = self.rivals[at].round;
                *self.put.entry((producer, round)).or_default() += 1;
                Ask::Put { name, max: Some(self.settings.queue_max), item: Item::Value(pack(producer, round)) }
            }
            None => Ask::Take { name, future: FutureId(0), wait: true },
        };
        self.ask(at, ask);
        self.rivals[at].stage = Stage::Queue;
    }

    /// No more hold a lease than there are; those not counted whose lease may have been taken from them.
    fn check_holders(&mut self) {
        let now = self.clock.now();
        let mut n = 0;
        for rival in self.rivals.iter_mut().filter(|rival| rival.alive) {
            let Stage::Holds { expired, .. } = &mut rival.stage else { continue };
            let worker_is_gone = rival.worker.is_some_and(|worker| !self.workers[worker].2);
            if !*expired && (worker_is_gone || rival.sent_at + self.lease_timeout < now) {
                *expired = true;
                self.outcome.n_expired += 1;
            }
            n += u32::from(!*expired);
        }
        if self.settings.n_leases < n {
            self.broken = Some(format!("{n} hold one of {} leases", self.settings.n_leases));
        }
    }

    fn is_through(&self) -> bool {
        let through: BTreeSet<u32> = self
            .rivals
            .iter()
            .filter(|rival| rival.stage == Stage::Through)
            .filter_map(|rival| rival.produces)
            .collect();
        through.len() == self.settings.n_producers as usize && self.put.keys().all(|item| self.n_out.contains_key(item))
    }

    /// All go: nothing is remembered.
    fn end(&mut self) -> Result<Competition, String> {
        self.outcome.took = self.clock.now();
        for at in 0..self.rivals.len() {
            let id = self.rivals[at].id;
            self.event(Event::ClientLost(id));
        }
        match self.machine.n_coordinating() {
            0 => Ok(self.outcome),
            n => Err(format!("all have gone, and {n} hold or wait for something")),
        }
    }
}

fn pack(producer: u32, round: u32) -> Packed {
    let bytes = producer.to_le_bytes().into_iter().chain(round.to_le_bytes()).collect();
    Packed { type_name: "item".to_owned(), bytes, buffers: Vec::new() }
}

fn unpack(packed: &Packed) -> Option<(u32, u32)> {
    let (producer, round) = packed.bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*producer), u32::from_le_bytes(round.try_into().ok()?)))
}

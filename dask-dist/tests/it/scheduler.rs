//! The scheduler's machine against workers that are a loop in this file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dask_core::layer::{LayerRef, Materialized, SELF, encode_layers};
use dask_core::wire::{Encoder, Parcel};
use dask_core::{LayerGraph, Name, TaskFn, Value};
use dask_dist::protocol::*;
use dask_dist::scheduler::journal::{Identity, Record};
use dask_dist::scheduler::{Action, Event, Machine, Settings};
use proptest::prelude::*;

mod demands;
mod hostile;
mod last_use;
mod leaving;
mod retract;
mod spread;

fn settings() -> Settings {
    Settings { validate: true, ..Settings::default() }
}

/// A layer of tasks that depend on each other as listed, and what a client sends for it.
fn submission(name: &str, dependencies: &[Vec<u32>], outputs: &[u32], first_future: u64) -> (Box<Submit>, Vec<Value>) {
    let function: Arc<dyn TaskFn> = Arc::new(dask_core::Constant(Value::new(0i64)));
    let mut layer = Materialized::uniform(Name::new(name), &[dependencies.len() as u32], Vec::new(), function);
    for edges in dependencies {
        layer.push_uniform(&edges.iter().map(|&d| (SELF, d)).collect::<Vec<_>>());
    }
    submit_layers(&[LayerRef::new(layer, Vec::new())], outputs, first_future)
}

/// Tasks without inputs, all of them wanted.
fn sources(name: &str, n: usize, first_future: u64) -> (Box<Submit>, Vec<Value>) {
    submission(name, &vec![Vec::new(); n], &(0..n as u32).collect::<Vec<_>>(), first_future)
}

fn submit_layers(layers: &[LayerRef], outputs: &[u32], first_future: u64) -> (Box<Submit>, Vec<Value>) {
    let graph = LayerGraph::new(layers).unwrap();
    let mut out = Encoder::new();
    let mut functions = Vec::new();
    encode_layers(&graph, &mut out, |_, _| {
        functions.push(Value::encoded(Parcel::from_parts("function", vec![1], Vec::new())));
        Ok(functions.len() as u32 - 1)
    })
    .unwrap();
    let last = graph.layers().len() as u32 - 1;
    let submit = Submit {
        layers: out.finish("").bytes().to_vec(),
        n_functions: functions.len() as u32,
        outputs: outputs.iter().map(|&task| Outputs::Task(last, task)).collect(),
        first_future: FutureId(first_future),
        priority: 0,
        retries: 0,
        restrictions: Restrictions::default(),
        actor: false,
    };
    (Box::new(submit), functions)
}

/// Workers that hold what they are told to hold, and a client that writes down what it hears.
#[derive(Default)]
struct World {
    records: Vec<Record>,
    workers: BTreeMap<WorkerId, FakeWorker>,
    heard: Vec<ToClient>,
    warned: Vec<String>,
}

#[derive(Default)]
struct FakeWorker {
    to_run: Vec<ComputeTask>,
    /// Copies that it is to get.
    to_get: Vec<Dependency>,
    /// Attempts that it was asked to give back.
    asked_back: Vec<(TaskRef, RunId)>,
    /// It was told that it may go.
    may_go: bool,
    holds: BTreeSet<TaskRef>,
    /// Values that it held and was told to drop.
    n_freed: usize,
    functions: BTreeSet<FunctionId>,
}

impl FakeWorker {
    fn keep(&mut self, value: TaskRef) {
        for task in &mut self.to_run {
            for (i, _) in task.dependencies.iter().enumerate().take(64).filter(|(_, d)| d.task == value) {
                task.last_use &= !(1 << i);
            }
        }
    }

    /// A task has run: what only it needed goes, as bits.
    fn drop_last_used(&mut self, task: &ComputeTask) -> u64 {
        let mut dropped = 0;
        for (i, dependency) in
            task.dependencies.iter().enumerate().take(64).filter(|(i, _)| task.last_use & 1 << i != 0)
        {
            dropped |= u64::from(self.holds.remove(&dependency.task)) << i;
        }
        dropped
    }
}

struct Cluster {
    machine: Machine,
    world: World,
    client: ClientId,
    now: Duration,
}

impl Cluster {
    fn new(n_workers: u32, n_threads: u32) -> Self {
        let mut machine = Machine::new(settings(), 7);
        machine.record();
        let client = machine.add_client(Duration::ZERO);
        let mut cluster = Self { machine, world: World::default(), client, now: Duration::ZERO };
        for _ in 0..n_workers {
            cluster.add_worker(n_threads);
        }
        cluster
    }

    fn add_worker(&mut self, n_threads: u32) -> WorkerId {
        let address = format!("sim://{}", self.world.workers.len());
        self.add(WorkerHello { n_threads, address, ..WorkerHello::default() })
    }

    fn add(&mut self, hello: WorkerHello) -> WorkerId {
        let id = self.machine.add_worker(self.now, hello);
        self.world.workers.insert(id, FakeWorker::default());
        self.flush();
        id
    }

    fn say(&mut self, message: FromClient) {
        self.event(Event::Client(self.client, message));
    }

    fn submit(&mut self, (submit, functions): (Box<Submit>, Vec<Value>)) {
        self.event(Event::Submit { client: self.client, submit, functions });
    }

    fn event(&mut self, event: Event) {
        self.now += Duration::from_micros(10);
        self.machine.handle(self.now, event);
        self.flush();
    }

    fn flush(&mut self) {
        let mut actions = Vec::new();
        self.machine.flush(&mut actions);
        for action in actions {
            match action {
                Action::Client(_, batch) => self.world.heard.extend(batch.messages),
                Action::Warn(text) => self.world.warned.push(text),
                Action::Record(record) => self.world.records.push(record),
                Action::Cut(_) | Action::CutClient(_) => {}
                Action::Worker(id, batch) => {
                    for message in batch.messages {
                        self.tell(id, message);
                    }
                }
            }
        }
    }

    fn tell(&mut self, id: WorkerId, message: ToWorker) {
        let Some(worker) = self.world.workers.get_mut(&id) else { panic!("{id:?} is gone, but is told {message:?}") };
        match message {
            ToWorker::Functions(ids) => worker.functions.extend(ids.into_iter().map(|(id, _)| id)),
            ToWorker::DropFunctions(ids) => ids.iter().for_each(|id| assert!(worker.functions.remove(id))),
            ToWorker::Compute(tasks) => {
                tasks.iter().for_each(|task| assert!(worker.functions.contains(&task.function), "{task:?}"));
                worker.to_run.extend(tasks);
            }
            ToWorker::Keep(tasks) => tasks.iter().for_each(|task| worker.keep(*task)),
            ToWorker::Free(tasks) => tasks.iter().for_each(|task| {
                worker.n_freed += usize::from(worker.holds.remove(task));
                worker.to_run.retain(|t| t.task != *task);
                worker.to_get.retain(|d| d.task != *task);
            }),
            ToWorker::Acquire(copies) => worker.to_get.extend(copies),
            ToWorker::Retract(attempts) => worker.asked_back.extend(attempts),
            ToWorker::Close { .. } => worker.may_go = true,
            _ => {}
        }
    }

    /// Every worker gets one of the copies that it is to get, or finds that nobody has it; those that may go, go. False
    /// if there is nothing to do.
    fn get_copies(&mut self) -> bool {
        let mut any = false;
        for id in self.world.workers.keys().copied().collect::<Vec<_>>() {
            let worker = self.world.workers.get_mut(&id).unwrap();
            if worker.may_go {
                self.kill(id);
                any = true;
            } else if let Some(copy) = worker.to_get.pop() {
                any = true;
                let task = copy.task;
                if copy.holders.iter().any(|h| self.world.workers.get(h).is_some_and(|w| w.holds.contains(&task))) {
                    self.world.workers.get_mut(&id).unwrap().holds.insert(task);
                    self.event(Event::Worker(id, FromWorker::Added(vec![(task, copy.nbytes)])));
                } else {
                    let at = copy.holders.to_vec();
                    self.event(Event::Worker(id, FromWorker::Missing { task, at, dependents: Vec::new() }));
                }
            }
        }
        any
    }

    /// One worker runs one task, or finds that an input is not where it should be. False if there is nothing to do.
    fn step(&mut self, pick: usize, fails: bool) -> bool {
        let busy: Vec<WorkerId> =
            self.world.workers.iter().filter(|(_, w)| !w.to_run.is_empty()).map(|(&id, _)| id).collect();
        if busy.is_empty() {
            return false;
        }
        let id = busy[pick % busy.len()];
        let worker = self.world.workers.get_mut(&id).unwrap();
        let mut at = (pick / 7) % worker.to_run.len();
        // What was given ahead comes after what it waits for.
        let waits_for = |worker: &FakeWorker, at: usize| {
            let made_here = |d: &&Dependency| d.holders.is_empty() && !worker.holds.contains(&d.task);
            worker.to_run[at].dependencies.iter().find(made_here).map(|d| d.task)
        };
        while let Some(first) = waits_for(worker, at) {
            if let Some(before) = worker.to_run.iter().position(|t| t.task == first) {
                at = before;
                continue;
            }
            let task = worker.to_run.remove(at);
            self.event(Event::Worker(id, FromWorker::Retracted(vec![(task.task, task.run)])));
            return true;
        }
        let task = worker.to_run.remove(at);
        let mut fetched = Vec::new();
        for dependency in &task.dependencies {
            if self.world.workers[&id].holds.contains(&dependency.task) {
                continue;
            }
            let has = |h: &WorkerId| self.world.workers.get(h).is_some_and(|w| w.holds.contains(&dependency.task));
            if !dependency.holders.iter().any(has) {
                let at = dependency.holders.to_vec();
                let dependents = vec![(task.task, task.run)];
                self.event(Event::Worker(id, FromWorker::Missing { task: dependency.task, at, dependents }));
                return true;
            }
            fetched.push((dependency.task, dependency.nbytes));
        }
        let worker = self.world.workers.get_mut(&id).unwrap();
        worker.holds.extend(fetched.iter().map(|(task, _)| *task));
        if !fetched.is_empty() {
            self.event(Event::Worker(id, FromWorker::Added(fetched)));
        }
        let (given, task, run) = (&task, task.task, task.run);
        if fails {
            let failure = Failure::Error { chain: vec!["no".to_owned()] };
            self.event(Event::Worker(id, FromWorker::Failed { task, run, failure }));
        } else {
            let worker = self.world.workers.get_mut(&id).unwrap();
            worker.holds.insert(task);
            let dropped = worker.drop_last_used(given);
            self.event(Event::Worker(id, FromWorker::Finished { task, run, nbytes: 8, nanos: 1000, dropped }));
        }
        true
    }

    /// A worker gives a task back.
    fn give_back(&mut self, pick: usize) {
        let busy = self.world.workers.iter_mut().filter(|(_, w)| !w.to_run.is_empty());
        let Some((&id, worker)) = busy.last() else { return };
        let task = worker.to_run.remove(pick % worker.to_run.len());
        self.event(Event::Worker(id, FromWorker::Retracted(vec![(task.task, task.run)])));
    }

    fn kill(&mut self, id: WorkerId) {
        self.world.workers.remove(&id);
        self.event(Event::WorkerLost(id, "signal 9".to_owned()));
    }

    fn run(&mut self) {
        for pick in 0.. {
            if !self.step(pick, false) && !self.get_copies() {
                break;
            }
        }
    }

    /// Requests that were answered.
    fn answered(&self) -> BTreeSet<u64> {
        let request = |message: &ToClient| match message {
            ToClient::Ok { request } | ToClient::Refused { request, .. } => Some(*request),
            _ => None,
        };
        self.world.heard.iter().filter_map(request).collect()
    }

    fn done(&self) -> BTreeSet<u64> {
        self.world
            .heard
            .iter()
            .filter_map(|m| if let ToClient::Done { future, .. } = m { Some(future.0) } else { None })
            .collect()
    }

    fn is_empty(&self) -> bool {
        self.machine.n_tasks() == 0
    }
}

#[test]
fn a_chain_runs_and_only_its_end_is_kept() {
    let mut cluster = Cluster::new(2, 1);
    cluster.submit(submission("chain", &[vec![], vec![0], vec![1], vec![2]], &[3], 5));
    cluster.run();
    assert_eq!(cluster.done(), BTreeSet::from([5]));
    let held: usize = cluster.world.workers.values().map(|w| w.holds.len()).sum();
    assert_eq!(held, 1);
    cluster.say(FromClient::Release(vec![FutureId(5)]));
    assert!(cluster.is_empty());
    assert!(cluster.world.workers.values().all(|w| w.holds.is_empty() && w.functions.is_empty()));
}

#[test]
fn a_chain_is_sent_ahead_and_recalled_when_its_head_fails() {
    let mut cluster = Cluster::new(2, 1);
    let (mut submit, functions) = submission("chain", &[vec![], vec![0], vec![1], vec![2]], &[3], 5);
    submit.retries = 1;
    cluster.submit((submit, functions));
    let given: Vec<usize> = cluster.world.workers.values().map(|w| w.to_run.len()).collect();
    assert!(given == [4, 0] || given == [0, 4], "all of it, to one worker: {given:?}");
    assert!(cluster.step(0, true));
    let again: Vec<u32> = cluster.world.workers.values().flat_map(|w| &w.to_run).map(|t| t.run.0).collect();
    assert_eq!(again, [2, 2, 2, 2], "all of it, once, anew");
    cluster.run();
    assert_eq!(cluster.done(), BTreeSet::from([5]));
}

#[test]
fn what_only_a_dead_worker_held_is_made_again_and_nothing_else() {
    let mut cluster = Cluster::new(2, 1);
    cluster.submit(submission("pair", &[vec![], vec![]], &[0, 1], 0));
    cluster.run();
    let victim = *cluster.world.workers.iter().find(|(_, w)| w.holds.len() == 1).unwrap().0;
    cluster.kill(victim);
    let to_run: usize = cluster.world.workers.values().map(|w| w.to_run.len()).sum();
    assert_eq!(to_run, 1, "one value was lost");
    assert!(cluster.world.heard.iter().any(|m| matches!(m, ToClient::Lost { .. })));
    cluster.run();
    assert_eq!(cluster.machine.held().0, 2);
}

#[test]
fn a_failure_is_told_with_the_task_to_blame() {
    let mut cluster = Cluster::new(1, 1);
    cluster.submit(submission("chain", &[vec![], vec![0], vec![1]], &[2], 0));
    assert!(cluster.step(0, true));
    let failed = cluster.world.heard.iter().find_map(|m| {
        if let ToClient::Failed { key, failure, .. } = m { Some((key.to_string(), failure.to_string())) } else { None }
    });
    assert_eq!(failed, Some(("('chain', 0)".to_owned(), "no".to_owned())));
    cluster.say(FromClient::Retry(vec![FutureId(0)]));
    cluster.run();
    assert_eq!(cluster.done(), BTreeSet::from([0]));
}

#[test]
fn a_task_under_which_workers_die_is_given_up_and_says_how_they_died() {
    let mut cluster = Cluster::new(5, 1);
    cluster.submit(submission("killer", &[vec![]], &[0], 0));
    for _ in 0..4 {
        let victim = *cluster.world.workers.iter().find(|(_, w)| !w.to_run.is_empty()).unwrap().0;
        cluster.kill(victim);
    }
    let Some(ToClient::Failed { failure: Failure::KilledWorker { deaths }, .. }) = cluster.world.heard.last() else {
        panic!("{:?}", cluster.world.heard)
    };
    assert_eq!(deaths.len(), 4);
    assert!(deaths[0].contains("signal 9"), "{deaths:?}");
}

/// Workers called special, of one thread, come and die, one after the other, for as long as they have the first task.
fn die_of_the_first(n: usize, restrictions: &Restrictions) -> Cluster {
    let mut cluster = Cluster::new(0, 0);
    let (mut submit, functions) = sources("task", n, 0);
    submit.restrictions = restrictions.clone();
    cluster.submit((submit, functions));
    for life in 0..40 {
        let id = cluster.add(WorkerHello { n_threads: 1, address: format!("sim://{life}"), ..special() });
        loop {
            let to_run = &cluster.world.workers[&id].to_run;
            if to_run.is_empty() || to_run.iter().any(|task| task.index.first() == Some(&0)) {
                break;
            }
            assert!(cluster.step(0, false));
        }
        if cluster.world.workers[&id].to_run.is_empty() {
            return cluster;
        }
        cluster.kill(id);
    }
    panic!("the killer was never found out")
}

#[test]
fn who_was_only_behind_a_killer_is_not_given_up_with_it() {
    for (restrictions, n) in [(restrictions(0), 2), (restrictions(0), 9), (restrictions(3), 2), (restrictions(3), 9)] {
        let cluster = die_of_the_first(n, &restrictions);
        let failed: Vec<String> = cluster
            .world
            .heard
            .iter()
            .filter_map(|m| match m {
                ToClient::Failed { key, failure: Failure::KilledWorker { deaths }, .. } => {
                    assert_eq!(deaths.len(), 4);
                    Some(key.to_string())
                }
                _ => None,
            })
            .collect();
        assert_eq!(failed, ["('task', 0)"]);
        assert_eq!(cluster.done().len(), n - 1);
    }
}

#[test]
fn how_far_futures_are_is_counted_in_steps() {
    let n = 45_000;
    // Looking at every invariant after every event would take this many tasks squared.
    let mut cluster = Cluster::new(0, 0);
    cluster.machine = Machine::new(Settings { validate: false, ..Settings::default() }, 7);
    cluster.client = cluster.machine.add_client(Duration::ZERO);
    for _ in 0..2 {
        cluster.add_worker(2);
    }
    let mut edges = vec![vec![]; n];
    edges.push((0..n as u32).collect());
    cluster.submit(submission("merge", &edges, &[n as u32], 0));
    cluster.submit(submission("other", &[vec![]], &[0], 1));
    let progress = |cluster: &mut Cluster| {
        let mut futures = vec![FutureId(0)];
        for steps in 1.. {
            cluster.say(FromClient::Progress { request: 7, futures: std::mem::take(&mut futures) });
            let Some(ToClient::Progress { ended, failed, all, more, .. }) = cluster.world.heard.last() else {
                panic!()
            };
            if !more {
                return (steps, *ended, *failed, *all);
            }
        }
        unreachable!("it ends")
    };
    let all = n as u64 + 1;
    assert_eq!(progress(&mut cluster), (3, 0, 0, all), "each task once, and none of the other submission");
    cluster.run();
    assert_eq!(progress(&mut cluster), (3, all, 0, all));
    cluster.say(FromClient::Release(vec![FutureId(0)]));
    assert_eq!(progress(&mut cluster), (1, 0, 0, 0));
}

#[test]
fn a_wide_graph_waits_at_the_scheduler() {
    let mut cluster = Cluster::new(2, 2);
    cluster.submit(submission("wide", &vec![vec![]; 100], &[0, 1, 2], 0));
    cluster.submit(submission("wider", &vec![vec![]; 100], &(0..100).collect::<Vec<_>>(), 10));
    let given: Vec<usize> = cluster.world.workers.values().map(|w| w.to_run.len()).collect();
    assert!(given.iter().all(|&n| n <= 3), "1.1 times two threads, rounded up: {given:?}");
}

#[test]
fn malformed_layers_are_refused() {
    let mut cluster = Cluster::new(1, 1);
    let (mut submit, functions) = submission("chain", &[vec![], vec![0]], &[1], 0);
    for at in 0..submit.layers.len() {
        submit.layers[at] ^= 0x55;
        cluster.submit((submit.clone(), functions.clone()));
        submit.layers[at] ^= 0x55;
    }
    submit.layers.truncate(3);
    cluster.submit((submit, functions));
    assert!(matches!(cluster.world.heard.last(), Some(ToClient::SubmitRefused { .. })));
}

fn arbitrary_graph() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..40).prop_map(|tasks| {
        let edges = |(at, picks): (usize, Vec<prop::sample::Index>)| {
            if at == 0 { Vec::new() } else { picks.into_iter().map(|pick| pick.index(at) as u32).collect() }
        };
        tasks.into_iter().enumerate().map(edges).collect()
    })
}

#[derive(Debug, Clone)]
enum Happening {
    Step(usize),
    Fail(usize),
    GiveBack(usize),
    Kill(usize),
    Join(bool),
    Release(usize),
    Cancel(usize),
    Retry(usize),
    Submit(Vec<Vec<u32>>, usize, usize),
    Pause(usize, bool),
    Leave(usize, bool),
    Replicate(usize, u32),
    Rebalance,
    GetCopies,
    Tick,
}

/// Any worker, one of those called special, two of what few have.
fn restrictions(which: usize) -> Restrictions {
    let (workers, resources) = match which {
        0 => (vec!["special".to_owned()], vec![]),
        1 => (vec![], vec![("R".to_owned(), 2.0)]),
        2 => (vec!["special".to_owned()], vec![("R".to_owned(), 1.0)]),
        _ => (vec![], vec![]),
    };
    Restrictions { workers, allow_other: false, resources }
}

fn special() -> WorkerHello {
    let resources = vec![("R".to_owned(), 3.0)];
    WorkerHello { name: "special".to_owned(), n_threads: 2, resources, ..WorkerHello::default() }
}

fn arbitrary_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => any::<usize>().prop_map(Happening::Step),
        1 => any::<usize>().prop_map(Happening::Fail),
        1 => any::<usize>().prop_map(Happening::GiveBack),
        1 => any::<usize>().prop_map(Happening::Kill),
        1 => any::<bool>().prop_map(Happening::Join),
        1 => any::<usize>().prop_map(Happening::Release),
        1 => any::<usize>().prop_map(Happening::Cancel),
        1 => any::<usize>().prop_map(Happening::Retry),
        1 => (arbitrary_graph(), 0usize..3, 0usize..6).prop_map(|(graph, name, asks)| Happening::Submit(graph, name, asks)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(worker, paused)| Happening::Pause(worker, paused)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(worker, asked)| Happening::Leave(worker, asked)),
        1 => (any::<usize>(), 0u32..4).prop_map(|(future, n)| Happening::Replicate(future, n)),
        1 => Just(Happening::Rebalance),
        3 => Just(Happening::GetCopies),
        1 => Just(Happening::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The invariants hold after every event (the machine checks them), everything wanted is made in the end
    /// unless it failed, and nothing is left when nobody wants anything.
    #[test]
    fn whatever_happens(first in arbitrary_graph(), happenings in prop::collection::vec(arbitrary_happening(), 0..120)) {
        let mut cluster = Cluster::new(3, 2);
        let mut next_future = 0;
        let mut names: BTreeMap<usize, Vec<Vec<u32>>> = BTreeMap::new();
        let submit = |cluster: &mut Cluster, graph: Vec<Vec<u32>>, name: usize, asks: usize, next: &mut u64, names: &mut BTreeMap<usize, Vec<Vec<u32>>>| {
            // One name, one computation: the same graph again shares its tasks.
            let graph = names.entry(name).or_insert(graph).clone();
            let outputs: Vec<u32> = (0..graph.len() as u32).filter(|t| t % 3 == 0 || *t as usize + 1 == graph.len()).collect();
            let (mut submit, functions) = submission(&format!("g{name}"), &graph, &outputs, *next);
            submit.restrictions = restrictions(asks);
            cluster.submit((submit, functions));
            *next += outputs.len() as u64;
        };
        submit(&mut cluster, first, 0, 9, &mut next_future, &mut names);
        let (mut cancelled, mut n_requests) = (false, 0);
        for happening in happenings {
            let ids: Vec<WorkerId> = cluster.world.workers.keys().copied().collect();
            match happening {
                Happening::Step(pick) => { cluster.step(pick, false); }
                Happening::Fail(pick) => { cluster.step(pick, true); cancelled = true; }
                Happening::GiveBack(pick) => cluster.give_back(pick),
                Happening::Kill(pick) => if !ids.is_empty() { cluster.kill(ids[pick % ids.len()]); },
                Happening::Join(true) => { cluster.add(special()); }
                Happening::Join(false) => { cluster.add_worker(2); }
                Happening::Release(pick) => cluster.say(FromClient::Release(vec![FutureId(pick as u64 % next_future)])),
                Happening::Cancel(pick) => { cancelled = true; cluster.say(FromClient::Cancel(vec![FutureId(pick as u64 % next_future)])) }
                Happening::Retry(pick) => cluster.say(FromClient::Retry(vec![FutureId(pick as u64 % next_future)])),
                Happening::Submit(graph, name, asks) => submit(&mut cluster, graph, name, asks, &mut next_future, &mut names),
                Happening::Pause(pick, paused) => if !ids.is_empty() {
                    cluster.event(Event::Worker(ids[pick % ids.len()], FromWorker::Paused(paused)));
                },
                Happening::Leave(pick, true) => if !ids.is_empty() {
                    n_requests += 1;
                    cluster.say(FromClient::Retire { request: n_requests, workers: vec![ids[pick % ids.len()]] });
                },
                Happening::Leave(pick, false) => if !ids.is_empty() {
                    cluster.event(Event::Worker(ids[pick % ids.len()], FromWorker::Leaving));
                },
                Happening::Replicate(pick, n) => {
                    n_requests += 1;
                    let futures = vec![FutureId(pick as u64 % next_future)];
                    cluster.say(FromClient::Replicate { request: n_requests, futures, n });
                }
                Happening::Rebalance => {
                    n_requests += 1;
                    cluster.say(FromClient::Rebalance { request: n_requests });
                }
                Happening::GetCopies => drop(cluster.get_copies()),
                Happening::Tick => cluster.event(Event::Tick),
            }
        }
        cluster.add_worker(4);
        cluster.add(special());
        for id in cluster.world.workers.keys().copied().collect::<Vec<_>>() {
            cluster.event(Event::Worker(id, FromWorker::Paused(false)));
        }
        cluster.run();
        // What was missed at first is seen by the next look.
        cluster.event(Event::Tick);
        cluster.run();
        prop_assert_eq!(cluster.answered(), (1..=n_requests).collect::<BTreeSet<_>>());
        for progress in cluster.machine.progress() {
            prop_assert_eq!(progress.waiting + progress.queued + progress.processing, 0, "{:?}", progress);
            prop_assert!(cancelled || progress.erred == 0 || progress.what.is_empty() || progress.erred < 40);
        }
        cluster.say(FromClient::Release((0..next_future).map(FutureId).collect()));
        prop_assert!(cluster.is_empty());
        prop_assert!(cluster.world.workers.values().all(|w| w.holds.is_empty() && w.functions.is_empty()));
    }
}

/// A worker with values comes; what it is told.
fn comes(machine: &mut Machine, now: Duration, hello: WorkerHello) -> (WorkerId, Vec<ToWorker>) {
    let id = machine.add_worker(now, hello);
    let mut actions = Vec::new();
    machine.flush(&mut actions);
    let told = actions.into_iter().filter_map(|action| match action {
        Action::Worker(to, batch) if to == id => Some(batch.messages),
        _ => None,
    });
    (id, told.flatten().collect())
}

#[test]
fn a_scheduler_that_was_started_again_takes_published_values_from_those_who_bring_them() {
    let mut cluster = Cluster::new(1, 1);
    cluster.submit(submission("pair", &[vec![], vec![], vec![0]], &[0, 1, 2], 0));
    cluster.run();
    let futures = vec![FutureId(0), FutureId(2)];
    cluster.say(FromClient::Publish { request: 1, name: "kept".into(), futures: futures.clone(), about: vec![9] });
    cluster.say(FromClient::Publish { request: 2, name: "dropped".into(), futures, about: vec![] });
    cluster.say(FromClient::Unpublish { request: 3, name: "dropped".into() });
    let (_, worker) = cluster.world.workers.first_key_value().unwrap();
    let holds: Vec<(TaskRef, u64)> = worker.holds.iter().map(|&task| (task, 8)).collect();
    assert_eq!((holds.len(), cluster.world.records.len()), (3, 3));

    let mut machine = Machine::new(settings(), 7);
    machine.restore(Identity { cluster: 5, n_restarts: 1 }, cluster.world.records.clone());
    assert_eq!(machine.n_tasks(), 2);
    let of = |cluster| {
        let (holds, cluster) = (holds.clone(), (cluster, 0));
        WorkerHello { n_threads: 1, holds, cluster, was: Some(WorkerId(0)), ..WorkerHello::default() }
    };
    // Another cluster's names mean something else.
    let (_, told) = comes(&mut machine, Duration::ZERO, of(4));
    assert!(told.iter().any(|m| matches!(m, ToWorker::Free(tasks) if tasks.len() == 3)), "{told:?}");
    let (id, told) = comes(&mut machine, Duration::ZERO, of(5));
    assert!(matches!(told[0], ToWorker::Welcome { cluster: (5, 1), .. }), "{told:?}");
    assert!(told.iter().any(|m| matches!(m, ToWorker::Free(tasks) if tasks.len() == 1)), "{told:?}");
    assert_eq!(machine.worker_info(id).n_held, 2);

    let client = machine.add_client(Duration::ZERO);
    let ask = FromClient::Dataset { request: 1, name: "kept".into(), first_future: FutureId(0) };
    machine.handle(Duration::ZERO, Event::Client(client, ask));
    let mut actions = Vec::new();
    machine.flush(&mut actions);
    let heard: Vec<ToClient> = actions
        .into_iter()
        .filter_map(|action| match action {
            Action::Client(_, batch) => Some(batch.messages),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(heard.iter().any(|m| matches!(m, ToClient::Dataset { about, .. } if about == &[9])), "{heard:?}");
    assert_eq!(heard.iter().filter(|m| matches!(m, ToClient::Done { .. })).count(), 2, "{heard:?}");
    let forget = FromClient::Unpublish { request: 2, name: "kept".into() };
    machine.handle(Duration::ZERO, Event::Client(client, forget));
    machine.handle(Duration::ZERO, Event::ClientLost(client));
    assert_eq!((machine.n_tasks(), machine.worker_info(id).n_held), (0, 0));
}

#[test]
fn published_values_that_nobody_brings_are_given_up() {
    let mut cluster = Cluster::new(1, 1);
    cluster.submit(submission("one", &[vec![]], &[0], 0));
    cluster.run();
    let futures = vec![FutureId(0)];
    cluster.say(FromClient::Publish { request: 1, name: "kept".into(), futures, about: vec![] });
    let mut machine = Machine::new(settings(), 7);
    machine.restore(Identity { cluster: 5, n_restarts: 1 }, cluster.world.records.clone());
    let client = machine.add_client(Duration::ZERO);
    let ask = FromClient::Dataset { request: 1, name: "kept".into(), first_future: FutureId(0) };
    machine.handle(Duration::ZERO, Event::Client(client, ask));
    let mut actions = Vec::new();
    machine.flush(&mut actions);
    machine.handle(Duration::from_secs(3600), Event::Client(client, FromClient::Heartbeat));
    machine.handle(Duration::from_secs(3600), Event::Tick);
    actions.clear();
    machine.flush(&mut actions);
    let failed = actions.iter().any(|action| match action {
        Action::Client(_, batch) => batch.messages.iter().any(|m| matches!(m, ToClient::Failed { .. })),
        _ => false,
    });
    assert!(failed, "{actions:?}");
}

#[test]
fn a_worker_that_comes_back_before_it_was_missed_replaces_itself() {
    let mut cluster = Cluster::new(1, 1);
    cluster.submit(submission("pair", &[vec![], vec![]], &[0, 1], 0));
    cluster.run();
    let (&was, worker) = cluster.world.workers.first_key_value().unwrap();
    let holds: Vec<(TaskRef, u64)> = worker.holds.iter().map(|&task| (task, 8)).collect();
    let hello = WorkerHello { n_threads: 1, holds, was: Some(was), ..WorkerHello::default() };
    let (id, _) = comes(&mut cluster.machine, cluster.now, hello);
    assert_eq!(cluster.machine.present_workers(), [id]);
    assert_eq!(cluster.machine.worker_info(id).n_held, 2);
    assert!(!cluster.world.heard.iter().any(|m| matches!(m, ToClient::Lost { .. })));
}

#[test]
fn a_scheduler_that_was_stopped_does_not_take_its_own_silence_for_that_of_others() {
    let mut cluster = Cluster::new(2, 1);
    let ticks = |cluster: &mut Cluster, seconds: u64| {
        for _ in 0..2 * seconds {
            cluster.now += Duration::from_millis(500);
            cluster.event(Event::Tick);
        }
    };
    ticks(&mut cluster, 10);
    cluster.now += Duration::from_secs(3600);
    cluster.event(Event::Tick);
    assert_eq!(cluster.machine.present_workers().len(), 2, "they have said something, which is not heard yet");
    ticks(&mut cluster, 15);
    assert_eq!(cluster.machine.present_workers().len(), 2, "not longer silent than they may be");
    ticks(&mut cluster, 10);
    assert_eq!(cluster.machine.present_workers().len(), 0);
}

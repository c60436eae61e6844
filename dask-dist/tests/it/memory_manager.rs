//! The active memory manager: copies that nobody asked for go, never the last one; what leaves finds room.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dask_core::Name;
use dask_dist::protocol::*;
use dask_dist::scheduler::{Action, Event, Machine, Measure, Settings};

/// A machine, and what its workers hold: values are there as soon as they are asked for.
struct World {
    machine: Machine,
    client: ClientId,
    holds: BTreeMap<WorkerId, BTreeSet<TaskRef>>,
    tasks: Vec<TaskRef>,
    closed: BTreeSet<WorkerId>,
    now: Duration,
}

impl World {
    fn new(limits: &[u64], measure: Measure) -> Self {
        let mut settings = Settings { validate: true, ..Settings::default() };
        settings.memory_manager.measure = measure;
        let mut machine = Machine::new(settings, 1);
        let client = machine.add_client(Duration::ZERO);
        let mut holds = BTreeMap::new();
        for (i, &memory_limit) in limits.iter().enumerate() {
            let hello =
                WorkerHello { n_threads: 1, address: format!("sim://{i}"), memory_limit, ..WorkerHello::default() };
            holds.insert(machine.add_worker(Duration::ZERO, hello), BTreeSet::new());
        }
        let (tasks, closed, now) = (Vec::new(), BTreeSet::new(), Duration::ZERO);
        let mut world = Self { machine, client, holds, tasks, closed, now };
        world.flush();
        world
    }

    fn event(&mut self, event: Event) {
        self.machine.handle(self.now, event);
        self.flush();
    }

    fn flush(&mut self) {
        let mut actions = Vec::new();
        self.machine.flush(&mut actions);
        let mut added = Vec::new();
        for action in actions {
            match action {
                Action::Client(_, batch) => {
                    for message in batch.messages {
                        if let ToClient::Place { task, .. } = message {
                            self.tasks.push(task);
                        }
                    }
                }
                Action::Worker(id, batch) => {
                    for message in batch.messages {
                        match message {
                            ToWorker::Free(tasks) => tasks.iter().for_each(|task| {
                                self.holds.get_mut(&id).unwrap().remove(task);
                            }),
                            ToWorker::Acquire(values) => {
                                added.extend(values.into_iter().map(|value| (id, value.task, value.nbytes)));
                            }
                            ToWorker::Close { .. } => drop(self.closed.insert(id)),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        for (id, task, nbytes) in added {
            self.add(id, task, nbytes);
        }
    }

    /// A value, held by these.
    fn value(&mut self, name: &str, nbytes: u64, holders: &[u32]) -> TaskRef {
        let future = FutureId(self.tasks.len() as u64);
        let (name, workers) = (Name::new(name), Vec::new());
        let scatter = FromClient::Scatter { future, name, nbytes, broadcast: false, workers };
        self.event(Event::Client(self.client, scatter));
        let task = *self.tasks.last().unwrap();
        holders.iter().for_each(|&holder| self.add(WorkerId(holder), task, nbytes));
        task
    }

    fn add(&mut self, id: WorkerId, task: TaskRef, nbytes: u64) {
        self.holds.get_mut(&id).unwrap().insert(task);
        self.event(Event::Worker(id, FromWorker::Added(vec![(task, nbytes)])));
    }

    fn says(&mut self, id: u32, managed: u64, resident: u64) {
        let metrics = Metrics { managed, resident, ..Metrics::default() };
        self.event(Event::Worker(WorkerId(id), FromWorker::Heartbeat(metrics)));
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.event(Event::Tick);
    }

    fn holders(&self, task: TaskRef) -> Vec<u32> {
        self.holds.iter().filter(|(_, held)| held.contains(&task)).map(|(id, _)| id.0).collect()
    }
}

#[test]
fn extra_copies_go_from_the_fullest_first_and_one_stays() {
    let mut world = World::new(&[0; 4], Measure::Managed);
    world.value("large", 1000, &[2]);
    world.value("small", 10, &[0]);
    let copied = world.value("copied", 100, &[0, 1, 2, 3]);
    world.pass(1);
    assert_eq!(world.holders(copied), [0, 1, 2, 3], "it is not time yet");
    world.pass(2);
    // Workers 1 and 3 hold nothing else, and the later one goes last of all.
    assert_eq!(world.holders(copied), [3]);
    world.pass(10);
    assert_eq!(world.holders(copied), [3]);
}

#[test]
fn copies_that_were_asked_for_stay() {
    let mut world = World::new(&[0; 4], Measure::Managed);
    let copied = world.value("copied", 100, &[0, 1, 2, 3]);
    let futures = vec![FutureId(0)];
    world.event(Event::Client(world.client, FromClient::Replicate { request: 1, futures, n: 3 }));
    world.pass(5);
    assert_eq!(world.holders(copied).len(), 3);
}

#[test]
fn the_measure_decides_who_is_full() {
    for (measure, stays) in [(Measure::Managed, 1), (Measure::Process, 0), (Measure::Optimistic, 1)] {
        let mut world = World::new(&[0; 2], measure);
        world.value("a", 500, &[0]);
        world.says(0, 500, 600);
        // Just now, and perhaps not for long.
        world.says(1, 0, 5000);
        let copied = world.value("copied", 100, &[0, 1]);
        world.pass(3);
        assert_eq!(world.holders(copied), [stays], "{measure:?}");
    }
    // What stays counts.
    let mut world = World::new(&[0; 2], Measure::Optimistic);
    world.value("a", 500, &[0]);
    world.says(1, 0, 5000);
    world.pass(3);
    let copied = world.value("copied", 100, &[0, 1]);
    world.pass(3);
    assert_eq!(world.holders(copied), [0]);
}

#[test]
fn a_worker_that_leaves_hands_over_to_those_with_most_room() {
    // The second one is small.
    let mut world = World::new(&[10_000, 1000, 10_000, 10_000], Measure::Managed);
    world.value("there", 900, &[3]);
    let values: Vec<TaskRef> = (0..8).map(|i| world.value(&format!("v{i}"), 200, &[0])).collect();
    world.event(Event::Client(world.client, FromClient::Retire { request: 1, workers: vec![WorkerId(0)] }));
    world.pass(1);
    assert!(world.closed.contains(&WorkerId(0)));
    let at = |id: u32| values.iter().filter(|task| world.holders(**task).contains(&id)).count();
    assert_eq!((at(1) + at(2) + at(3), at(1)), (8, 3), "three fit into 60 % of 1000 bytes");
    assert!(at(3) < at(2));
}

#[test]
fn an_item_that_is_too_large_is_refused() {
    let cluster = dask_dist::LocalCluster::builder()
        .workers(1)
        .scheduler_settings(Settings { item_max: 1000, ..Settings::default() })
        .start()
        .unwrap();
    let client = cluster.client().unwrap();
    let (variable, queue) = (client.variable("v"), client.queue("q", 0));
    variable.set(vec![0u8; 900]).wait().unwrap();
    let large = vec![0u8; 100_000];
    for refused in [
        variable.set(large.clone()).wait().unwrap_err(),
        queue.put(large.clone()).wait().unwrap_err(),
        client.publisher("t").send(large).wait().unwrap_err(),
    ] {
        let refused = refused.to_string();
        assert!(refused.contains("exceeds the limit of 1000") && refused.contains("give the future"), "{refused}");
    }
    assert_eq!(variable.get::<Vec<u8>>().wait().unwrap().len(), 900);
    assert_eq!(queue.n_items().wait().unwrap(), 0);
}

#[test]
fn limits_are_configured() {
    let _guard = dask_core::config::set([
        ("distributed.scheduler.locks.lease-timeout", "5 s"),
        ("distributed.scheduler.item-limit", "1 kiB"),
        ("distributed.scheduler.active-memory-manager.start", "false"),
        ("distributed.scheduler.active-memory-manager.interval", "100 ms"),
        ("distributed.scheduler.active-memory-manager.measure", "managed"),
    ]);
    let settings = dask_dist::shell::scheduler_settings().unwrap();
    assert_eq!((settings.lease_timeout, settings.item_max), (Duration::from_secs(5), 1024));
    let manager = settings.memory_manager;
    assert_eq!((manager.start, manager.interval), (false, Duration::from_millis(100)));
    assert_eq!(manager.measure, Measure::Managed);
    let _guard = dask_core::config::set([("distributed.scheduler.active-memory-manager.measure", "guess")]);
    let error = dask_dist::shell::scheduler_settings().unwrap_err().to_string();
    assert!(error.contains("\"guess\" is no measure"), "{error}");
}

//! How many workers there should be: under virtual time against workers that are a loop here, and on a real cluster.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dask_core::Result;
use dask_dist::protocol::{Demand, Metrics, WorkerId, WorkerInfo};
use dask_dist::{Adapter, Adaptive, Advice, Deploy, LocalCluster};
use proptest::prelude::*;

/// A worker's time to come, and the world's grain.
const COMES_AFTER: u64 = 2000;
const GRAIN: u64 = 100;

#[derive(Clone)]
struct Worker {
    name: String,
    comes_at: u64,
    /// Milliseconds left of each task it was given, one running a thread.
    tasks: Vec<u64>,
    nbytes: u64,
    n_actors: u32,
}

/// Workers of one thread and 1,000 bytes, in milliseconds.
#[derive(Default)]
struct World {
    now: u64,
    n_started: usize,
    workers: Vec<Worker>,
    queued: Vec<u64>,
    n_done: usize,
    most: usize,
    n_retired: usize,
}

/// The world, to be scaled.
struct Fake(Rc<RefCell<World>>);

impl World {
    fn info(&self) -> Vec<WorkerInfo> {
        let there = self.workers.iter().zip(0..).filter(|(worker, _)| worker.comes_at <= self.now);
        let info = |(worker, id): (&Worker, u32)| WorkerInfo {
            id: WorkerId(id),
            name: worker.name.clone(),
            address: String::new(),
            n_threads: 1,
            memory_limit: 1000,
            process: 0,
            metrics: Metrics { managed: worker.nbytes, ..Metrics::default() },
            n_held: u64::from(worker.nbytes != 0),
            n_actors: worker.n_actors,
            n_processing: worker.tasks.len() as u32,
            status: "running".to_owned(),
        };
        there.map(info).collect()
    }

    fn demand(&self) -> Demand {
        let nanos = |tasks: &[u64]| tasks.iter().sum::<u64>() * 1_000_000;
        let n_processing: usize = self.workers.iter().map(|worker| worker.tasks.len()).sum();
        Demand {
            occupancy: self.workers.iter().map(|worker| nanos(&worker.tasks)).sum(),
            queued: nanos(&self.queued),
            n_queued: self.queued.len() as u64,
            n_tasks: (self.queued.len() + n_processing) as u64,
            workers: self.info(),
        }
    }

    fn pass(&mut self) {
        self.now += GRAIN;
        for worker in self.workers.iter_mut().filter(|worker| worker.comes_at <= self.now) {
            if worker.tasks.is_empty() {
                worker.tasks.extend(self.queued.pop());
            }
            if let Some(left) = worker.tasks.first_mut() {
                *left = left.saturating_sub(GRAIN);
                if *left == 0 {
                    worker.tasks.remove(0);
                    self.n_done += 1;
                }
            }
        }
    }

    fn start(&mut self, n: usize) {
        for _ in 0..n {
            let (name, comes_at) = (format!("w{}", self.n_started), self.now + COMES_AFTER);
            self.n_started += 1;
            self.workers.push(Worker { name, comes_at, tasks: Vec::new(), nbytes: 0, n_actors: 0 });
        }
        self.most = self.most.max(self.workers.len());
    }

    fn retire(&mut self, names: &[String]) {
        for name in names {
            let at = self.workers.iter().position(|worker| worker.name == *name).expect("it is there");
            let worker = self.workers.remove(at);
            // What leaves gives its tasks back and hands its values over.
            self.queued.extend(worker.tasks);
            if let Some(other) = self.workers.first_mut() {
                other.nbytes += worker.nbytes;
            }
            self.n_retired += 1;
        }
    }
}

impl Fake {
    fn new(n_workers: usize) -> Self {
        let mut world = World::default();
        world.start(n_workers);
        world.now = COMES_AFTER;
        Self(Rc::new(RefCell::new(world)))
    }

    fn names(&self) -> Vec<String> {
        self.0.borrow().workers.iter().map(|worker| worker.name.clone()).collect()
    }

    /// Lets time pass, and the adapter look whenever it likes.
    fn run(&self, adapter: &mut Adapter, millis: u64) {
        for _ in 0..millis / GRAIN {
            self.0.borrow_mut().pass();
            let (now, demand) = (Duration::from_millis(self.0.borrow().now), self.0.borrow().demand());
            match adapter.step(now, &demand, &self.names()) {
                Advice::Stay => {}
                Advice::Start(n) => self.0.borrow_mut().start(n),
                Advice::Retire(names) => self.0.borrow_mut().retire(&names),
            }
        }
    }
}

fn adapter(minimum: usize, maximum: usize) -> Adapter {
    Adapter::new(Adaptive { minimum, maximum, ..Adaptive::default() }).unwrap()
}

fn put(fake: &Fake, n: usize, millis: u64) {
    fake.0.borrow_mut().queued.extend(std::iter::repeat_n(millis, n));
}

#[test]
fn work_brings_workers_and_idleness_takes_them() {
    let fake = Fake::new(0);
    let mut adapter = adapter(0, 100);
    put(&fake, 100, 1000);
    // 100 seconds of work in 5 seconds.
    fake.run(&mut adapter, 1000);
    assert_eq!(fake.names().len(), 20);
    fake.run(&mut adapter, 8000);
    assert_eq!((fake.0.borrow().n_done, fake.0.borrow().most), (100, 20));
    fake.run(&mut adapter, 4000);
    assert_eq!(fake.names().len(), 0);
    // And again.
    put(&fake, 1, 10);
    fake.run(&mut adapter, 4000);
    assert_eq!(fake.0.borrow().n_done, 101);
}

#[test]
fn there_are_never_more_or_fewer_than_said() {
    let fake = Fake::new(2);
    let mut adapter = adapter(2, 8);
    put(&fake, 200, 1000);
    fake.run(&mut adapter, 60_000);
    assert_eq!((fake.0.borrow().n_done, fake.0.borrow().most, fake.names().len()), (200, 8, 2));
}

#[test]
fn a_few_long_tasks_ask_for_as_many_workers_as_there_are_tasks() {
    let fake = Fake::new(1);
    put(&fake, 3, 1_000_000);
    fake.run(&mut adapter(1, 100), 5000);
    assert_eq!(fake.names().len(), 3);
}

#[test]
fn a_pause_between_tasks_retires_nobody() {
    let fake = Fake::new(4);
    let mut adapter = adapter(1, 4);
    for _ in 0..10 {
        put(&fake, 4, 3000);
        // Idle for less than three looks.
        fake.run(&mut adapter, 5000);
    }
    assert_eq!(fake.0.borrow().n_retired, 0);
    fake.run(&mut adapter, 5000);
    assert_eq!(fake.names().len(), 1);
}

#[test]
fn values_and_actors_keep_their_workers() {
    let fake = Fake::new(6);
    {
        let workers = &mut fake.0.borrow_mut().workers;
        workers[1].nbytes = 900;
        workers[4].nbytes = 300;
        workers[5].n_actors = 1;
    }
    fake.run(&mut adapter(0, 6), 20_000);
    // 1,200 bytes with room for as many more: three workers, one of them because of its actor.
    assert_eq!(fake.names().len(), 3);
    assert!(["w1", "w4", "w5"].iter().all(|name| fake.names().iter().any(|known| known == name)), "{:?}", fake.names());
}

#[test]
fn full_memory_asks_for_twice_the_workers() {
    let fake = Fake::new(3);
    fake.0.borrow_mut().workers.iter_mut().for_each(|worker| worker.nbytes = 700);
    fake.run(&mut adapter(1, 100), 1000);
    assert_eq!(fake.names().len(), 6);
}

#[test]
fn a_lower_maximum_takes_busy_workers_too() {
    let fake = Fake::new(5);
    put(&fake, 5, 100_000);
    fake.run(&mut adapter(1, 2), 10_000);
    assert_eq!(fake.names().len(), 2);
}

#[test]
fn nonsense_is_refused() {
    for (minimum, maximum, interval) in [(3, 2, 1000), (0, 0, 1000), (0, 1, 0)] {
        let interval = Duration::from_millis(interval);
        assert!(Adapter::new(Adaptive { minimum, maximum, interval, ..Adaptive::default() }).is_err());
    }
    let cluster = LocalCluster::builder().workers(1).start().unwrap();
    let error = cluster.adapt(2, 1).err().unwrap().to_string();
    assert!(error.contains("between 2 and 1 workers"), "{error}");
}

proptest! {
    #[test]
    fn whatever_comes_is_done_within_the_limits(
        minimum in 0usize..4,
        more in 1usize..8,
        loads in proptest::collection::vec((0usize..30, 1u64..5000, 0u64..20_000), 1..6),
    ) {
        let fake = Fake::new(minimum);
        let mut adapter = adapter(minimum, minimum + more);
        let mut n = 0;
        for (count, millis, pause) in loads {
            put(&fake, count, millis);
            n += count;
            fake.run(&mut adapter, pause);
            prop_assert!((minimum..=minimum + more).contains(&fake.names().len()));
        }
        fake.run(&mut adapter, 1_000_000);
        prop_assert_eq!(fake.0.borrow().n_done, n);
        prop_assert!(fake.0.borrow().most <= minimum + more);
        prop_assert_eq!(fake.names().len(), minimum);
    }
}

/// Counts what a cluster is asked for.
struct Watched(LocalCluster, std::sync::Arc<std::sync::Mutex<(usize, usize)>>);

impl Deploy for Watched {
    fn start(&mut self, n: usize) -> Result<()> {
        self.1.lock().unwrap().0 += n;
        Deploy::start(&mut self.0, n)
    }
    fn retire(&mut self, names: &[String]) -> Result<()> {
        self.1.lock().unwrap().1 += names.len();
        Deploy::retire(&mut self.0, names)
    }
    fn list(&mut self) -> Result<Vec<String>> {
        self.0.list()
    }
}

#[test]
fn a_cluster_grows_with_its_work_and_shrinks_without_losing_values() {
    for processes in [false, true] {
        let cluster = LocalCluster::builder().workers(1).processes(processes).start().unwrap();
        let client = cluster.client().unwrap();
        let millis = Duration::from_millis;
        let adaptive = Adaptive {
            minimum: 1,
            maximum: 3,
            interval: millis(20),
            target_duration: millis(100),
            ..Adaptive::default()
        };
        let asked = std::sync::Arc::default();
        let adapting = adaptive.run(client.clone(), Watched(cluster, std::sync::Arc::clone(&asked))).unwrap();
        let slow = |x: u64| {
            std::thread::sleep(Duration::from_millis(50));
            x
        };
        let values = client.map(slow, 0..60u64).unwrap();
        client.wait_for_workers(3).wait().unwrap();
        assert_eq!(client.gather(&values).wait().unwrap(), (0..60).collect::<Vec<_>>());
        while client.workers().wait().unwrap().len() != 1 {
            std::thread::sleep(millis(5));
        }
        assert_eq!(client.gather(&values).wait().unwrap(), (0..60).collect::<Vec<_>>());
        let cluster = adapting.stop().unwrap();
        assert_eq!(cluster.0.n_workers(), 1);
        let (started, retired) = *asked.lock().unwrap();
        assert!(2 <= started && started == retired, "{started} started, {retired} retired");
    }
}

//! Tasks that ask for certain workers, or for resources.

use super::*;

#[test]
fn a_demand_that_nobody_meets_is_told_and_met_when_somebody_comes() {
    let mut cluster = Cluster::new(1, 1);
    let (mut submit, functions) = submission("gpu", &[vec![]], &[0], 0);
    submit.restrictions.resources = vec![("GPU".to_owned(), 1.0)];
    cluster.submit((submit, functions));
    cluster.say(FromClient::Story { request: 1, futures: vec![FutureId(0)] });
    let Some(ToClient::Stories { stories, .. }) = cluster.world.heard.last() else { panic!() };
    assert!(stories[0].1.contains("GPU = 1"), "{stories:?}");
    let hello = WorkerHello { n_threads: 1, resources: vec![("GPU".to_owned(), 1.0)], ..WorkerHello::default() };
    let id = cluster.machine.add_worker(cluster.now, hello);
    cluster.world.workers.insert(id, FakeWorker::default());
    cluster.flush();
    assert_eq!(cluster.world.workers[&id].to_run.len(), 1);
}

/// A layer of tasks without inputs that ask for something.
fn asking(name: &str, n: usize, first_future: u64, restrictions: &Restrictions) -> (Box<Submit>, Vec<Value>) {
    let (mut submit, functions) = sources(name, n, first_future);
    submit.restrictions = restrictions.clone();
    (submit, functions)
}

#[test]
fn a_resource_is_never_taken_twice() {
    let mut cluster = Cluster::new(2, 4);
    let id = cluster.add(special());
    cluster.submit(asking("r", 50, 0, &restrictions(2)));
    let mut n = 0;
    loop {
        let worker = &cluster.world.workers[&id];
        assert!(worker.to_run.len() <= 3, "{} tasks, and three of what each takes", worker.to_run.len());
        n += worker.to_run.len();
        if !cluster.step(0, false) {
            break;
        }
    }
    assert!(50 <= n);
    assert_eq!(cluster.done().len(), 50);
}

#[test]
fn roots_with_demands_wait_at_the_scheduler_and_go_to_who_comes_late() {
    let mut cluster = Cluster::new(1, 1);
    let first = cluster.add(special());
    cluster.submit(asking("roots", 100, 0, &restrictions(0)));
    let given = cluster.world.workers[&first].to_run.len();
    assert!(0 < given && given < 10, "{given}");
    // A name is never given twice, an address is: both are meant by it.
    let second =
        cluster.add(WorkerHello { name: "other".to_owned(), address: "tcp://special:1".to_owned(), ..special() });
    assert!(!cluster.world.workers[&second].to_run.is_empty());
    cluster.run();
    assert_eq!(cluster.done().len(), 100);
}

#[test]
fn what_was_given_to_a_busy_worker_is_asked_back_for_an_idle_one() {
    let mut cluster = Cluster::new(0, 1);
    let first = cluster.add(special());
    // Not roots: all of them are sent.
    let edges: Vec<Vec<u32>> = std::iter::once(vec![]).chain((0..20).map(|_| vec![0])).collect();
    let (mut submit, functions) = submission("fan", &edges, &(0..21).collect::<Vec<_>>(), 0);
    submit.restrictions = restrictions(0);
    cluster.submit((submit, functions));
    let root = cluster.world.workers.get_mut(&first).unwrap().to_run.remove(0);
    let (task, run) = (root.task, root.run);
    cluster.event(Event::Worker(first, FromWorker::Finished { task, run, nbytes: 8, nanos: 50_000_000, dropped: 0 }));
    assert_eq!(cluster.world.workers[&first].to_run.len(), 20);
    cluster.add(WorkerHello { name: "other".to_owned(), address: "tcp://special:1".to_owned(), ..special() });
    assert!(!cluster.world.workers[&first].asked_back.is_empty());
}

#[test]
fn many_demands_that_nobody_meets_cost_little_and_are_told_once_a_while() {
    let mut cluster = Cluster::new(3, 1);
    cluster.machine = Machine::new(Settings { validate: false, ..settings() }, 7);
    cluster.client = cluster.machine.add_client(Duration::ZERO);
    cluster.world.workers.clear();
    for _ in 0..3 {
        cluster.add_worker(1);
    }
    for i in 0..20_000 {
        cluster.submit(asking(&format!("t{i}"), 1, i, &restrictions(1)));
    }
    let minute = settings().stuck_after;
    for _ in 0..4 * minute.as_secs() + 10 {
        cluster.now += Duration::from_millis(500);
        cluster.say(FromClient::Heartbeat);
        cluster.event(Event::Tick);
    }
    // A little more than two minutes.
    assert_eq!(cluster.world.warned.len(), 2, "{:?}", cluster.world.warned);
    let warned = &cluster.world.warned[0];
    assert!(
        warned.starts_with("20000 tasks, among them ('t0', 0)") && warned.contains("it asks for R = 2"),
        "{warned}"
    );
    cluster.say(FromClient::Release((0..20_000).map(FutureId).collect()));
    assert!(cluster.is_empty());
}

#[test]
fn amounts_that_make_no_sense_are_refused() {
    let mut cluster = Cluster::new(1, 1);
    for amount in [-1.0, f64::NAN, f64::INFINITY] {
        let resources = vec![("R".to_owned(), amount)];
        let id = cluster.add(WorkerHello { resources: resources.clone(), ..WorkerHello::default() });
        cluster.submit(asking("bad", 1, 0, &Restrictions { resources, ..Restrictions::default() }));
        let Some(ToClient::SubmitRefused { why, .. }) = cluster.world.heard.pop() else { panic!("{amount} is taken") };
        assert!(why.contains("no amount of a resource"), "{why}");
        cluster.kill(id);
    }
}

#[test]
fn a_queue_before_workers_that_take_nothing_is_told() {
    let mut cluster = Cluster::new(1, 1);
    let id = *cluster.world.workers.keys().next().unwrap();
    cluster.event(Event::Worker(id, FromWorker::Paused(true)));
    cluster.submit(asking("roots", 5, 0, &Restrictions::default()));
    for _ in 0..150 {
        cluster.now += Duration::from_millis(500);
        cluster.event(Event::Worker(id, FromWorker::Heartbeat(Metrics::default())));
        cluster.say(FromClient::Heartbeat);
        cluster.event(Event::Tick);
    }
    let warned = cluster.world.warned.join(" ");
    assert!(warned.contains("5 tasks") && warned.contains("is paused"), "{warned}");
}

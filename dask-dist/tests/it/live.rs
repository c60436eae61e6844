//! Clients on clusters that run: of threads and of processes. Whatever computes there equals sync.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dask_core::delayed::call;
use dask_core::{CancelToken, Collection, Delayed, Error, RunContext, Scheduler, delayed, with_scheduler};
use dask_dist::scheduler::Settings;
use dask_dist::{Client, Future, LocalCluster, LocalClusterBuilder, Options, ProcessScheduler, Status, as_completed};
use dask_sched::SyncScheduler;
use proptest::prelude::*;

fn inc(x: i64) -> i64 {
    x + 1
}
fn add(x: i64, y: i64) -> i64 {
    x + y
}
#[expect(clippy::needless_pass_by_value, reason = "a task is given its parameters")]
fn total(of: Vec<i64>) -> i64 {
    of.iter().sum()
}

fn builder() -> LocalClusterBuilder {
    LocalCluster::builder().workers(2).scheduler_settings(Settings { validate: true, ..Settings::default() })
}

/// Both kinds of cluster, each with a client.
fn everywhere(check: impl Fn(&LocalCluster, &Client)) {
    for processes in [false, true] {
        let cluster = builder().processes(processes).start().unwrap();
        let client = cluster.client().unwrap();
        check(&cluster, &client);
        client.close();
    }
}

#[test]
fn futures_are_arguments_of_calls_nested_and_of_collections() {
    everywhere(|_, client| {
        let (one, two) =
            (client.submit(inc, (0,)).unwrap(), client.submit(|x: String| x + "!", ("a".to_owned(),)).unwrap());
        let pair = client.submit(|x: (i64, String)| format!("{x:?}"), ((one.clone(), two),)).unwrap();
        assert_eq!(pair.result().unwrap(), "(1, \"a!\")");
        let maybe = client.submit(|x: Option<i64>| x.unwrap_or(0), (Some(one.clone()),)).unwrap();
        assert_eq!(maybe.result().unwrap(), 1);
        let by_name: HashMap<String, Future<i64>> = [("one".to_owned(), one)].into();
        let value = client.submit(|x: HashMap<String, i64>| x["one"], (by_name,)).unwrap();
        assert_eq!(value.result().unwrap(), 1);
        let a = client.submit(inc, (1,)).unwrap();
        let many = client.map(add_one_to_both, 0..20).unwrap();
        let b = client.submit(add, (&a, &a)).unwrap();
        let sum = client.submit(total, (many.clone(),)).unwrap();
        let nested = vec![vec![a.clone(), b.clone()], many.clone()];
        let nested = client.submit(|x: Vec<Vec<i64>>| x.into_iter().map(total).sum::<i64>(), (nested,)).unwrap();
        let named: BTreeMap<String, Future<i64>> = [("a".to_owned(), a.clone()), ("b".to_owned(), b.clone())].into();
        let text = client.submit(|x: BTreeMap<String, i64>| format!("{x:?}"), (named,)).unwrap();
        assert_eq!((b.result().unwrap(), sum.result().unwrap(), nested.result().unwrap()), (4, 230, 236));
        assert_eq!(text.result().unwrap(), "{\"a\": 2, \"b\": 4}");
        assert_eq!(client.compute(&(delayed!(inc(&b)), delayed!(add(&a, &b)))).unwrap().result().unwrap(), (5, 6));
        assert_eq!(client.gather(&many).wait().unwrap(), (2..22).collect::<Vec<i64>>());
    });
}

fn add_one_to_both(x: i64) -> i64 {
    x + 2
}

#[test]
fn failures_and_panics_name_the_task_and_the_layers() {
    everywhere(|_, client| {
        let wrong = client.try_submit(|text: String| text.parse::<i64>(), ("x1".to_owned(),)).unwrap();
        let after = client.submit(inc, (&wrong,)).unwrap();
        let error = after.result().unwrap_err();
        assert!(matches!(&error, Error::Task { key, .. } if key.as_ref() == wrong.key()), "{error}");
        assert!(error.to_string().contains("invalid digit found in string"), "{error}");
        assert_eq!((wrong.status(), after.status()), (Status::Error, Status::Error));
        let boom = client.submit_named("boom", |x: i64| 10 / x, (0,)).unwrap();
        let error = boom.result().unwrap_err().to_string();
        assert!(error.starts_with("task boom-") && error.contains("attempt to divide by zero"), "{error}");
        // What is independent goes on.
        assert_eq!(client.submit(inc, (1,)).unwrap().result().unwrap(), 2);
    });
}

#[test]
fn what_depends_on_a_failure_fails_whether_or_not_the_failure_is_known() {
    everywhere(|_, client| {
        let failed = client.submit(|x: i64| 1 / x, (0,)).unwrap();
        let early = client.submit(inc, (&failed,)).unwrap();
        assert!(failed.exception().wait().unwrap().is_some());
        let late = client.submit(inc, (&failed,)).unwrap();
        for dependent in [early, late] {
            let error = dependent.exception().wait().unwrap().unwrap();
            assert!(matches!(&error, Error::Task { key, .. } if key.as_ref() == failed.key()), "{error}");
            assert!(error.to_string().ends_with("(in closure <- inc)"), "{error}");
            assert_eq!(dependent.status(), Status::Error);
        }
    });
}

#[test]
fn scattered_values_are_arguments_and_broadcast_ones_are_everywhere() {
    everywhere(|cluster, client| {
        let big: Vec<f64> = (0..200_000).map(f64::from).collect();
        let scattered = client.scatter(big.clone()).unwrap();
        assert_eq!(scattered.result().unwrap(), big);
        let sum = client.submit(|x: Vec<f64>| x.iter().sum::<f64>(), (&scattered,)).unwrap();
        assert_eq!(sum.result().unwrap(), big.iter().sum::<f64>());
        let sum = client.submit(|x: std::sync::Arc<Vec<f64>>| x.iter().sum::<f64>(), (&scattered,)).unwrap();
        assert_eq!(sum.result().unwrap(), big.iter().sum::<f64>());
        let everywhere = client.broadcast(7i64).unwrap();
        assert_eq!(everywhere.result().unwrap(), 7);
        client.replicate([&everywhere], 0).wait().unwrap();
        let who = client.who_has([&everywhere]).wait().unwrap();
        assert_eq!(who[everywhere.key()].len(), cluster.n_workers());
        client.replicate([&scattered], 2).wait().unwrap();
        assert_eq!(client.who_has([&scattered]).wait().unwrap()[scattered.key()].len(), 2);
        let contents = client.has_what().wait().unwrap();
        assert_eq!(contents.len(), 2);
        assert!(contents.values().all(|keys| keys.contains(everywhere.key()) && keys.contains(scattered.key())));
        client.rebalance().wait().unwrap();
        assert_eq!(scattered.result().unwrap(), big);
        let failed = client.submit(|x: i64| -> i64 { panic!("not {x}") }, (1,)).unwrap();
        let error = client.replicate([&failed], 0).wait().unwrap_err().to_string();
        assert!(error.contains("not 1"), "{error}");
    });
}

#[test]
fn a_large_value_for_everybody_comes_to_everybody_from_each_other() {
    for processes in [false, true] {
        let cluster = builder().workers(8).processes(processes).start().unwrap();
        let client = cluster.client().unwrap();
        let big: Vec<u8> = (0..8_000_000u32).map(|i| i as u8).collect();
        let everywhere = client.broadcast(big.clone()).unwrap();
        // Told when all have it: it waits for the value, which is then on its way to them already.
        client.replicate([&everywhere], 0).wait().unwrap();
        assert_eq!(client.who_has([&everywhere]).wait().unwrap()[everywhere.key()].len(), 8);
        // One that a worker makes, and all need at once.
        let made = client.submit(|n: u32| (0..n).map(|i| i as u8).collect::<Vec<u8>>(), (8_000_000u32,)).unwrap();
        let calls = (0..12u64).map(|i| {
            let sum =
                |x: Arc<Vec<u8>>, y: Arc<Vec<u8>>, i: u64| (*x == *y, x.iter().map(|&x| u64::from(x)).sum::<u64>() + i);
            client.submit(sum, (&made, &everywhere, i)).unwrap()
        });
        let expected: u64 = big.iter().map(|&x| u64::from(x)).sum();
        for (i, sum) in (0..).zip(calls.collect::<Vec<_>>()) {
            assert_eq!(sum.result().unwrap(), (true, expected + i));
        }
        client.replicate([&made], 0).wait().unwrap();
        assert_eq!(client.who_has([&made]).wait().unwrap()[made.key()].len(), 8);
        client.close();
    }
}

#[test]
fn functions_run_on_every_worker() {
    let cluster = builder().processes(true).start().unwrap();
    let client = cluster.client().unwrap();
    let mut pids: Vec<u32> =
        client.run(std::process::id).wait().unwrap().into_values().map(|pid| pid.unwrap()).collect();
    pids.sort_unstable();
    let mut expected = cluster.processes();
    expected.sort_unstable();
    assert_eq!(pids, expected);
    let mut known: Vec<u32> = client.workers().wait().unwrap().into_iter().map(|worker| worker.process).collect();
    known.sort_unstable();
    assert_eq!(known, expected);
}

#[test]
fn published_results_outlive_their_client() {
    everywhere(|cluster, client| {
        let squares = client.map(|x: i64| x * x, 0..3).unwrap();
        client.publish("squares", &squares).wait().unwrap();
        let error = client.publish("squares", &squares).wait().unwrap_err().to_string();
        assert!(error.contains("a dataset is called \"squares\" already"), "{error}");
        let other = cluster.client().unwrap();
        drop(squares);
        assert_eq!(other.datasets().wait().unwrap(), ["squares"]);
        let again = other.dataset::<i64>("squares").wait().unwrap();
        assert_eq!(other.gather(&again).wait().unwrap(), [0, 1, 4]);
        assert_eq!(other.submit(total, (again,)).unwrap().result().unwrap(), 5);
        let error = other.dataset::<String>("squares").wait().unwrap_err().to_string();
        assert!(error.contains("expected a value of type alloc::string::String, found i64"), "{error}");
        other.unpublish("squares").wait().unwrap();
        let error = client.dataset::<i64>("squares").wait().unwrap_err().to_string();
        assert!(error.contains("no dataset is called \"squares\""), "{error}");
    });
}

#[test]
fn cancelled_work_ends_and_the_cluster_goes_on() {
    everywhere(|_, client| {
        fn slow(x: i64) -> i64 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            x
        }
        let many = client.map(slow, 0..200).unwrap();
        let sum = client.submit(total, (many.clone(),)).unwrap();
        many.iter().for_each(|future| future.cancel().unwrap());
        let error = many[199].result().unwrap_err().to_string();
        assert!(error.contains("was cancelled"), "{error}");
        assert!(sum.result().is_err());
        // Tried again, at once and later.
        many[7].retry().unwrap();
        assert_eq!(many[7].result().unwrap(), 7);
        sum.retry().unwrap();
        assert_eq!(sum.result().unwrap(), (0..200).sum::<i64>());
        // The same through a token, from another thread.
        let cancel = CancelToken::new();
        let tasks: Vec<Delayed<i64>> = (0..500i64).map(|i| call(slow, (i,))).collect();
        let context = RunContext::default().with_cancel(cancel.clone());
        let ending = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            cancel.cancel();
        });
        assert!(matches!(tasks.compute_with(client, &context), Err(Error::Cancelled)));
        ending.join().unwrap();
        assert_eq!(client.submit(inc, (1,)).unwrap().result().unwrap(), 2);
    });
}

#[test]
fn persisted_collections_stay_on_the_cluster() {
    everywhere(|cluster, client| {
        let both = (delayed!(inc(1)), delayed!(inc(2)));
        let kept = client.persist(&both).unwrap();
        assert_eq!(client.compute(&kept).unwrap().result().unwrap(), (2, 3));
        let sum = delayed!(add(&kept.0, &kept.1));
        assert_eq!(client.compute(&sum).unwrap().result().unwrap(), 5);
        let guard = with_scheduler(Arc::new(client.clone()));
        let kept = sum.persist().unwrap();
        assert_eq!(kept.map(|x| x * 10).compute().unwrap(), 50);
        drop(guard);
        // Elsewhere it is fetched, also by another client: refused there, as its scheduler need not know it.
        assert_eq!(kept.compute_with(&SyncScheduler, &RunContext::default()).unwrap(), 5);
        let other = cluster.client().unwrap();
        let error = other.compute(&kept).map(drop).unwrap_err().to_string();
        assert!(error.contains("is a future of another client"), "{error}");
    });
}

#[test]
fn tasks_can_submit_tasks_and_wait_for_them() {
    fn fibonacci(n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let client = Client::current().unwrap();
        let parts = client.map(fibonacci, [n - 1, n - 2]).unwrap();
        client.gather(&parts).wait().unwrap().into_iter().sum()
    }
    everywhere(|_, client| assert_eq!(client.submit(fibonacci, (8,)).unwrap().result().unwrap(), 21));
    let error = Client::current().unwrap_err().to_string();
    assert!(error.contains("does not run in a task"), "{error}");
}

#[test]
fn options_reach_the_scheduler() {
    let cluster = builder().resource("GPU", 1.0).start().unwrap();
    let client = cluster.client().unwrap();
    let here = client.with(Options::new().workers(["worker-1"]).priority(3).retries(1));
    let futures = here.map(inc, 0..10).unwrap();
    assert_eq!(client.gather(&futures).wait().unwrap(), (1..11).collect::<Vec<i64>>());
    let addresses: BTreeMap<String, String> =
        client.workers().wait().unwrap().into_iter().map(|worker| (worker.name, worker.address)).collect();
    for holders in client.who_has(&futures).wait().unwrap().into_values() {
        assert_eq!(holders, [addresses["worker-1"].clone()]);
    }
    let gpu = client.with(Options::new().resource("GPU", 1.0));
    assert_eq!(gpu.submit(inc, (1,)).unwrap().result().unwrap(), 2);
    // Nobody has two.
    let settings = Settings { no_worker_timeout: Some(std::time::Duration::from_millis(100)), ..Settings::default() };
    let cluster = builder().resource("GPU", 1.0).scheduler_settings(settings).start().unwrap();
    let client = cluster.client().unwrap();
    let gpus = client.with(Options::new().resource("GPU", 2.0));
    let error = gpus.submit(inc, (1,)).unwrap().result().unwrap_err().to_string();
    assert!(error.contains("no worker can run it") && error.contains("GPU"), "{error}");
}

#[test]
fn results_are_right_when_workers_are_killed() {
    let cluster = builder().workers(3).processes(true).restart(true).start().unwrap();
    let client = cluster.client().unwrap();
    fn slow(x: i64) -> i64 {
        std::thread::sleep(std::time::Duration::from_millis(2));
        x + 1
    }
    for round in 0..3 {
        let mut level = client.map(slow, 0..256).unwrap();
        let mut n_done = 0;
        for future in as_completed(level.clone()) {
            future.exception().wait().unwrap();
            n_done += 1;
            if n_done == 60 + 40 * round {
                let alive = *cluster.processes().last().unwrap();
                assert!(cluster.kill(alive));
            }
        }
        while 1 < level.len() {
            level = level.chunks(2).map(|pair| client.submit(add, (&pair[0], &pair[1])).unwrap()).collect();
        }
        assert_eq!(level[0].result().unwrap(), (1..=256).sum::<i64>());
    }
}

/// The kernel of a stopped process goes on acknowledging what it is sent: only the scheduler notices.
#[test]
fn a_worker_that_is_stopped_for_good_holds_up_neither_workers_nor_clients() {
    let settings = Settings { validate: true, worker_ttl: Duration::from_secs(2), ..Settings::default() };
    let cluster = LocalCluster::builder().workers(2).processes(true).scheduler_settings(settings).start().unwrap();
    let client = cluster.client().unwrap();
    client.wait_for_workers(2).wait().unwrap();
    let workers = client.workers().wait().unwrap();
    let on = |at: usize| client.with(Options::new().workers([&workers[at].name]).allow_other_workers());
    let made = on(0).submit(|x: i64| vec![x; 100_000], (7,)).unwrap();
    client.wait([&made]).wait().unwrap();
    let stopped = i32::try_from(workers[0].process).unwrap();
    // SAFETY: sends a signal; no memory is involved.
    assert_eq!(unsafe { libc::kill(stopped, libc::SIGSTOP) }, 0);
    // The other worker asks the stopped one, and so does the client.
    let total = on(1).submit(|x: Vec<i64>| x.iter().sum::<i64>(), (&made,)).unwrap();
    assert_eq!(made.result().unwrap().len(), 100_000);
    assert_eq!(total.result().unwrap(), 700_000);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::kill(stopped, libc::SIGKILL) }, 0);
}

#[test]
fn values_of_killed_workers_are_made_again_and_scattered_ones_are_named() {
    let cluster = builder().processes(true).restart(true).start().unwrap();
    let client = cluster.client().unwrap();
    let futures = client.map(inc, 0..50).unwrap();
    let sum = client.submit(total, (futures.clone(),)).unwrap();
    let scattered = client.broadcast(5i64).unwrap();
    client.wait(&futures).wait().unwrap();
    client.wait([&sum, &scattered]).wait().unwrap();
    for process in cluster.processes() {
        assert!(cluster.kill(process));
    }
    assert_eq!(client.gather(&futures).wait().unwrap(), (1..51).collect::<Vec<i64>>());
    assert_eq!(sum.result().unwrap(), (1..51).sum::<i64>());
    let error = scattered.result().unwrap_err().to_string();
    assert!(error.contains("scatter it again"), "{error}");
    let error = client.submit(inc, (&scattered,)).and_then(|future| future.result()).unwrap_err().to_string();
    assert!(error.contains("scatter it again"), "{error}");
}

#[test]
fn threads_share_a_client() {
    everywhere(|_, client| {
        let sums: Vec<i64> = std::thread::scope(|scope| {
            let one = |i: i64| {
                let client = client.clone();
                move || {
                    let mut sum = 0;
                    for j in 0..20 {
                        let futures = client.map(inc, [i, j]).unwrap();
                        sum += client.submit(total, (futures,)).unwrap().result().unwrap();
                    }
                    sum
                }
            };
            let threads: Vec<_> = (0..8).map(|i| scope.spawn(one(i))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sums, (0..8).map(|i| (0..20).map(|j| i + j + 2).sum()).collect::<Vec<i64>>());
    });
}

#[test]
fn a_task_that_ends_its_process_is_given_up_and_named() {
    let cluster = builder().workers(2).processes(true).restart(true).start().unwrap();
    let client = cluster.client().unwrap();
    let bomb = client.submit_named("bomb", |_: i64| -> i64 { std::process::abort() }, (0,)).unwrap();
    let error = bomb.result().unwrap_err().to_string();
    assert!(error.starts_with("task bomb-") && error.contains("the workers that ran it died"), "{error}");
    assert_eq!(client.submit(inc, (1,)).unwrap().result().unwrap(), 2);
}

#[test]
fn a_cluster_that_ends_fails_what_is_pending() {
    let cluster = builder().start().unwrap();
    let client = cluster.client().unwrap();
    let slow = client.submit(
        |x: i64| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            x
        },
        (1,),
    );
    let slow = slow.unwrap();
    drop(cluster);
    let error = slow.result().unwrap_err().to_string();
    assert!(error.contains("is gone"), "{error}");
}

#[test]
fn the_processes_scheduler_is_found_by_name_and_survives_its_processes() {
    let processes = ProcessScheduler::new(2);
    assert!(processes.processes().is_empty());
    let tasks: Vec<Delayed<i64>> = (0..50i64).map(|i| call(inc, (i,))).collect();
    let context = RunContext::default();
    assert_eq!(tasks.compute_with(&processes, &context).unwrap(), (1..51).collect::<Vec<i64>>());
    assert_eq!(processes.processes().len(), 2);
    let bomb = call(|_: i64| -> i64 { std::process::abort() }, (0i64,));
    assert!(bomb.compute_with(&processes, &context).is_err());
    assert_eq!(tasks.compute_with(&processes, &context).unwrap(), (1..51).collect::<Vec<i64>>());
    let by = std::hint::black_box(3i64);
    let error = call(move |x: i64| x * by, (1i64,)).compute_with(&processes, &context).unwrap_err();
    assert!(matches!(error, Error::CannotTravel { .. }), "{error}");
    dask_dist::install();
    assert_eq!(dask_core::scheduler_named("processes").unwrap().name(), "processes");
    assert_eq!(dask_core::scheduler_named("threads").unwrap().name(), "threads");
}

#[derive(Clone, Debug)]
struct Node {
    seed: u64,
    inputs: Vec<u32>,
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let node = (any::<u64>(), proptest::collection::vec(any::<u32>(), 0..4));
    let node = node.prop_map(|(seed, inputs)| Node { seed, inputs });
    proptest::collection::vec(node, 1..60)
}

fn mix(seed: u64, of: Vec<u64>) -> u64 {
    assert!(!seed.is_multiple_of(61), "as it was told");
    of.into_iter().fold(seed, |a, b| a.wrapping_mul(31).rotate_left(7) ^ b)
}

/// As delayed values, of which later ones depend on earlier ones.
fn lazy(nodes: &[Node]) -> Vec<Delayed<u64>> {
    let mut made: Vec<Delayed<u64>> = Vec::new();
    for node in nodes {
        let inputs = node.inputs.iter().filter(|_| !made.is_empty());
        let inputs: Vec<Delayed<u64>> = inputs.map(|i| made[*i as usize % made.len()].clone()).collect();
        made.push(call(mix, (node.seed, inputs)));
    }
    made
}

fn check_equal_to_sync(client: &Client, nodes: &[Node]) -> Result<(), TestCaseError> {
    let lazy = lazy(nodes);
    let expected = lazy.compute_with(&SyncScheduler, &RunContext::default());
    match (&expected, lazy.compute_with(client, &RunContext::default())) {
        (Ok(expected), Ok(found)) => prop_assert_eq!(expected, &found),
        (Err(_), Err(Error::Task { source, .. })) => {
            prop_assert!(source.to_string().contains("as it was told"), "{}", source);
        }
        (expected, found) => prop_assert!(false, "{:?} {:?}", expected, found),
    }
    // The same graph, one submission a task, with futures as arguments.
    if let Ok(expected) = expected {
        let mut made: Vec<Future<u64>> = Vec::new();
        for node in nodes {
            let inputs = node.inputs.iter().filter(|_| !made.is_empty());
            let inputs: Vec<Future<u64>> = inputs.map(|i| made[*i as usize % made.len()].clone()).collect();
            made.push(client.submit(mix, (node.seed, inputs)).unwrap());
        }
        prop_assert_eq!(&client.gather(&made).wait().unwrap(), &expected);
    }
    Ok(())
}

#[test]
fn clusters_equal_sync_on_random_graphs_with_panics() {
    everywhere(|_, client| {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(30));
        runner.run(&nodes(), |nodes| check_equal_to_sync(client, &nodes)).unwrap();
        assert_eq!(Scheduler::name(client), "cluster");
    });
}

/// Passes on what it is told.
struct Tell(std::sync::Mutex<std::sync::mpsc::Sender<dask_core::Progress>>);

impl dask_core::Observer for Tell {
    fn progressed(&self, progress: dask_core::Progress) {
        // Who listens has heard enough.
        let _ = self.0.lock().unwrap().send(progress);
    }
}

fn observed() -> (Arc<Tell>, std::sync::mpsc::Receiver<dask_core::Progress>) {
    let (tell, told) = std::sync::mpsc::channel();
    (Arc::new(Tell(std::sync::Mutex::new(tell))), told)
}

/// Waits until somebody says go.
fn wait_for_go(x: i64) -> i64 {
    Client::current().and_then(|client| client.event("go").wait_set().wait()).unwrap();
    x
}

#[test]
fn observers_are_told_how_far_futures_and_collections_are() {
    let cluster = builder().workers(2).start().unwrap();
    let client = cluster.client().unwrap();
    let parts = client.map(|x: i64| x + 1, 0..10).unwrap();
    let gate = client.submit(wait_for_go, (1,)).unwrap();
    let total = client.submit(|parts: Vec<i64>, x: i64| parts.iter().sum::<i64>() + x, (parts, &gate)).unwrap();
    let (observer, told) = observed();
    let watched = client.watch([&total], observer);
    let waiting = std::thread::spawn(move || watched.wait());
    let until = |ended| {
        let found = told.iter().find(|progress| progress.ended == ended).unwrap();
        assert_eq!((found.failed, found.all), (0, 13));
        found
    };
    // The list of the parts is made by a task too.
    assert!(!until(11).is_over);
    client.event("go").set().wait().unwrap();
    assert!(told.iter().any(|progress| progress.is_over && progress.ended == 13));
    waiting.join().unwrap().unwrap();

    client.event("go").clear().wait().unwrap();
    let (observer, told) = observed();
    let lazy = dask_core::delayed!(wait_for_go(5));
    let context = RunContext::default().with_observer(observer);
    let of = client.clone();
    let running = std::thread::spawn(move || lazy.compute_with(&of, &context));
    let first = told.recv().unwrap();
    assert_eq!((first.ended, first.all), (0, 1));
    client.event("go").set().wait().unwrap();
    assert_eq!(running.join().unwrap().unwrap(), 5);

    let bad = client.try_submit(|x: i64| u8::try_from(-x).map(i64::from), (3,)).unwrap();
    let after = client.submit(|x: i64| x, (&bad,)).unwrap();
    let (observer, told) = observed();
    client.watch([&after], observer).wait().unwrap();
    let last = told.iter().last().unwrap();
    assert_eq!((last.ended, last.failed, last.all, last.is_over), (2, 2, 2, true));
}

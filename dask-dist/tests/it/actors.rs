//! Actors on clusters of threads and of processes.

use std::sync::atomic::{AtomicUsize, Ordering};

use dask_dist::{Actor, Client, LocalCluster};

fn everywhere(check: impl Fn(&LocalCluster, &Client)) {
    for processes in [false, true] {
        let cluster = LocalCluster::builder().workers(2).threads_per_worker(2).processes(processes).start().unwrap();
        let client = cluster.client().unwrap();
        check(&cluster, &client);
        client.close();
    }
}

/// What was appended, in order; not a type that could travel.
struct Log(Vec<(u32, u32)>);

fn append(log: &mut Log, who: u32, n: u32) -> usize {
    log.0.push((who, n));
    log.0.len()
}

fn append_many(log: Actor<Log>, who: u32) -> usize {
    let calls: Vec<_> = (0..20).map(|n| log.call(append, (who, n))).collect();
    calls.into_iter().map(|call| call.wait().unwrap()).max().unwrap()
}

#[test]
fn calls_run_one_at_a_time_and_in_the_order_of_each_caller() {
    everywhere(|_, client| {
        let log = client.actor(|first: u32| Log(vec![(first, 0)]), (99,)).wait().unwrap();
        let tasks: Vec<_> = (0..6).map(|who: u32| client.submit(append_many, (&log, who)).unwrap()).collect();
        let lengths = client.gather(&tasks).wait().unwrap();
        assert_eq!(lengths.iter().max(), Some(&121));
        let all = log.call(|log: &mut Log| log.0.clone(), ()).wait().unwrap();
        assert_eq!(all[0], (99, 0));
        for who in 0..6 {
            let theirs: Vec<u32> = all.iter().filter(|entry| entry.0 == who).map(|entry| entry.1).collect();
            assert_eq!(theirs, (0..20).collect::<Vec<_>>());
        }
    });
}

fn take_off(count: &mut u32, n: u32) -> Result<u32, String> {
    *count = count.checked_sub(n).ok_or_else(|| format!("only {count} are left, not {n}"))?;
    Ok(*count)
}

#[test]
fn errors_and_panics_of_methods_come_back_and_the_actor_lives_on() {
    everywhere(|_, client| {
        let count = client.actor(|| 5u32, ()).wait().unwrap();
        assert_eq!(count.try_call(take_off, (2,)).wait().unwrap(), 3);
        let error = count.try_call(take_off, (4,)).wait().unwrap_err().to_string();
        assert!(error.contains("only 3 are left, not 4"), "{error}");
        let panics = |count: &mut u32| -> u32 { panic!("at {count}") };
        let error = count.call(panics, ()).wait().unwrap_err().to_string();
        assert!(error.contains("panicked: at 3"), "{error}");
        let by = 1;
        let error = count.call(move |count: &mut u32| *count += by, ()).wait().unwrap_err().to_string();
        assert!(error.contains("captured variables"), "{error}");
        assert_eq!(count.try_call(take_off, (3,)).wait().unwrap(), 0);
    });
}

#[tokio::test]
async fn calls_can_be_awaited() {
    let cluster = LocalCluster::builder().workers(1).start().unwrap();
    let client = cluster.client().unwrap();
    let names = client.actor(Vec::<String>::new, ()).await.unwrap();
    let push = |names: &mut Vec<String>, name: String| names.push(name);
    let (first, second) = (names.call(push, ("a".to_owned(),)), names.call(push, ("b".to_owned(),)));
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(names.call(|names: &mut Vec<String>| names.concat(), ()).await.unwrap(), "ab");
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_actor_lives_until_its_last_handle_is_dropped() {
    let cluster = LocalCluster::builder().workers(2).start().unwrap();
    let client = cluster.client().unwrap();
    let actor = client.actor(|| Counted, ()).wait().unwrap();
    let n_actors = || client.workers().wait().unwrap().iter().map(|worker| worker.n_actors).sum::<u32>();
    let again = actor.clone();
    drop(actor);
    again.call(|_: &mut Counted| (), ()).wait().unwrap();
    assert_eq!((n_actors(), DROPPED.load(Ordering::SeqCst)), (1, 0));
    drop(again);
    while DROPPED.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!((n_actors(), DROPPED.load(Ordering::SeqCst)), (0, 1));
}

#[test]
fn every_call_says_that_the_worker_is_gone() {
    let cluster = LocalCluster::builder().workers(2).processes(true).start().unwrap();
    let client = cluster.client().unwrap();
    let actor = client.actor(std::process::id, ()).wait().unwrap();
    let other = client.actor(|| 1i64, ()).wait().unwrap();
    let process = actor.call(|process: &mut u32| *process, ()).wait().unwrap();
    assert!(cluster.kill(process));
    for _ in 0..3 {
        let error = actor.call(|process: &mut u32| *process, ()).wait().unwrap_err().to_string();
        assert!(error.contains("the actor u32 is gone with its worker"), "{error}");
        assert!(error.contains("make it again"), "{error}");
    }
    // Nobody makes it again behind the user's back.
    while client.workers().wait().unwrap().len() != 1 {
        std::thread::yield_now();
    }
    let in_a_task = client.submit(|actor: Actor<u32>| actor.worker().len(), (&actor,));
    let error = in_a_task.and_then(|length| length.result()).unwrap_err().to_string();
    assert!(error.contains("the worker on which the actor lived is gone"), "{error}");
    if other.worker() != actor.worker() {
        assert_eq!(other.call(|x: &mut i64| *x, ()).wait().unwrap(), 1);
    }
}

#[test]
fn an_actor_ends_with_a_worker_that_retires() {
    let mut cluster = LocalCluster::builder().workers(2).start().unwrap();
    let client = cluster.client().unwrap();
    let actor = client.actor(|| 1i64, ()).wait().unwrap();
    let workers = client.workers().wait().unwrap();
    let home = workers.iter().find(|worker| worker.n_actors == 1).unwrap();
    assert_eq!(home.address, actor.worker());
    cluster.retire_worker(&home.name).unwrap();
    let error = actor.call(|x: &mut i64| *x, ()).wait().unwrap_err().to_string();
    assert!(error.contains("is gone with its worker"), "{error}");
}

#[test]
fn workers_with_actors_are_the_last_to_leave() {
    for _ in 0..3 {
        let mut cluster = LocalCluster::builder().workers(4).start().unwrap();
        let client = cluster.client().unwrap();
        let actor = client.actor(|| 7i64, ()).wait().unwrap();
        cluster.scale(1).unwrap();
        assert_eq!(actor.call(|x: &mut i64| *x, ()).wait().unwrap(), 7);
    }
}

#[test]
fn over_the_network_an_actor_is_given_by_reference() {
    let cluster = LocalCluster::builder().workers(1).processes(true).start().unwrap();
    let client = cluster.client().unwrap();
    let actor = client.actor(|| 1i64, ()).wait().unwrap();
    let error = client.submit(|actor: Actor<i64>| actor.worker().len(), (actor.clone(),)).unwrap_err().to_string();
    assert!(error.contains("write `&actor`"), "{error}");
}

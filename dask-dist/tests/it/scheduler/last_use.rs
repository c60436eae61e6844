//! Inputs that only one task needs go with it, and come back if somebody needs them after all.

use super::*;

fn bits(cluster: &Cluster) -> Vec<u64> {
    let mut given: Vec<_> = cluster.world.workers.values().flat_map(|worker| &worker.to_run).collect();
    given.sort_by_key(|task| task.priority);
    given.iter().map(|task| task.last_use).collect()
}

/// A task and one that needs it.
fn chain(outputs: &[u32], first_future: u64) -> (Box<Submit>, Vec<Value>) {
    submission("chain", &[vec![], vec![0]], outputs, first_future)
}

/// One worker that has the second task of a chain, which a client wants, and may drop its input.
fn about_to_drop() -> Cluster {
    let mut cluster = Cluster::new(1, 1);
    cluster.submit(chain(&[1], 5));
    assert!(cluster.step(0, false));
    assert_eq!(bits(&cluster), [1]);
    cluster
}

fn n_freed(cluster: &Cluster) -> usize {
    cluster.world.workers.values().map(|worker| worker.n_freed).sum()
}

#[test]
fn a_chain_is_freed_without_a_message() {
    let mut cluster = Cluster::new(1, 1);
    cluster.submit(submission("chain", &[vec![], vec![0], vec![1], vec![2]], &[3], 5));
    cluster.run();
    assert_eq!(cluster.done(), BTreeSet::from([5]));
    assert_eq!(n_freed(&cluster), 0);
    let held: usize = cluster.world.workers.values().map(|w| w.holds.len()).sum();
    assert_eq!(held, 1);
}

#[test]
fn what_two_need_or_a_client_wants_is_not_given_away() {
    let mut cluster = Cluster::new(1, 8);
    // The first is needed twice, the second once, and the third is wanted.
    let edges = [vec![], vec![], vec![], vec![0, 1, 2], vec![0]];
    cluster.submit(submission("mixed", &edges, &[2, 3, 4], 5));
    while bits(&cluster).len() != 2 {
        assert!(cluster.step(0, false));
    }
    assert_eq!(bits(&cluster), [0b010, 0]);
    cluster.run();
    assert_eq!(cluster.done(), BTreeSet::from([5, 6, 7]));
    assert_eq!(n_freed(&cluster), 1);
}

#[test]
fn who_comes_to_need_an_input_in_time_finds_it() {
    let mut cluster = about_to_drop();
    cluster.submit(chain(&[0], 6));
    assert_eq!(bits(&cluster), [0]);
    cluster.run();
    let held: usize = cluster.world.workers.values().map(|w| w.holds.len()).sum();
    assert_eq!((cluster.done(), held), (BTreeSet::from([5, 6]), 2));
}

#[test]
fn who_comes_to_need_an_input_too_late_has_it_made_again() {
    let mut cluster = about_to_drop();
    // The worker has run the task; its report is under way when the client comes to want the input.
    let worker = cluster.world.workers.values_mut().next().unwrap();
    let given = worker.to_run.pop().unwrap();
    let dropped = worker.drop_last_used(&given);
    worker.holds.insert(given.task);
    cluster.submit(chain(&[0], 6));
    assert_eq!(cluster.done(), BTreeSet::from([6]));
    let id = *cluster.world.workers.keys().next().unwrap();
    let (task, run) = (given.task, given.run);
    cluster.event(Event::Worker(id, FromWorker::Finished { task, run, nbytes: 8, nanos: 1000, dropped }));
    assert!(cluster.world.heard.iter().any(|message| matches!(message, ToClient::Lost { future } if future.0 == 6)));
    cluster.world.heard.clear();
    cluster.run();
    assert_eq!(cluster.done(), BTreeSet::from([6]));
    let held: usize = cluster.world.workers.values().map(|w| w.holds.len()).sum();
    assert_eq!(held, 2);
}

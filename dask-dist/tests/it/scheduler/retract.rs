//! Work is asked back from the busy for the idle.

use super::*;

/// A worker of one thread that was given `n` tasks at once, and takes a second for each.
fn busy(n: u32) -> (Cluster, WorkerId, Vec<(TaskRef, RunId)>) {
    let mut cluster = Cluster::new(0, 1);
    let id = cluster.add_worker(1);
    // Not roots: all of them are sent.
    let edges: Vec<Vec<u32>> = std::iter::once(vec![]).chain((0..n).map(|_| vec![0])).collect();
    cluster.submit(submission("fan", &edges, &(0..=n).collect::<Vec<_>>(), 0));
    let root = cluster.world.workers.get_mut(&id).unwrap().to_run.remove(0);
    let finished = FromWorker::Finished { task: root.task, run: root.run, nbytes: 8, nanos: 1_000_000_000, dropped: 0 };
    cluster.event(Event::Worker(id, finished));
    let given: Vec<_> = cluster.world.workers[&id].to_run.iter().map(|task| (task.task, task.run)).collect();
    assert_eq!(given.len(), n as usize);
    (cluster, id, given)
}

fn asked_back(cluster: &mut Cluster, id: WorkerId) -> Vec<(TaskRef, RunId)> {
    std::mem::take(&mut cluster.world.workers.get_mut(&id).unwrap().asked_back)
}

#[test]
fn who_keeps_a_task_that_runs_is_asked_for_the_one_that_waits() {
    let (mut cluster, id, given) = busy(2);
    let idle = cluster.add_worker(1);
    let asked = asked_back(&mut cluster, id);
    assert_eq!(asked, given[1..]);
    cluster.event(Event::Worker(id, FromWorker::Kept(asked)));
    let asked = asked_back(&mut cluster, id);
    assert_eq!(asked, given[..1], "the other one waits, then");
    cluster.world.workers.get_mut(&id).unwrap().to_run.retain(|task| task.task != asked[0].0);
    cluster.event(Event::Worker(id, FromWorker::Retracted(asked.clone())));
    assert_eq!(cluster.world.workers[&idle].to_run[0].task, asked[0].0);
    cluster.run();
    assert_eq!(cluster.done().len(), 3);
}

#[test]
fn no_more_is_asked_back_than_the_idle_can_take() {
    let (mut cluster, id, _) = busy(100);
    cluster.add_worker(3);
    cluster.say(FromClient::Heartbeat);
    let asked = asked_back(&mut cluster, id);
    assert_eq!(asked.len(), 3, "three threads are free, however often one looks");
    cluster.event(Event::Worker(id, FromWorker::Kept(asked[..1].to_vec())));
    assert_eq!(asked_back(&mut cluster, id).len(), 1, "one instead of the one that runs");
}

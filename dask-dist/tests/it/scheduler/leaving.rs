//! Workers that go in order, and copies on their way.

use super::*;

#[test]
fn a_leaving_worker_hands_its_values_over() {
    let mut cluster = Cluster::new(2, 1);
    cluster.submit(submission("pair", &[vec![], vec![]], &[0, 1], 0));
    cluster.run();
    let (&leaving, worker) = cluster.world.workers.iter().find(|(_, w)| w.holds.len() == 1).unwrap();
    let value = *worker.holds.first().unwrap();
    let (&other, _) = cluster.world.workers.iter().find(|(id, _)| **id != leaving).unwrap();
    cluster.event(Event::Worker(leaving, FromWorker::Leaving));
    cluster.event(Event::Worker(other, FromWorker::Added(vec![(value, 8)])));
    cluster.event(Event::Tick);
    assert_eq!(cluster.machine.worker_info(leaving).n_held, 0);
    cluster.kill(leaving);
    assert!(!cluster.world.heard.iter().any(|m| matches!(m, ToClient::Lost { .. })));
}

#[test]
fn workers_that_leave_together_hand_nothing_to_each_other() {
    let mut cluster = Cluster::new(3, 1);
    cluster.submit(sources("many", 60, 0));
    cluster.run();
    let going: Vec<WorkerId> = cluster.world.workers.keys().copied().take(2).collect();
    // One after the other: what the second was to take goes elsewhere.
    for &id in &going {
        cluster.event(Event::Worker(id, FromWorker::Leaving));
    }
    cluster.run();
    assert_eq!(cluster.world.workers.len(), 1);
    assert!(!cluster.world.heard.iter().any(|m| matches!(m, ToClient::Lost { .. })));
    let (_, last) = cluster.world.workers.first_key_value().unwrap();
    assert_eq!(last.holds.len(), 60);
}

#[test]
fn the_last_worker_is_not_kept_waiting() {
    let mut cluster = Cluster::new(2, 1);
    cluster.submit(sources("many", 6, 0));
    cluster.run();
    let workers: Vec<WorkerId> = cluster.world.workers.keys().copied().collect();
    cluster.say(FromClient::Retire { request: 1, workers });
    assert!(cluster.world.workers.values().all(|worker| worker.may_go));
}

#[test]
fn a_copy_that_cannot_be_made_ends_the_request() {
    let mut cluster = Cluster::new(3, 1);
    cluster.submit(submission("one", &[vec![]], &[0], 0));
    cluster.run();
    cluster.say(FromClient::Replicate { request: 1, futures: vec![FutureId(0)], n: 3 });
    assert!(cluster.answered().is_empty());
    let holder = *cluster.world.workers.iter().find(|(_, worker)| !worker.holds.is_empty()).unwrap().0;
    cluster.kill(holder);
    assert!(cluster.answered().contains(&1));
    // Who was asked for a copy may get it from whoever makes it again.
    cluster.run();
    assert!(cluster.done().contains(&0));
}

#[test]
fn what_a_worker_holds_is_known_after_many_values_have_come_and_gone() {
    let mut cluster = Cluster::new(2, 1);
    for round in 0..20 {
        cluster.submit(sources(&format!("r{round}"), 50, 100 * round));
        cluster.run();
        if round != 19 {
            cluster.say(FromClient::Release((100 * round..100 * round + 50).map(FutureId).collect()));
        }
    }
    let held: u64 = cluster.world.workers.keys().map(|&id| cluster.machine.worker_info(id).n_held).sum();
    assert_eq!(held, 50);
    let gone = *cluster.world.workers.keys().next().unwrap();
    let lost = cluster.machine.worker_info(gone).n_held;
    cluster.kill(gone);
    let n_lost = cluster.world.heard.iter().filter(|m| matches!(m, ToClient::Lost { .. })).count();
    assert_eq!(n_lost as u64, lost);
}

#[test]
fn whoever_knows_a_worker_hears_that_it_is_gone_in_one_message() {
    let mut cluster = Cluster::new(6, 1);
    cluster.submit(sources("many", 60, 0));
    cluster.run();
    let gone: Vec<WorkerId> = cluster.world.workers.keys().copied().take(3).collect();
    for &id in &gone {
        cluster.world.workers.remove(&id);
        cluster.machine.handle(cluster.now, Event::WorkerLost(id, "signal 9".to_owned()));
    }
    cluster.world.heard.clear();
    cluster.flush();
    let heard = cluster.world.heard.iter();
    let told: Vec<_> =
        heard.filter_map(|m| if let ToClient::PeersGone(gone) = m { Some(gone) } else { None }).collect();
    assert_eq!(told, [&gone]);
    // Before anything that follows from it.
    assert!(matches!(cluster.world.heard[0], ToClient::PeersGone(_)));
}

//! One value for many workers: whom each is to ask.

use super::*;

impl Cluster {
    /// A value from the client for every worker: what it is called, and where the client is to send it.
    fn broadcast(&mut self, nbytes: u64) -> (TaskRef, Vec<WorkerId>) {
        let (future, name, workers) = (FutureId(0), Name::new("everywhere"), Vec::new());
        self.say(FromClient::Scatter { future, name, nbytes, broadcast: true, workers });
        let place = self.world.heard.iter().find_map(|message| match message {
            ToClient::Place { task, workers, .. } => Some((*task, workers.clone())),
            _ => None,
        });
        place.expect("there is a place")
    }

    /// Copies that workers are to get, by whose turn it is.
    fn copies(&self) -> Vec<(WorkerId, Dependency)> {
        let copies = self.world.workers.iter().flat_map(|(&id, w)| w.to_get.iter().map(move |copy| (id, copy.clone())));
        let mut copies: Vec<_> = copies.collect();
        copies.sort_by_key(|(_, copy)| copy.first.map(|first| first.turn));
        copies
    }

    fn has(&mut self, id: WorkerId, task: TaskRef, nbytes: u64) {
        self.world.workers.get_mut(&id).unwrap().holds.insert(task);
        self.event(Event::Worker(id, FromWorker::Added(vec![(task, nbytes)])));
    }
}

#[test]
fn each_who_has_a_large_value_or_will_is_asked_by_few_and_nobody_waits_for_a_later_turn() {
    let (mut cluster, nbytes) = (Cluster::new(32, 1), 100_000_000);
    let (task, at) = cluster.broadcast(nbytes);
    let [root] = at[..] else { panic!("{at:?}") };
    assert!(cluster.copies().is_empty(), "nobody has it");
    cluster.has(root, task, nbytes);
    let copies = cluster.copies();
    assert_eq!(copies.len(), 31);
    let (mut turns, mut n_asked) = (BTreeMap::from([(root, 0)]), BTreeMap::<WorkerId, u32>::new());
    for (id, copy) in copies {
        assert_eq!(copy.holders[..], [root]);
        let first = copy.first.unwrap();
        assert!(turns[&first.from] < first.turn, "{first:?}");
        assert_eq!(turns.insert(id, first.turn), None);
        *n_asked.entry(first.from).or_default() += 1;
    }
    // As many as there are rounds.
    assert_eq!(n_asked[&root], 5);
    assert!(n_asked.values().all(|&n| n <= 5), "{n_asked:?}");
}

#[test]
fn who_is_gone_or_did_not_get_the_value_is_named_to_nobody_any_more() {
    let (mut cluster, nbytes) = (Cluster::new(16, 1), 100_000_000);
    let (task, at) = cluster.broadcast(nbytes);
    cluster.has(at[0], task, nbytes);
    let copies = cluster.copies();
    // All but one of them die, and that one did not get it.
    let (alone, _) = copies[0].clone();
    copies[1..].iter().for_each(|(id, _)| cluster.kill(*id));
    cluster.world.workers.get_mut(&alone).unwrap().to_get.clear();
    cluster.event(Event::Worker(alone, FromWorker::Missing { task, at: Vec::new(), dependents: Vec::new() }));
    let new: Vec<WorkerId> = (0..5).map(|_| cluster.add_worker(1)).collect();
    cluster.say(FromClient::Replicate { request: 1, futures: vec![FutureId(0)], n: 0 });
    let copies = cluster.copies();
    assert_eq!(copies.len(), 6);
    let known = |id: &WorkerId| *id == at[0] || *id == alone || new.contains(id);
    assert!(copies.iter().all(|(_, copy)| copy.first.is_none_or(|first| known(&first.from))), "{copies:?}");
}

#[test]
fn small_values_and_those_for_few_are_sent_by_the_client() {
    assert_eq!(Cluster::new(32, 1).broadcast(100).1.len(), 32);
    assert_eq!(Cluster::new(3, 1).broadcast(100_000_000).1.len(), 3);
}

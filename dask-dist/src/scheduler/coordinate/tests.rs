//! Laws: never more holders than leases, nothing free while somebody waits, nothing lost, first come first served.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn who(client: u32, request: u64) -> Waiter {
    Waiter { client: ClientId(client), request }
}

fn acquire(max: u32, worker: Option<&str>) -> Ask<Stored> {
    Ask::Acquire { name: "s".into(), max, worker: worker.map(str::to_owned), wait: true }
}

fn number(n: u64) -> Stored {
    Stored::Value(Packed { type_name: "u64".into(), bytes: n.to_le_bytes().to_vec(), buffers: Vec::new() })
}

/// The leases told of, and to whom.
fn leases(effects: &[Effect]) -> Vec<(Waiter, u64)> {
    let lease = |effect: &Effect| match effect {
        Effect::Tell(who, Told::Lease(lease)) => Some((*who, *lease)),
        _ => None,
    };
    effects.iter().filter_map(lease).collect()
}

#[test]
fn leases_of_the_dead_are_free() {
    let mut c = Coordinator::default();
    c.handle(who(0, 0), acquire(1, Some("w")));
    c.handle(who(1, 0), acquire(1, None));
    c.handle(who(2, 0), acquire(1, None));
    assert_eq!(leases(&c.effects()), [(who(0, 0), 1)]);
    c.worker_gone("w");
    assert_eq!(leases(&c.effects()), [(who(1, 0), 2)]);
    // Renewed by heartbeats: heard of lately, it is kept.
    c.expire(Duration::from_secs(5), |_| Duration::from_secs(5));
    assert_eq!(c.effects(), []);
    c.expire(Duration::from_secs(5), |client| Duration::from_secs(if client == ClientId(1) { 4 } else { 9 }));
    assert_eq!(leases(&c.effects()), [(who(2, 0), 3)]);
    c.handle(who(1, 1), Ask::Release { lease: 2 });
    assert!(matches!(&c.effects()[..], [Effect::Tell(_, Told::Refused(why))] if why.contains("expired")));
    c.client_gone(ClientId(2));
    assert!(c.semaphores.is_empty());
}

#[test]
fn futures_are_kept_as_long_as_they_are_stored() {
    let mut c = Coordinator::default();
    let future = |slot| Stored::Future { slot, type_name: "i64".into(), shape: Vec::new() };
    c.handle(who(0, 0), Ask::Put { name: "q".into(), max: Some(1), item: future(7) });
    c.handle(who(0, 1), Ask::Put { name: "q".into(), max: Some(1), item: future(8) });
    c.handle(who(0, 2), Ask::Assign { name: "v".into(), item: future(7) });
    c.handle(who(0, 3), Ask::Assign { name: "v".into(), item: number(1) });
    c.handle(who(1, 0), Ask::Take { name: "q".into(), future: FutureId(0), wait: true });
    c.client_gone(ClientId(0));
    c.handle(who(1, 1), Ask::Take { name: "q".into(), future: FutureId(1), wait: true });
    let mut kept: BTreeMap<u32, i32> = BTreeMap::new();
    for effect in c.effects() {
        match effect {
            Effect::Keep(slot) => *kept.entry(slot).or_default() += 1,
            Effect::Drop(slot) => *kept.entry(slot).or_default() -= 1,
            // The taker comes to want it before the queue lets it go.
            Effect::Deliver { item: Stored::Future { slot, .. }, .. } => assert!(0 < kept[&slot]),
            _ => {}
        }
    }
    assert_eq!(kept, [(7, 0), (8, 0)].into());
}

#[test]
fn an_event_wakes_all_and_a_topic_tells_all_in_order() {
    let mut c = Coordinator::default();
    c.handle(who(0, 0), Ask::Await { name: "e".into() });
    c.handle(who(1, 0), Ask::Await { name: "e".into() });
    assert_eq!(c.effects(), []);
    c.handle(who(2, 0), Ask::Set { name: "e".into(), set: true });
    let told = |client| Effect::Tell(who(client, 0), Told::Ok);
    assert_eq!(c.effects(), [told(0), told(1), told(2)]);
    c.handle(who(0, 1), Ask::Subscribe { topic: "t".into() });
    let messages: Vec<Packed> =
        (0..3).map(|n: u8| Packed { type_name: String::new(), bytes: vec![n], buffers: vec![] }).collect();
    for (message, request) in messages.iter().zip(2..) {
        c.handle(who(1, request), Ask::Publish { topic: "t".into(), message: message.clone() });
    }
    c.effects();
    (0..3).for_each(|n| c.handle(who(0, 10 + n), Ask::Next { subscription: 1 }));
    let heard: Vec<u8> = c
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Deliver { item: Stored::Value(value), .. } => Some(value.bytes[0]),
            _ => None,
        })
        .collect();
    assert_eq!(heard, [0, 1, 2]);
}

proptest! {
    #[test]
    fn semaphores_exclude_are_fair_and_wake(max in 1u32..4, steps in prop::collection::vec((0u8..5, 0u32..5), 1..80)) {
        let mut c = Coordinator::default();
        let (mut held, mut waiting) = (BTreeMap::<u64, Waiter>::new(), VecDeque::<Waiter>::new());
        for (request, (what, client)) in (0..).zip(steps) {
            let me = who(client, request);
            match what {
                0..=1 => {
                    waiting.push_back(me);
                    c.handle(me, acquire(max, None));
                }
                2 => {
                    let mine = held.iter().find(|(_, holder)| holder.client == me.client).map(|(&lease, _)| lease);
                    if let Some(lease) = mine {
                        held.remove(&lease);
                        c.handle(me, Ask::Release { lease });
                    }
                }
                3 => {
                    let mine = waiting.iter().rposition(|waiter| waiter.client == me.client);
                    if let Some(of) = mine.and_then(|at| waiting.remove(at)) {
                        c.handle(me, Ask::Withdraw { of: of.request });
                    }
                }
                _ => {
                    held.retain(|_, holder| holder.client != me.client);
                    waiting.retain(|waiter| waiter.client != me.client);
                    c.client_gone(me.client);
                }
            }
            for (holder, lease) in leases(&c.effects()) {
                prop_assert_eq!(waiting.pop_front(), Some(holder));
                held.insert(lease, holder);
            }
            prop_assert!(held.len() <= max as usize);
            prop_assert!(waiting.is_empty() || held.len() == max as usize);
        }
    }

    #[test]
    fn queues_lose_nothing_and_keep_the_order(max in 0u32..4, steps in prop::collection::vec(0u8..5, 1..80)) {
        let mut c = Coordinator::default();
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        let (mut accepted, mut puts, mut takes) = (BTreeSet::new(), 0usize, 0usize);
        for (request, what) in (0..).zip(steps) {
            if what < 3 {
                sent.push(number(request));
                puts += 1;
                c.handle(who(0, request), Ask::Put { name: "q".into(), max: Some(max), item: number(request) });
            } else {
                takes += 1;
                c.handle(who(1, request), Ask::Take { name: "q".into(), future: FutureId(0), wait: true });
            }
            for effect in c.effects() {
                match effect {
                    Effect::Deliver { item, .. } => got.push(item),
                    Effect::Tell(waiter, Told::Ok) => drop(accepted.insert(waiter.request)),
                    _ => {}
                }
            }
            prop_assert_eq!(got.len(), puts.min(takes));
            prop_assert_eq!(&got[..], &sent[..got.len()]);
            let room = if max == 0 { usize::MAX } else { max as usize };
            prop_assert_eq!(accepted.len() - got.len(), (puts - got.len()).min(room));
        }
    }
}

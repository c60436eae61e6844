//! Values that a peer is about to have, and peers that wait for one that is about to come.

use super::*;

/// A value on these workers, of whom another is to be asked first.
fn first(slot: u32, from: u32, turn: u64, holders: &[u32]) -> Dependency {
    Dependency { first: Some(First { from: w(from), turn }), ..on(slot, holders) }
}

fn fetch_in_turn(from: u32, request: u64, slot: u32, turn: u64) -> Action {
    Action::Fetch { from: w(from), request, tasks: vec![t(slot)], turns: vec![turn] }
}

fn asked(ask: u64, slot: u32, turn: u64) -> Event {
    Event::Asked { ask, task: t(slot), turn }
}

fn answer(ask: u64, here: bool) -> Action {
    Action::Answer { ask, here }
}

#[test]
fn who_is_named_first_is_asked_first_and_not_said_to_have_lost_what_it_never_had() {
    let mut worker = machine(Settings::default());
    assert_eq!(worker.given(vec![task(9, 1, &[first(0, 3, 7, &[1])])]), [fetch_in_turn(3, 0, 0, 7)]);
    // It does not have it, and has not asked for it.
    assert_eq!(worker.after(fetched(0, &[], &[0])), [fetch(1, 1, &[0])]);
    let missing = FromWorker::Missing { task: t(0), at: vec![w(1)], dependents: vec![(t(9), RunId(1))] };
    assert_eq!(worker.after(Event::FetchFailed { request: 1 }), [Action::Report(missing)]);
    // One that is said to have it is said to have lost it.
    worker.given(vec![task(9, 2, &[first(0, 3, 8, &[3])])]);
    let missing = FromWorker::Missing { task: t(0), at: vec![w(3)], dependents: vec![(t(9), RunId(2))] };
    assert_eq!(worker.after(fetched(2, &[], &[0])), [Action::Report(missing)]);
}

#[test]
fn a_peer_waits_for_what_is_on_its_way_if_its_turn_is_later() {
    let mut worker = machine(Settings::default());
    worker.told(ToWorker::Acquire(vec![first(0, 3, 7, &[1])]));
    assert_eq!(worker.after(asked(1, 0, 6)), [answer(1, false)]);
    assert_eq!(worker.after(asked(2, 0, 7)), [answer(2, false)]);
    assert_eq!(worker.after(asked(3, 0, 8)), []);
    assert_eq!(worker.after(asked(4, 5, 8)), [answer(4, false)]);
    // It goes on waiting if the value comes from elsewhere.
    assert_eq!(worker.after(Event::FetchFailed { request: 0 }), [fetch(1, 1, &[0])]);
    assert_eq!(worker.after(asked(5, 0, 9)), []);
    assert_eq!(worker.after(fetched(1, &[0], &[])), [answer(3, true), answer(5, true), added(&[(0, 100)])]);
    // Come between the look into the store and the question.
    assert_eq!(worker.after(asked(6, 0, 2)), [answer(6, true)]);
}

#[test]
fn who_waits_is_told_that_the_value_does_not_come() {
    let mut worker = machine(Settings::default());
    worker.told(ToWorker::Acquire(vec![on(0, &[1]), on(1, &[1])]));
    assert_eq!(worker.after(asked(1, 0, 1)), []);
    assert_eq!(worker.after(asked(2, 1, 1)), []);
    assert_eq!(worker.told(ToWorker::Free(vec![t(0)])), [answer(1, false)]);
    let missing = FromWorker::Missing { task: t(1), at: vec![w(1)], dependents: Vec::new() };
    assert_eq!(worker.after(Event::FetchFailed { request: 0 }), [answer(2, false), Action::Report(missing)]);
    assert!(worker.is_empty());
}

#[test]
fn so_many_wait_and_no_more() {
    let mut worker = machine(Settings::default());
    worker.told(ToWorker::Acquire(vec![on(0, &[1])]));
    assert!((0..64).all(|ask| worker.after(asked(ask, 0, 1)).is_empty()));
    assert_eq!(worker.after(asked(64, 0, 1)), [answer(64, false)]);
}

#[test]
fn requests_that_may_wait_take_no_room_of_others_and_nobody_waits_for_one_that_is_not_sent() {
    let mut worker = machine(Settings { fetches_max: 1, ..Settings::default() });
    worker.told(ToWorker::Acquire(vec![first(0, 3, 7, &[1])]));
    assert_eq!(worker.told(ToWorker::Acquire(vec![first(1, 4, 8, &[1]), on(2, &[1])])), [fetch(1, 1, &[2])]);
    assert_eq!(worker.after(asked(1, 1, 9)), [answer(1, false)]);
    assert_eq!(worker.after(asked(2, 2, 9)), []);
    assert_eq!(worker.after(fetched(0, &[0], &[])), [added(&[(0, 100)]), fetch_in_turn(4, 2, 1, 8)]);
    assert_eq!(worker.after(asked(3, 1, 9)), []);
}

#[test]
fn large_values_are_sent_two_at_a_time_by_turns() {
    let mut worker = machine(Settings::default());
    worker.put(0, 2 << 20);
    worker.told(ToWorker::Acquire(vec![on(1, &[1])]));
    assert_eq!(worker.after(asked(1, 0, 20)), [answer(1, true)]);
    assert_eq!(worker.after(asked(2, 0, 21)), [answer(2, true)]);
    assert_eq!(worker.after(asked(3, 0, 30)), []);
    assert_eq!(worker.after(asked(4, 0, 22)), []);
    assert_eq!((worker.after(asked(5, 1, 24)), worker.after(asked(6, 1, 23))), (vec![], vec![]));
    let come =
        Event::Fetched { request: 0, found: vec![(t(1), 2 << 20)], missing: vec![], refused: vec![], last: true };
    assert_eq!(worker.after(come), [Action::Report(FromWorker::Added(vec![(t(1), 2 << 20)]))]);
    assert_eq!(worker.after(Event::Sent { ask: 2 }), [answer(4, true)]);
    // Unknown, or said twice.
    assert_eq!(worker.after(Event::Sent { ask: 2 }), []);
    assert_eq!(worker.after(Event::Sent { ask: 1 }), [answer(6, true)]);
    assert_eq!(worker.after(Event::Sent { ask: 6 }), [answer(5, true)]);
    // Small ones wait for nobody.
    worker.put(7, 100);
    assert_eq!(worker.after(asked(7, 7, 90)), [answer(7, true)]);
    assert_eq!(worker.after(Event::Sent { ask: 4 }), [answer(3, true)]);
}

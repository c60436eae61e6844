//! Profiles of many workers, within bounds whatever they say.

use super::*;
use crate::protocol::{Call, LayerCalls};

fn one(kind: u32, functions: &[String]) -> Profile {
    let calls = (0..functions.len() as u32).map(|at| Call { caller: at.min(1), function: at, micros: 10 });
    Profile { functions: functions.to_vec(), layers: vec![LayerCalls { kind, calls: calls.collect(), cut: 0 }] }
}

fn is_bounded(profiles: &Profiles) -> bool {
    profiles.trees.len() <= TREES_MAX
        && profiles.trees.values().all(|tree| tree.len() <= LAYER_CALLS_MAX)
        && profiles.trees.values().map(CallTree::len).sum::<usize>() <= ALL_CALLS_MAX
        && profiles.names.nbytes() <= NAMES_BYTES_MAX
}

#[test]
fn what_workers_saw_is_added_up_for_kinds_of_layers_that_there_are() {
    let mut profiles = Profiles::default();
    let functions = ["mean".to_owned(), "sum".to_owned()];
    (0..2).for_each(|_| profiles.add(&one(0, &functions), 1));
    profiles.add(&one(1, &functions), 1);
    let profile = profiles.of(0, 100);
    assert_eq!(
        (profile.micros, profile.cut, profile.n_calls, profiles.of(1, 100)),
        (40, 0, 2, LayerProfile::default())
    );
    let call = |function: &str, caller, own, micros| CallSeen { function: function.into(), caller, own, micros };
    assert_eq!(profile.calls, [call("mean", None, 20, 40), call("sum", Some(0), 20, 20)]);
    assert_eq!(profiles.of(0, 1).calls, [call("mean", None, 20, 40)]);
}

#[test]
fn what_is_kept_is_bounded_whatever_workers_say() {
    let mut profiles = Profiles::default();
    let honest = ["honest".to_owned(), "work".to_owned()];
    for _ in 0..50 {
        profiles.add(&one(3, &honest), 10_000);
    }
    // New functions without end: of one layer, then of as many layers as can be, each name as long as can be.
    for round in 0..40 {
        let functions: Vec<String> = (0..2 * CALLS_MAX).map(|i| format!("{round}-{i}-{}", "x".repeat(180))).collect();
        profiles.add(&one(round % 20, &functions), 10_000);
        assert!(is_bounded(&profiles), "round {round}");
    }
    for kind in 0..2000 {
        profiles.add(&one(kind, &honest), 10_000);
        assert!(is_bounded(&profiles), "kind {kind}");
    }
    // Who has most is remembered, with all its time.
    let profile = profiles.of(3, 10);
    assert!(1000 <= profile.micros && profile.calls[0].function.as_ref() == "honest", "{profile:?}");
    // Many layers in one message.
    let many = Profile {
        functions: honest.to_vec(),
        layers: (0..100_000).map(|kind| LayerCalls { kind, calls: vec![Call::default(); 50], cut: u64::MAX }).collect(),
    };
    profiles.add(&many, 100_000);
    assert!(is_bounded(&profiles));
}

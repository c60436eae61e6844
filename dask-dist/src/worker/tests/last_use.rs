//! Inputs that only one task needs.

use super::*;
use crate::protocol::Failure;

fn given_last(slot: u32, run: u32, inputs: &[u32], last_use: u64) -> ComputeTask {
    let inputs: Vec<Dependency> = inputs.iter().map(|&input| on(input, &[0])).collect();
    ComputeTask { last_use, ..task(slot, run, &inputs) }
}

fn finished_and_dropped(slot: u32, dropped: u64) -> Action {
    Action::Report(FromWorker::Finished { task: t(slot), run: RunId(1), nbytes: 10, nanos: 7, dropped })
}

#[test]
fn an_input_that_nobody_else_needs_goes_before_the_next_task_starts() {
    let mut worker = machine(Settings { n_threads: 1, ..Settings::default() });
    worker.put(0, 100);
    worker.put(1, 100);
    worker.given(vec![given_last(2, 1, &[0, 1], 0b10), task(3, 1, &[])]);
    let actions = worker.ran_well(2, 10);
    assert_eq!(actions, [Action::Drop(vec![t(1)]), finished_and_dropped(2, 0b10), run(3, &[])]);
    assert!(worker.holds(t(0)) && !worker.holds(t(1)));
    assert_eq!(worker.memory(), (110, 0));
}

#[test]
fn what_is_to_be_kept_after_all_and_what_a_failure_may_need_again_stay() {
    let mut worker = machine(Settings { n_threads: 1, ..Settings::default() });
    worker.put(0, 100);
    worker.given(vec![given_last(2, 1, &[0], 1), given_last(3, 1, &[0], 1)]);
    worker.told(ToWorker::Keep(vec![t(0)]));
    assert_eq!(worker.ran_well(2, 10), [finished_and_dropped(2, 0), run(3, &[0])]);
    worker.ran_well(3, 10);
    worker.given(vec![given_last(4, 1, &[0], 1)]);
    let failure = Failure::Error { chain: vec!["no".to_owned()] };
    worker.after(Event::Ran { task: t(4), result: Err(failure), nanos: 7 });
    assert!(worker.holds(t(0)));
}

#[test]
fn what_another_task_uses_stays() {
    let mut worker = machine(Settings { n_threads: 2, ..Settings::default() });
    worker.put(0, 100);
    worker.given(vec![given_last(2, 1, &[0], 1), task(3, 1, &[on(0, &[0])])]);
    assert_eq!(worker.ran_well(2, 10), [finished_and_dropped(2, 0)]);
    worker.ran_well(3, 10);
    assert!(worker.holds(t(0)));
}

#[test]
fn a_value_that_nobody_wants_any_more_takes_no_input_along() {
    let mut worker = machine(Settings { n_threads: 1, ..Settings::default() });
    worker.put(0, 100);
    worker.given(vec![given_last(2, 1, &[0], 1)]);
    worker.told(ToWorker::Free(vec![t(2)]));
    assert_eq!(worker.ran_well(2, 10), [Action::Drop(vec![t(2)])]);
    assert!(worker.holds(t(0)));
}

//! Tasks: order, slots, inputs from peers, back to the scheduler, freed.

use super::*;
use crate::protocol::Failure;

#[test]
fn the_most_urgent_task_runs_first_and_the_next_when_a_thread_is_free() {
    let mut worker = machine(Settings::default());
    assert_eq!(worker.given(vec![task(5, 0, &[]), task(3, 0, &[]), task(4, 0, &[])]), [run(3, &[])]);
    assert_eq!(worker.ran_well(3, 8), [finished(3, 0, 8), run(4, &[])]);
    assert_eq!(worker.ran_well(4, 8), [finished(4, 0, 8), run(5, &[])]);
}

#[test]
fn as_many_tasks_run_as_there_are_threads_and_one_more_when_one_secedes() {
    let mut worker = machine(Settings { n_threads: 2, ..Settings::default() });
    let tasks = (0..4).map(|slot| task(slot, 0, &[])).collect();
    assert_eq!(worker.given(tasks), [run(0, &[]), run(1, &[])]);
    let seceded = Action::Report(FromWorker::Seceded { task: t(0), run: RunId(0) });
    assert_eq!(worker.after(Event::Seceded { task: t(0) }), [seceded, run(2, &[])]);
    assert_eq!(worker.ran_well(0, 1), [finished(0, 0, 1)]);
    assert_eq!(worker.ran_well(1, 1), [finished(1, 0, 1), run(3, &[])]);
}

#[test]
fn inputs_come_in_one_request_a_peer_and_the_task_runs_when_all_are_here() {
    let mut worker = machine(Settings::default());
    let given = worker.given(vec![task(9, 1, &[on(0, &[1]), on(1, &[1]), on(2, &[2]), on(0, &[1])])]);
    assert_eq!(given, [fetch(1, 0, &[0, 1]), fetch(2, 1, &[2])]);
    assert_eq!(worker.after(fetched(1, &[2], &[])), [added(&[(2, 100)])]);
    assert_eq!(worker.after(fetched(0, &[0, 1], &[])), [added(&[(0, 100), (1, 100)]), run(9, &[0, 1, 2, 0])]);
}

#[test]
fn of_several_holders_the_least_busy_is_asked_and_the_other_one_if_it_fails() {
    let mut worker = machine(Settings { fetch_bytes_max: 100, ..Settings::default() });
    let given = worker.given(vec![task(8, 0, &[on(0, &[1])]), task(9, 0, &[on(1, &[1, 2])])]);
    assert_eq!(given, [fetch(1, 0, &[0]), fetch(2, 1, &[1])]);
    assert_eq!(worker.after(Event::FetchFailed { request: 1 }), [fetch(1, 2, &[1])]);
    let missing = FromWorker::Missing { task: t(1), at: vec![w(2), w(1)], dependents: vec![(t(9), RunId(0))] };
    assert_eq!(worker.after(fetched(2, &[], &[1])), [Action::Report(missing)]);
    assert_eq!(worker.after(fetched(0, &[0], &[])), [added(&[(0, 100)]), run(8, &[0])]);
}

#[test]
fn requests_are_bounded_in_bytes_a_peer_and_in_all() {
    let settings = Settings { fetch_bytes_max: 200, fetches_per_peer: 1, fetches_max: 2, ..Settings::default() };
    let mut worker = machine(settings);
    let inputs: Vec<_> = (0..9).map(|slot| on(slot, &[slot % 3])).collect();
    assert_eq!(worker.given(vec![task(99, 0, &inputs)]), [fetch(0, 0, &[0, 3]), fetch(1, 1, &[1, 4])]);
    // Whoever has the most urgent is asked next.
    assert_eq!(worker.after(fetched(0, &[0, 3], &[])), [added(&[(0, 100), (3, 100)]), fetch(2, 2, &[2, 5])]);
    assert_eq!(worker.after(fetched(2, &[2, 5], &[])), [added(&[(2, 100), (5, 100)]), fetch(0, 3, &[6])]);
}

#[test]
fn a_value_that_cannot_leave_its_process_fails_those_who_need_it() {
    let mut worker = machine(Settings::default());
    worker.given(vec![task(9, 4, &[on(0, &[1])])]);
    let refused = vec![(t(0), "a closure".to_owned())];
    let answer = Event::Fetched { request: 0, found: Vec::new(), missing: Vec::new(), refused, last: true };
    let failure = Failure::Malformed { why: "a closure".to_owned() };
    let failed = FromWorker::Failed { task: t(9), run: RunId(4), failure };
    assert_eq!(worker.after(answer), [Action::Report(failed)]);
    assert!(worker.is_empty());
}

#[test]
fn what_has_not_started_is_given_back_and_what_runs_is_not() {
    let mut worker = machine(Settings::default());
    worker.given(vec![task(1, 0, &[]), task(2, 0, &[]), task(3, 0, &[on(0, &[1])])]);
    let all = vec![(t(1), RunId(0)), (t(2), RunId(0)), (t(3), RunId(0)), (t(2), RunId(9))];
    let kept = FromWorker::Kept(vec![(t(1), RunId(0))]);
    assert_eq!(worker.told(ToWorker::Retract(all)), [retracted(&[(2, 0), (3, 0)]), Action::Report(kept)]);
    assert_eq!(worker.ran_well(1, 8), [finished(1, 0, 8)]);
}

#[test]
fn a_task_given_again_while_its_old_run_goes_on_is_reported_as_the_new_run() {
    let mut worker = machine(Settings::default());
    worker.given(vec![task(1, 0, &[])]);
    assert_eq!(worker.told(ToWorker::Free(vec![t(1)])), []);
    assert_eq!(worker.given(vec![task(1, 5, &[])]), []);
    assert_eq!(worker.ran_well(1, 8), [finished(1, 5, 8)]);
}

#[test]
fn what_is_freed_while_it_runs_is_dropped_when_it_is_done_and_its_inputs_with_it() {
    let mut worker = machine(Settings::default());
    worker.put(0, 100);
    worker.given(vec![task(1, 0, &[on(0, &[0])])]);
    assert_eq!(worker.told(ToWorker::Free(vec![t(0), t(1)])), []);
    assert_eq!(worker.ran_well(1, 8), [Action::Drop(vec![t(0)]), Action::Drop(vec![t(1)])]);
    assert!(worker.is_empty());
}

#[test]
fn what_is_freed_while_it_is_fetched_is_dropped_when_it_comes() {
    let mut worker = machine(Settings::default());
    worker.told(ToWorker::Acquire(vec![on(0, &[1])]));
    assert_eq!(worker.told(ToWorker::Free(vec![t(0)])), []);
    assert_eq!(worker.after(fetched(0, &[0], &[])), [Action::Drop(vec![t(0)])]);
    assert!(worker.is_empty());
}

#[test]
fn a_copy_that_is_here_already_is_acquired_at_once() {
    let mut worker = machine(Settings::default());
    worker.put(0, 100);
    assert_eq!(worker.told(ToWorker::Acquire(vec![on(0, &[1])])), [added(&[(0, 100)])]);
}

#[test]
fn a_task_whose_value_comes_from_elsewhere_need_not_run() {
    let mut worker = machine(Settings::default());
    worker.given(vec![task(0, 0, &[]), task(1, 3, &[])]);
    let finished = FromWorker::Finished { task: t(1), run: RunId(3), nbytes: 50, nanos: 0, dropped: 0 };
    assert_eq!(worker.put(1, 50), [Action::Report(finished), added(&[(1, 50)])]);
    assert_eq!(worker.ran_well(0, 1), [super::finished(0, 0, 1)]);
}

#[test]
fn a_failure_is_reported_and_its_inputs_can_go() {
    let mut worker = machine(Settings::default());
    worker.put(0, 100);
    worker.given(vec![task(1, 0, &[on(0, &[0])])]);
    let failure = Failure::Error { chain: vec!["no".to_owned()] };
    let failed = FromWorker::Failed { task: t(1), run: RunId(0), failure: failure.clone() };
    let over = Event::Ran { task: t(1), result: Err(failure), nanos: 7 };
    assert_eq!(worker.after(over), [Action::Report(failed)]);
    assert_eq!(worker.told(ToWorker::Free(vec![t(0)])), [Action::Drop(vec![t(0)])]);
}

#[test]
fn what_is_given_ahead_runs_when_its_input_is_made() {
    let mut worker = machine(Settings::default());
    assert_eq!(
        worker.given(vec![task(0, 0, &[]), task(1, 1, &[on(0, &[])]), task(2, 2, &[on(1, &[])])]),
        [run(0, &[])]
    );
    assert_eq!(worker.ran_well(0, 8), [finished(0, 0, 8), run(1, &[0])]);
    assert_eq!(worker.ran_well(1, 8), [finished(1, 1, 8), run(2, &[1])]);
}

#[test]
fn what_was_given_ahead_of_a_failure_is_given_back() {
    let mut worker = machine(Settings::default());
    worker.given(vec![task(0, 0, &[]), task(1, 1, &[on(0, &[])]), task(2, 2, &[on(1, &[])])]);
    let failure = Failure::Error { chain: vec!["no".to_owned()] };
    let failed = Action::Report(FromWorker::Failed { task: t(0), run: RunId(0), failure: failure.clone() });
    let over = Event::Ran { task: t(0), result: Err(failure), nanos: 7 };
    assert_eq!(worker.after(over), [failed, retracted(&[(1, 1), (2, 2)])]);
    assert!(worker.is_empty());
}

#[test]
fn what_was_given_ahead_goes_back_with_what_it_waits_for() {
    let mut worker = machine(Settings { n_threads: 1, ..Settings::default() });
    worker.given(vec![task(0, 0, &[]), task(1, 1, &[]), task(2, 2, &[on(1, &[])])]);
    let retract = ToWorker::Retract(vec![(t(1), RunId(1))]);
    assert_eq!(worker.told(retract), [retracted(&[(2, 2)]), retracted(&[(1, 1)])]);
    // And one that comes too late for what it is to wait for.
    assert_eq!(worker.given(vec![task(3, 3, &[on(1, &[])])]), [retracted(&[(3, 3)])]);
}

//! To disk and back; stopping when that does not help.

use super::*;

fn small() -> Machine {
    machine(Settings { memory_limit: 1000, ..Settings::default() })
}

fn tick(resident: u64) -> Event {
    Event::Tick { resident, cpu_percent: 0.0, received: 0, sent: 0 }
}

#[test]
fn what_was_used_least_recently_goes_to_disk_and_what_runs_uses_does_not() {
    let mut worker = small();
    (0..3).for_each(|slot| drop(worker.put(slot, 200)));
    assert_eq!(worker.given(vec![task(9, 0, &[on(0, &[0])])]), [run(9, &[0])]);
    assert_eq!(worker.put(3, 150), [added(&[(3, 150)]), Action::Spill(t(1))]);
    assert_eq!(worker.after(Event::Spilled { task: t(1), ok: true }), [Action::Evict(t(1))]);
    assert_eq!(worker.memory(), (550, 200));
}

#[test]
fn a_task_that_needs_what_is_on_disk_waits_until_it_is_read() {
    let mut worker = small();
    worker.put(0, 700);
    worker.after(Event::Spilled { task: t(0), ok: true });
    assert_eq!(worker.memory(), (0, 700));
    assert_eq!(worker.given(vec![task(9, 0, &[on(0, &[0])])]), [Action::Restore(t(0))]);
    assert_eq!(worker.given(vec![task(10, 0, &[on(0, &[0])])]), []);
    let restored = worker.after(Event::Restored { task: t(0), ok: true });
    assert_eq!(restored, [run(9, &[0])]);
    assert_eq!(worker.ran_well(9, 10), [finished(9, 0, 10), run(10, &[0]), Action::Spill(t(9))]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_lost_value_and_those_who_wait_are_given_back() {
    let mut worker = small();
    worker.put(0, 700);
    worker.after(Event::Spilled { task: t(0), ok: true });
    worker.given(vec![task(9, 2, &[on(0, &[0])])]);
    let lost = Action::Report(FromWorker::Lost(vec![t(0)]));
    assert_eq!(
        worker.after(Event::Restored { task: t(0), ok: false }),
        [Action::Drop(vec![t(0)]), lost, retracted(&[(9, 2)])]
    );
}

#[test]
fn a_full_disk_is_tried_again_at_the_next_tick() {
    let mut worker = small();
    worker.put(0, 650);
    assert_eq!(worker.after(Event::Spilled { task: t(0), ok: false }), []);
    assert_eq!(worker.put(1, 10), [added(&[(1, 10)])]);
    assert!(worker.after(tick(0)).contains(&Action::Spill(t(0))));
}

#[test]
fn a_value_that_cannot_be_written_does_not_stand_in_the_way_of_others() {
    let mut worker = small();
    worker.put(0, 650);
    let paused = Action::Report(FromWorker::Paused(true));
    assert_eq!(worker.put(1, 650), [added(&[(1, 650)]), paused, Action::Spill(t(1))]);
    assert_eq!(worker.after(Event::Unspillable { task: t(0) }), []);
    let spilled = worker.after(Event::Spilled { task: t(1), ok: true });
    assert_eq!(spilled, [Action::Evict(t(1)), Action::Report(FromWorker::Paused(false))]);
    assert_eq!(worker.memory(), (650, 650));
}

#[test]
fn a_worker_stops_above_one_threshold_and_goes_on_below_another() {
    let mut worker = machine(Settings { memory_limit: 1000, n_threads: 2, ..Settings::default() });
    worker.put(0, 10);
    assert!(worker.after(tick(850)).contains(&Action::Report(FromWorker::Paused(true))));
    // One at a time: it may be what frees memory.
    assert_eq!(worker.given(vec![task(1, 0, &[]), task(2, 0, &[])]), [run(1, &[])]);
    assert_eq!(worker.after(tick(750)).len(), 1);
    let resumed = worker.after(tick(650));
    assert_eq!(resumed[1..], [Action::Report(FromWorker::Paused(false)), run(2, &[])]);
}

#[test]
fn a_worker_that_is_paused_and_can_free_nothing_goes_on_a_little() {
    let mut worker = small();
    let (pauses, goes_on) = (FromWorker::Paused(true), FromWorker::Paused(false));
    assert_eq!(worker.after(tick(850))[1..], [Action::Report(pauses.clone())]);
    (0..9).for_each(|_| assert_eq!(worker.after(Event::Measured { resident: 850 }), []));
    assert_eq!(worker.after(tick(850))[1..], [Action::Report(goes_on.clone())]);
    assert_eq!(worker.given(vec![task(1, 0, &[])]), [run(1, &[])]);
    // It is looked at again while the task runs, and for longer.
    assert_eq!(worker.after(tick(850))[1..], [Action::Report(pauses)]);
    (0..99).for_each(|_| assert_eq!(worker.after(Event::Measured { resident: 850 }), []));
    worker.ran_well(1, 10);
    // What it made goes to disk first.
    let spills = worker.after(tick(850));
    assert!(spills.contains(&Action::Spill(t(1))) || worker.memory() == (10, 0), "{spills:?}");
    worker.after(Event::Spilled { task: t(1), ok: true });
    (0..9).for_each(|_| assert_eq!(worker.after(Event::Measured { resident: 850 }), []));
    assert_eq!(worker.after(Event::Measured { resident: 850 }), [Action::Report(goes_on)]);
}

#[test]
fn memory_that_no_value_accounts_for_is_made_up_for_by_values() {
    let mut worker = small();
    (0..4).for_each(|slot| drop(worker.put(slot, 100)));
    let actions = worker.after(tick(750));
    assert_eq!(actions[1..], [Action::Spill(t(0)), Action::Spill(t(1))]);
    let mut shared = machine(Settings { memory_limit: 1000, own_process: false, ..Settings::default() });
    shared.put(0, 100);
    assert_eq!(shared.after(tick(5000)).len(), 1);
}

#[test]
fn inputs_that_are_more_than_should_be_in_memory_are_gathered_all_the_same() {
    let mut worker = small();
    for slot in 0..3 {
        assert_eq!(worker.put(slot, 601)[1], Action::Spill(t(slot)));
        worker.after(Event::Spilled { task: t(slot), ok: true });
    }
    let inputs = [on(0, &[0]), on(1, &[0]), on(2, &[0])];
    let restore = [Action::Restore(t(0)), Action::Restore(t(1)), Action::Restore(t(2))];
    assert_eq!(worker.given(vec![task(9, 0, &inputs)]), restore);
    for slot in 0..2 {
        worker.after(Event::Restored { task: t(slot), ok: true });
    }
    assert_eq!(worker.after(Event::Restored { task: t(2), ok: true }), [run(9, &[0, 1, 2])]);
}

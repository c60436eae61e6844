//! Delayed calls on every scheduler.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dask_core::delayed::{call, call_named, call_pure, gather, try_call, try_call_pure};
use dask_core::{Collection, Delayed, RunContext, Scheduler, compute, delayed, with_scheduler};
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};

fn inc(x: i64) -> i64 {
    x + 1
}
fn safe_inc(x: i64) -> Result<i64, std::num::TryFromIntError> {
    Ok(i64::from(i32::try_from(x)?) + 1)
}
fn add(x: i64, y: i64) -> i64 {
    x + y
}
#[allow(clippy::needless_pass_by_value, reason = "a delayed function is given its parameters")]
fn total(of: Vec<i64>) -> i64 {
    of.iter().sum()
}

fn everywhere<C: Collection>(collection: &C, expected: &C::Output)
where
    C::Output: PartialEq + std::fmt::Debug,
{
    let schedulers: [&dyn Scheduler; 3] = [&SyncScheduler, &ThreadedScheduler::new(3), &RoundTripScheduler];
    for scheduler in schedulers {
        let found = collection.compute_with(scheduler, &RunContext::default()).unwrap();
        assert_eq!(&found, expected, "{}", scheduler.name());
    }
}

#[test]
fn calls_of_calls() {
    let (a, b) = (delayed!(inc(1)), delayed!(inc(2)));
    everywhere(&delayed!(add(&a, b)), &5);
    everywhere(&a.map(|x| x * 10), &20);
    everywhere(&a.zip(&Delayed::value("x".to_owned())), &(2, "x".to_owned()));
    let (left, right) = a.zip(&a.map(|x| -x)).unzip();
    everywhere(&(left, right), &(2, -2));
    everywhere(&call(|| 7u8, ()), &7);
}

#[test]
fn lists_and_maps_of_delayed_values_are_arguments() {
    let parts: Vec<Delayed<i64>> = (0..100).map(|i| delayed!(inc(i))).collect();
    everywhere(&delayed!(total(parts)), &5050);
    let by_name: BTreeMap<String, Delayed<i64>> = (0..3).map(|i| (i.to_string(), delayed!(inc(i)))).collect();
    let text = call(|map: BTreeMap<String, i64>| format!("{map:?}"), (by_name,));
    everywhere(&text, &"{\"0\": 1, \"1\": 2, \"2\": 3}".to_owned());
    let by_number: HashMap<i64, Delayed<i64>> = (0..50).map(|i| (i, delayed!(inc(i)))).collect();
    let all_next = call(|map: HashMap<i64, i64>| map.iter().all(|(k, v)| *v == k + 1) && map.len() == 50, (by_number,));
    everywhere(&all_next, &true);
}

/// Where the items of a list are.
fn address(list: Arc<Vec<i64>>) -> u64 {
    list.as_ptr().addr() as u64
}

#[test]
fn shared_parameters_are_not_copied() {
    let list = call(|n: i64| (0..n).collect::<Vec<i64>>(), (3,));
    let at: Vec<Delayed<u64>> = (0..4).map(|_| call(address, (&list,))).collect();
    let _guard = with_scheduler(Arc::new(SyncScheduler));
    let at = compute(at).unwrap();
    assert!(at.iter().all(|address| *address == at[0]), "{at:?}");
    // What is given as it is can be shared too; and they travel as others do.
    let sum = call(|list: Arc<Vec<i64>>, by: i64| list.iter().sum::<i64>() * by, (vec![1i64, 2], call(inc, (1,))));
    everywhere(&sum, &6);
}

#[test]
fn options_and_tuples_of_delayed_values_are_arguments() {
    let (a, b) = (delayed!(inc(1)), delayed!(inc(2)));
    let or = |x: Option<i64>, y: Option<i64>| x.unwrap_or(10) + y.unwrap_or(100);
    everywhere(&call(or, (Some(a.clone()), None::<Delayed<i64>>)), &102);
    everywhere(&call(or, (Some(5i64), Some(b.clone()))), &8);
    everywhere(&call(|pair: (i64, i64)| pair.0 - pair.1, ((a.clone(), b.clone()),)), &-1);
    let triple = (a.clone(), b.map(|x| x.to_string()), a.map(|x| x > 1));
    let text = call(|triple: (i64, String, bool)| format!("{triple:?}"), (triple,));
    everywhere(&text, &"(2, \"3\", true)".to_owned());
}

#[test]
fn equal_containers_of_equal_values_are_one_layer() {
    let parts = |n: i64| (0..n).map(|i| call_pure(inc, (i,))).collect::<Vec<_>>();
    let of = |n: i64| call_pure(total, (parts(n),));
    assert_eq!(of(3).key(), of(3).key());
    assert_eq!(of(3).layer().inputs()[0].name(), of(3).layer().inputs()[0].name());
    assert_ne!(of(3).layer().inputs()[0].name(), of(4).layer().inputs()[0].name());
    let map = |n: i64| {
        let map: HashMap<String, Delayed<i64>> = (0..n).map(|i| (i.to_string(), call_pure(inc, (i,)))).collect();
        call_pure(|map: HashMap<String, i64>| map.len() as u64, (map,))
    };
    assert_eq!(map(9).key(), map(9).key());
    assert_eq!(map(9).layer().inputs()[0].name(), map(9).layer().inputs()[0].name());
    everywhere(&(of(3), map(9), of(3), map(9)), &(6, 9, 6, 9));
    let wrong = || try_call_pure(|x: i64| if x > 0 { Err("positive") } else { Ok(x) }, (1i64,));
    assert_eq!(try_call_pure(safe_inc, (1i64,)).key(), try_call_pure(safe_inc, (1i64,)).key());
    everywhere(&try_call_pure(safe_inc, (1i64,)), &2);
    let error = wrong().compute_with(&SyncScheduler, &RunContext::default()).unwrap_err();
    assert!(error.to_string().contains("positive"), "{error}");
}

#[test]
fn an_error_names_the_task() {
    let wrong = try_call(|text: String| text.parse::<i64>(), ("x1".to_owned(),)).named("parsed").map(|x| x);
    let error = wrong.compute_with(&ThreadedScheduler::new(2), &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("invalid digit found in string"), "{error}");
    let boom = call(|x: i64| 10 / x, (0i64,));
    let error = boom.compute_with(&SyncScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(error.starts_with("task closure-") && error.contains("panicked: attempt to divide by zero"), "{error}");
}

#[test]
fn a_step_of_a_fused_task_is_named_whether_it_fails_or_panics() {
    // One task of four steps.
    let around = |failing: fn(Delayed<i64>) -> Delayed<i64>| {
        let before = call_named("before", inc, (Delayed::value(1i64),));
        call_named("last", inc, (call_named("after", inc, (failing(before),)),))
    };
    let panics = around(|x| call_named("boom", |x: i64| if x > 0 { panic!("at {x}") } else { x }, (x,)));
    let fails = around(|x| x.and_then(|x: i64| if x > 0 { Err(format!("at {x}")) } else { Ok(x) }));
    let schedulers: [Arc<dyn Scheduler>; 3] =
        [Arc::new(SyncScheduler), Arc::new(ThreadedScheduler::new(2)), Arc::new(RoundTripScheduler)];
    for scheduler in schedulers {
        let why = |lazy: &Delayed<i64>| lazy.compute_with(&*scheduler, &RunContext::default()).unwrap_err().to_string();
        let (panicked, failed) = (why(&panics), why(&fails));
        assert!(panicked.ends_with("failed: boom: panicked: at 2 (in last)"), "{}: {panicked}", scheduler.name());
        assert!(failed.ends_with("failed: closure: at 2 (in last)"), "{}: {failed}", scheduler.name());
    }
}

#[test]
fn equal_pure_calls_share_a_key() {
    let x = Delayed::value(1i64).named("x");
    assert_eq!(call_pure(inc, (x.clone(),)).key(), call_pure(inc, (x.clone(),)).key());
    assert_ne!(call_pure(inc, (x.clone(),)).key(), call_pure(|x: i64| x, (x.clone(),)).key());
    assert_ne!(call(inc, (x.clone(),)).key(), call(inc, (x,)).key());
}

#[test]
fn shared_work_is_done_once_and_persist_keeps_it() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let slow = call(
        move |x: i64| {
            counted.fetch_add(1, Ordering::SeqCst);
            x
        },
        (1i64,),
    );
    let guard = with_scheduler(Arc::new(ThreadedScheduler::new(2)));
    assert_eq!(compute((slow.map(|x| x + 1), slow.map(|x| x + 2), &slow)).unwrap(), (2, 3, 1));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let kept = slow.persist().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(kept.map(|x| x * 5).compute().unwrap(), 5);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    drop(guard);
}

#[test]
fn a_captured_variable_is_named_where_it_cannot_travel() {
    let by = std::hint::black_box(3i64);
    let task = call(move |x: i64| x * by, (2i64,));
    assert_eq!(task.compute_with(&SyncScheduler, &RunContext::default()).unwrap(), 6);
    let error = task.compute_with(&RoundTripScheduler, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("captured variables (8 bytes)"), "{error}");
}

#[test]
fn containers_nest_to_any_depth() {
    let of = |n: i64| (0..n).map(Delayed::value).collect::<Vec<_>>();
    let sums = |rows: Vec<Vec<i64>>| rows.into_iter().map(total).collect::<Vec<i64>>();
    everywhere(&call(sums, (vec![of(2), vec![], of(4)],)), &vec![1, 0, 6]);
    let by_name: BTreeMap<String, Vec<Delayed<i64>>> = [("a".to_owned(), of(3)), ("b".to_owned(), of(1))].into();
    let hashed: HashMap<String, Vec<Delayed<i64>>> = by_name.clone().into_iter().collect();
    let longest = |lists: BTreeMap<String, Vec<i64>>| lists.values().map(Vec::len).max().unwrap_or(0) as u64;
    everywhere(&call(longest, (by_name,)), &3);
    everywhere(&call(|lists: HashMap<String, Vec<i64>>| lists["a"].clone(), (hashed,)), &vec![0, 1, 2]);
    let deep: Delayed<Vec<Vec<Vec<i64>>>> = gather(vec![gather(vec![of(1), of(2)]), gather(vec![of(3)])]);
    everywhere(&deep, &vec![vec![vec![0], vec![0, 1]], vec![vec![0, 1, 2]]]);
}

#[test]
fn operators_indices_and_parts_are_tasks() {
    let (a, b) = (Delayed::value(7i64), Delayed::value(2i64));
    everywhere(&((&a + &b) * (&a - &b)), &45);
    everywhere(&(-(&a % &b) + a.clone() / b.clone()), &2);
    everywhere(&Delayed::value(vec![5i64, 6]).get(1), &6);
    let missing = Delayed::value(vec![5i64, 6]).get(2).compute_with(&SyncScheduler, &RunContext::default());
    assert!(missing.unwrap_err().to_string().contains("no item at 2 of 2"));
    let (x, y, z) = Delayed::value((1i64, "two".to_owned(), 3.0)).unzip();
    everywhere(&(x, y, z), &(1, "two".to_owned(), 3.0));
    let (_, _, _, last) = call(|x: i64| (x, x + 1, x + 2, x + 3), (a,)).unzip();
    everywhere(&last, &10);
}

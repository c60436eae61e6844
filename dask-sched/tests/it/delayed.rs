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
#[expect(clippy::needless_pass_by_value, reason = "a delayed function is given its parameters")]
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
    let deep: Delayed<Vec<Vec<Vec<i64>>>> = gather(vec![vec![of(1), of(2)], vec![of(3)]]);
    everywhere(&deep, &vec![vec![vec![0], vec![0, 1]], vec![vec![0, 1, 2]]]);

    type Mixed<T> = BTreeMap<String, (Option<Vec<T>>, HashMap<u8, (T, T, T)>)>;
    let (x, y) = (delayed!(inc(1)), delayed!(inc(2)));
    let mixed: Mixed<Delayed<i64>> = BTreeMap::from([
        ("a".to_owned(), (Some(vec![x.clone(), y.clone()]), HashMap::new())),
        ("b".to_owned(), (None, HashMap::from([(7, (y.clone(), x.clone(), x.clone()))]))),
    ]);
    let expected: Mixed<i64> = BTreeMap::from([
        ("a".to_owned(), (Some(vec![2, 3]), HashMap::new())),
        ("b".to_owned(), (None, HashMap::from([(7, (3, 2, 2))]))),
    ]);
    everywhere(&gather(mixed.clone()), &expected);
    assert_eq!(gather(mixed.clone()).key(), gather(mixed).key());
    // Borrowed, in arrays, and shared by the function.
    let parts = [x.clone(), y.clone()];
    everywhere(&call(|of: Arc<Vec<i64>>| of.len() as u64, (&parts[..],)), &2);
    everywhere(&delayed!(total([&x, &y, &x])), &7);
    everywhere(&delayed!(total(&vec![x, y])), &5);
    let eight = of(8);
    let tuple = eight.iter().zip(&eight).collect::<Vec<_>>();
    everywhere(&gather::<Vec<(i64, i64)>>(tuple), &(0..8).map(|i| (i, i)).collect());
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
    let eight = call(|x: i64| (x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7), (&a,)).unzip();
    everywhere(&eight, &(7, 8, 9, 10, 11, 12, 13, 14));
    everywhere(&call(|n: i64| (0..n).collect::<Vec<_>>(), (3i64,)).split(3), &vec![0, 1, 2]);
    let fewer = Delayed::value(vec![5i64, 6]).split(1).compute_with(&SyncScheduler, &RunContext::default());
    assert!(fewer.unwrap_err().to_string().contains("split into 1 items where there are 2"));
}

#[test]
fn values_stand_on_either_side_of_an_operator() {
    let (a, x) = (Delayed::value(7i64), Delayed::value(1.5));
    everywhere(&(2.0 * &x + 1.0 - x.clone() / 3.0), &3.5);
    everywhere(&(10 - (&a - 3) % 3), &9);
    everywhere(&(&a + &Delayed::value(1) - a.clone()), &1);
    everywhere(&(!((&a & 3) | 8) ^ (&a << 2u32) >> 1u32), &(!((7 & 3) | 8) ^ (7 << 2) >> 1));
    everywhere(
        &(-&x, a.gt(6), a.le(Delayed::value(6)), a.eq(7), a.ne(7), x.lt(2.0), x.ge(1.5)),
        &(-1.5, true, false, true, false, true, true),
    );
}

#[test]
fn keys_of_maps_and_positions_may_be_delayed() {
    let ages = BTreeMap::from([("ann".to_owned(), 31i64), ("bob".to_owned(), 27)]);
    let hashed: HashMap<String, i64> = ages.clone().into_iter().collect();
    let (ages, hashed) = (Delayed::value(ages), Delayed::value(hashed));
    let name = call(|n: i64| if n == 0 { "ann".to_owned() } else { "bob".to_owned() }, (1i64,));
    everywhere(&(ages.get("ann".to_owned()), ages.get(&name), hashed.get(name)), &(31, 27, 27));
    let missing = hashed.get("eve".to_owned()).compute_with(&SyncScheduler, &RunContext::default());
    assert!(missing.unwrap_err().to_string().contains("no key \"eve\" among 2"));
    everywhere(&Delayed::value(vec![5i64, 6]).get(Delayed::value(1usize)), &6);
}

#[test]
fn the_macro_calls_purely_and_what_may_fail() {
    let a = Delayed::value(1i64);
    assert_eq!(delayed!(pure inc(&a)).key(), delayed!(pure inc(&a)).key());
    assert_eq!(delayed!(pure safe_inc(&a)?).key(), delayed!(pure safe_inc(&a)?).key());
    assert_ne!(delayed!(inc(&a)).key(), delayed!(inc(&a)).key());
    assert_ne!(delayed!(safe_inc(&a)?).key(), delayed!(safe_inc(&a)?).key());
    everywhere(&delayed!(safe_inc(delayed!(pure safe_inc(a)?))?), &3);
    let wrong = delayed!(safe_inc(1 << 40)?).compute_with(&SyncScheduler, &RunContext::default()).unwrap_err();
    assert!(wrong.to_string().starts_with("task safe_inc-"), "{wrong}");
    // A function may have the name of what would make it pure.
    let pure = |x: i64| 2 * x;
    everywhere(&delayed!(pure(21)), &42);
}

/// How often `counted` ran.
static RUNS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn counted(x: i64) -> i64 {
    RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    x + 1
}

#[test]
fn equal_graphs_that_are_computed_together_run_once() {
    let graph = || {
        let table = Delayed::value(HashMap::from([(1u8, vec![1i64, 2]), (2, vec![3]), (3, vec![])]));
        let sums: Vec<Delayed<i64>> = (1..=3).map(|i| delayed!(pure total(table.get(i)))).collect();
        delayed!(pure counted(delayed!(pure total(&sums)) + sums[0].clone()))
    };
    assert_eq!(graph().key(), graph().key());
    let _guard = with_scheduler(Arc::new(ThreadedScheduler::new(2)));
    let found = compute((graph(), graph())).unwrap();
    assert_eq!(found, (10, 10));
    assert_eq!(RUNS.load(std::sync::atomic::Ordering::Relaxed), 1);
}

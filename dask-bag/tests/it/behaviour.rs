//! Behaviour of bags: any partitioning = one partition, any scheduler = sync.

use std::collections::BTreeMap;

use dask_bag::Bag;
use dask_core::{Collection, RunContext};
use dask_sched::SyncScheduler;
use proptest::prelude::*;

use crate::schedulers::others;

fn everywhere<C: Collection>(collection: &C) -> C::Output
where
    C::Output: PartialEq + std::fmt::Debug,
{
    let expected = collection.compute_with(&SyncScheduler, &RunContext::default()).unwrap();
    for scheduler in others() {
        let found = collection.compute_with(&*scheduler, &RunContext::default()).unwrap();
        assert_eq!(found, expected, "{}", scheduler.name());
    }
    expected
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-d]{0,2}", 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn results_do_not_depend_on_partitions(items in words(), n in 1usize..12, k in 1usize..5) {
        let bag = Bag::from_sequence(items.clone(), n);
        prop_assert_eq!(everywhere(&bag), items.clone());
        prop_assert_eq!(everywhere(&bag.map(|w| w.len())), items.iter().map(String::len).collect::<Vec<_>>());
        let kept: Vec<String> = items.iter().filter(|w| w.contains('a')).cloned().collect();
        prop_assert_eq!(everywhere(&bag.filter(|w| w.contains('a'))), kept);
        let chars: Vec<char> = items.iter().flat_map(|w| w.chars().collect::<Vec<_>>()).collect();
        prop_assert_eq!(everywhere(&bag.flat_map(|w| w.chars().collect::<Vec<_>>())), chars);
        let without: Vec<String> = items.iter().filter(|w| !w.contains('a')).cloned().collect();
        prop_assert_eq!(everywhere(&bag.remove(|w| w.contains('a'))), without);
        let firsts: Vec<char> = items.iter().filter_map(|w| w.chars().next()).collect();
        prop_assert_eq!(everywhere(&bag.pluck(|w| w.chars().next())), firsts);
        let letters: Vec<char> = items.iter().flat_map(|w| w.chars()).collect();
        prop_assert_eq!(everywhere(&bag.map(|w| w.chars().collect::<Vec<_>>()).flatten()), letters);
        let sizes = everywhere(&bag.map_partitions("sizes", |words| vec![words.len()]));
        prop_assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (bag.n_partitions(), items.len()));
        prop_assert_eq!(everywhere(&bag.any(|w| w.len() == 2)), items.iter().any(|w| w.len() == 2));
        prop_assert_eq!(everywhere(&bag.all(|w| w.len() < 2)), items.iter().all(|w| w.len() < 2));
        let joined = bag.reduction(|words| words.concat(), |parts| parts.concat(), k);
        prop_assert_eq!(everywhere(&joined), items.concat());
        prop_assert_eq!(everywhere(&bag.count()), items.len() as u64);
        let total = bag.fold(0u64, |sum, w| sum + w.len() as u64, |a, b| a + b);
        prop_assert_eq!(everywhere(&total), items.iter().map(|w| w.len() as u64).sum::<u64>());
        let (fewer, most) = (bag.repartition(k), bag.n_partitions().min(k));
        prop_assert!(fewer.n_partitions() <= most, "{} of {most}", fewer.n_partitions());
        prop_assert_eq!(everywhere(&fewer), items.clone());
        prop_assert_eq!(everywhere(&Bag::concat(&[bag.clone(), fewer])), [items.clone(), items.clone()].concat());
        prop_assert_eq!(everywhere(&bag.take(k, bag.n_partitions())), items.iter().take(k).cloned().collect::<Vec<_>>());
        if let (Some(least), Some(most)) = (items.iter().min(), items.iter().max()) {
            prop_assert_eq!((&everywhere(&bag.min()), &everywhere(&bag.max())), (least, most));
        }

        let mut counts: Vec<(String, u64)> = Vec::new();
        for word in &items {
            match counts.iter_mut().find(|(known, _)| known == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word.clone(), 1)),
            }
        }
        prop_assert_eq!(everywhere(&bag.frequencies()), counts.clone());
        prop_assert_eq!(everywhere(&bag.distinct()), counts.into_iter().map(|(w, _)| w).collect::<Vec<_>>());

        let mut sorted = items.clone();
        sorted.sort_by_key(|w| std::cmp::Reverse(w.clone()));
        sorted.truncate(k);
        prop_assert_eq!(everywhere(&bag.topk(k, Clone::clone)), sorted);

        let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        items.iter().for_each(|w| groups.entry(w.len()).or_default().push(w.clone()));
        let found: BTreeMap<usize, Vec<String>> = everywhere(&bag.groupby(String::len, k)).into_iter().collect();
        prop_assert_eq!(found, groups);
    }

    #[test]
    fn moments_are_those_of_the_whole(items in proptest::collection::vec(-1e6f64..1e6, 2..80), n in 1usize..12) {
        let bag = Bag::from_sequence(items.clone(), n);
        let mean = items.iter().sum::<f64>() / items.len() as f64;
        let var = items.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (items.len() - 1) as f64;
        prop_assert!((everywhere(&bag.mean()) - mean).abs() <= 1e-9 * mean.abs().max(1.0));
        prop_assert!((everywhere(&bag.var(1)) - var).abs() <= 1e-9 * var.max(1.0));
        let of_these = var * (items.len() - 1) as f64 / items.len() as f64;
        prop_assert!((everywhere(&bag.std(0)) - of_these.sqrt()).abs() <= 1e-9 * of_these.sqrt().max(1.0));
    }
}

#[test]
fn the_tutorial() {
    let bag = Bag::range(10, 3);
    assert_eq!(everywhere(&bag.filter(|x| x % 2 == 0).map(|x| x * x)), [0, 4, 16, 36, 64]);
    assert_eq!(everywhere(&bag.sum()), 45);
    assert_eq!((everywhere(&bag.min()), everywhere(&bag.max())), (0, 9));
    assert_eq!(everywhere(&bag.take(4, 1)), [0, 1, 2]);
    assert_eq!(everywhere(&bag.take(4, 3)), [0, 1, 2, 3]);
    assert_eq!(everywhere(&bag.map_with(10i64, |by, x| by * x).sum()), 450);
    assert_eq!(everywhere(&bag.zip(&bag.map(|x| x + 1)).unwrap().map(|(a, b)| a * b)).len(), 10);
    assert_eq!(everywhere(&Bag::concat(&[bag.clone(), bag.clone()]).count()), 20);
    assert_eq!(everywhere(&bag.map(|x| x + 1).filter_with(5i64, |least, x| x >= least)), [5, 6, 7, 8, 9, 10]);
    assert_eq!(everywhere(&bag.topk(4, |x| *x)), [9, 8, 7, 6]);
}

#[test]
fn what_is_empty_is_said() {
    let empty = Bag::from_sequence(Vec::<i64>::new(), 4);
    assert_eq!(everywhere(&empty.sum()), 0);
    let error = empty.max().compute().unwrap_err().to_string();
    assert!(error.contains("the smallest or largest of no items"), "{error}");
    let uneven = Bag::range(5, 2).zip(&Bag::range(6, 2)).unwrap().compute().unwrap_err().to_string();
    assert!(uneven.contains("zip: partition 0 has 2 items and 3"), "{uneven}");
    assert!(Bag::range(5, 2).zip(&Bag::range(6, 3)).is_err());
}

#[test]
fn consecutive_steps_are_one_task_a_partition() {
    let bag = Bag::range(100, 4).map(|x| x + 1).filter(|x| x % 3 == 0).map(|x| x * 2);
    let graph = dask_core::LayerGraph::new(&bag.layers()).unwrap();
    assert_eq!(dask_core::optimize::optimize(&graph, &bag.keys()).n_tasks(), 4);
}

#[test]
fn no_bags_make_one_empty_partition() {
    let none = Bag::<i64>::concat(&[]);
    assert_eq!(none.n_partitions(), 1);
    assert_eq!(everywhere(&none), Vec::<i64>::new());
    assert_eq!(everywhere(&none.sum()), 0);
    assert_eq!(everywhere(&none.repartition(3)), Vec::<i64>::new());
    assert_eq!(everywhere(&none.take(2, 2)), Vec::<i64>::new());
    assert_eq!(everywhere(&none.topk(2, |x| *x)), Vec::<i64>::new());
}

#[test]
fn foldby_moves_states_and_never_clones_a_grown_one() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Seen(Vec<i64>);
    dask_core::data!(Seen);
    impl Clone for Seen {
        fn clone(&self) -> Self {
            assert!(self.0.is_empty(), "a state of {} items was cloned", self.0.len());
            Self(Vec::new())
        }
    }
    let push = |mut seen: Seen, x| {
        seen.0.push(x);
        seen
    };
    let join = |mut a: Seen, b: Seen| {
        a.0.extend(b.0);
        a
    };
    let lists = Bag::range(100, 4).foldby(|x| x % 2, Seen(Vec::new()), push, join).compute().unwrap();
    assert_eq!(lists.iter().map(|(_, seen)| seen.0.len()).collect::<Vec<_>>(), [50, 50]);
}

/// Those of this test's program are all that the functions above make: two of one name could not be told apart by
/// another build of it.
#[test]
fn each_function_has_a_name_of_its_own() {
    let shared = dask_core::wire::local::shared_names();
    let ours: Vec<&str> = shared.into_iter().filter(|name| name.contains("dask_bag")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

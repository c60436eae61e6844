//! Any scheduler = sync, on random graphs, with failures.

use dask_core::{CancelToken, Error, Key, RunContext, Scheduler, Value};
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

use crate::functions::{Step, graph, layer};

fn tasks(with_failures: bool) -> impl Strategy<Value = Vec<(Step, Vec<u32>)>> {
    let task = (0u8..40, any::<u64>(), proptest::collection::vec(any::<u32>(), 0..4));
    proptest::collection::vec(task, 1..120).prop_map(move |tasks| {
        let task = |(i, (kind, seed, dependencies)): (usize, (u8, u64, Vec<u32>))| {
            let step = match kind {
                0 if with_failures => Step::Fail,
                1 if with_failures => Step::Panic,
                _ => Step::Hash(seed),
            };
            let dependencies = if i == 0 { vec![] } else { dependencies.iter().map(|d| d % i as u32).collect() };
            (step, dependencies)
        };
        tasks.into_iter().enumerate().map(task).collect()
    })
}

fn numbers(values: Vec<Value>) -> Vec<u64> {
    values.into_iter().map(|value| value.take::<u64>().unwrap()).collect()
}

fn outputs(all: &[Key], wanted: &[u32]) -> Vec<Key> {
    wanted.iter().map(|&w| all[w as usize % all.len()].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_scheduler_equals_sync(tasks in tasks(false), wanted in proptest::collection::vec(any::<u32>(), 1..6)) {
        let layer = layer(&tasks);
        let (graph, keys) = (graph(&layer), outputs(&layer.keys(), &wanted));
        let context = RunContext::default();
        let expected = numbers(SyncScheduler.run(&graph, &keys, &context).unwrap());
        for n in [1, 2, 5] {
            prop_assert_eq!(&numbers(ThreadedScheduler::new(n).run(&graph, &keys, &context).unwrap()), &expected);
        }
        let limited = RunContext::default().with_memory_limit(20);
        prop_assert_eq!(&numbers(ThreadedScheduler::new(3).run(&graph, &keys, &limited).unwrap()), &expected);
        #[cfg(feature = "rayon")]
        prop_assert_eq!(&numbers(dask_sched::RayonScheduler.run(&graph, &keys, &context).unwrap()), &expected);
        prop_assert_eq!(&numbers(RoundTripScheduler.run(&graph, &keys, &context).unwrap()), &expected);
    }

    #[test]
    fn a_failure_names_a_task_that_fails(tasks in tasks(true), wanted in proptest::collection::vec(any::<u32>(), 1..6)) {
        let layer = layer(&tasks);
        let (graph, keys) = (graph(&layer), outputs(&layer.keys(), &wanted));
        let context = RunContext::default();
        let expected = SyncScheduler.run(&graph, &keys, &context);
        let schedulers: &[&dyn Scheduler] = &[
            &ThreadedScheduler::new(1),
            &ThreadedScheduler::new(4),
            &RoundTripScheduler,
            #[cfg(feature = "rayon")]
            &dask_sched::RayonScheduler,
        ];
        for scheduler in schedulers {
            match (&expected, scheduler.run(&graph, &keys, &context)) {
                (Ok(values), Ok(found)) => prop_assert_eq!(numbers(values.clone()), numbers(found)),
                (Err(_), Err(Error::Task { key, source, .. })) => {
                    let step = tasks[key.index()[0] as usize].0;
                    prop_assert!(matches!(step, Step::Fail | Step::Panic));
                    prop_assert!(source.to_string().ends_with("as it was told"));
                }
                (expected, found) => prop_assert!(false, "{expected:?} {found:?}"),
            }
        }
    }

    #[test]
    fn a_cancelled_run_ends(tasks in tasks(false), after in 0u64..200) {
        let layer = layer(&tasks);
        let cancel = CancelToken::new();
        let context = RunContext::default().with_cancel(cancel.clone());
        let stopper = std::thread::spawn(move || {
            for _ in 0..after * 50 { std::hint::spin_loop(); }
            cancel.cancel();
        });
        match ThreadedScheduler::new(2).run(&graph(&layer), &layer.keys(), &context) {
            Ok(values) => prop_assert_eq!(values.len(), tasks.len()),
            Err(error) => prop_assert!(matches!(error, Error::Cancelled)),
        }
        stopper.join().unwrap();
    }
}

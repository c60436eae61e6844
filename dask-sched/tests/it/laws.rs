//! Any scheduler = sync, on random graphs, with failures and cancels, and nothing is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dask_core::layer::Materialized;
use dask_core::testing::{TestGraph, cancelled, values_or_failure};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Call, Error, LayerRef, RunContext, Scheduler, TaskError, TaskFn, Value};
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

use crate::functions::graph;

/// One task after another, in the order of priorities.
const IN_ORDER: [&dyn Scheduler; 2] = [&SyncScheduler, &RoundTripScheduler];

fn schedulers() -> Vec<Box<dyn Scheduler>> {
    vec![
        Box::new(SyncScheduler),
        Box::new(RoundTripScheduler),
        Box::new(ThreadedScheduler::new(1)),
        Box::new(ThreadedScheduler::new(2)),
        Box::new(ThreadedScheduler::new(5)),
        #[cfg(feature = "rayon")]
        Box::new(dask_sched::RayonScheduler),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_scheduler_finds_the_values(graph in TestGraph::random(120, false)) {
        for scheduler in schedulers() {
            for limit in [None, Some(20)] {
                let mut context = RunContext::default();
                context.memory_limit = limit;
                values_or_failure(&*scheduler, &graph, &context).map_err(TestCaseError::fail)?;
                prop_assert_eq!(graph.n_alive(), 0, "{} leaks", scheduler.name());
            }
        }
    }

    #[test]
    fn a_failure_names_a_task_that_fails(graph in TestGraph::random(120, true)) {
        for scheduler in schedulers() {
            for limit in [None, Some(20)] {
                let mut context = RunContext::default();
                context.memory_limit = limit;
                values_or_failure(&*scheduler, &graph, &context).map_err(TestCaseError::fail)?;
                prop_assert_eq!(graph.n_alive(), 0, "{} leaks", scheduler.name());
            }
        }
    }

    #[test]
    fn a_cancelled_run_ends(graph in TestGraph::random(120, true), at in any::<prop::sample::Index>()) {
        let n_needed = graph.needed().iter().filter(|needed| **needed).count();
        let after = 1 + at.index(n_needed);
        for scheduler in schedulers() {
            cancelled(&*scheduler, &graph, after).map_err(TestCaseError::fail)?;
            prop_assert_eq!(graph.n_alive(), 0, "{} leaks", scheduler.name());
        }
        for scheduler in IN_ORDER {
            let n_started = cancelled(scheduler, &graph, after).map_err(TestCaseError::fail)?;
            prop_assert!(n_started <= after, "{} starts {n_started} tasks, cancelled at {after}", scheduler.name());
        }
    }
}

/// The first fails; the others wait until it does, and sleep then.
struct Siblings {
    fails: AtomicBool,
    n_run: AtomicUsize,
}

impl Portable for Siblings {
    fn wire_name(&self) -> &'static str {
        "test.siblings"
    }
    fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Err(WireError::OpaqueType { type_name: "Siblings" })
    }
}

impl TaskFn for Siblings {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        if call.index() == [0] {
            self.fails.store(true, Ordering::SeqCst);
            return Err("the first fails".into());
        }
        while !self.fails.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        self.n_run.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(1));
        Ok(Value::new(()))
    }
}

#[test]
fn a_failure_cancels_the_siblings() {
    let n = 10_000;
    let schedulers: &[&dyn Scheduler] = &[
        &SyncScheduler,
        &ThreadedScheduler::new(1),
        &ThreadedScheduler::new(3),
        #[cfg(feature = "rayon")]
        &dask_sched::RayonScheduler,
    ];
    for scheduler in schedulers {
        let siblings = Arc::new(Siblings { fails: AtomicBool::new(false), n_run: AtomicUsize::new(0) });
        let mut layer = Materialized::uniform("sibling".into(), &[n], vec![], siblings.clone());
        (0..n).for_each(|_| layer.push_uniform(&[]));
        let layer = LayerRef::new(layer, vec![]);
        let error = scheduler.run(&graph(&layer), &layer.keys(), &RunContext::default()).unwrap_err();
        assert!(matches!(&error, Error::Task { key, .. } if key.index() == [0]), "{error}");
        let n_run = siblings.n_run.load(Ordering::SeqCst);
        assert!(n_run < n as usize / 2, "{}: {n_run} of {n} siblings ran", scheduler.name());
    }
}

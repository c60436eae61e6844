//! What only threads can get wrong.

use std::sync::Arc;

use dask_core::layer::{Blockwise, Materialized};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Call, LayerRef, RunContext, Scheduler, TaskError, TaskFn, Value, with_scheduler};
use dask_sched::{RoundTripScheduler, ThreadedScheduler};

use crate::functions::{Step, graph, layer};

/// Computes inside a task.
struct Nested(u32, fn() -> Box<dyn Scheduler>);

impl Portable for Nested {
    fn wire_name(&self) -> &'static str {
        "test.nested"
    }
    fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Err(WireError::Captures { type_name: "Nested", nbytes: 4 })
    }
}

impl TaskFn for Nested {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        if self.0 == 0 {
            return Ok(Value::new(u64::from(call.index()[0])));
        }
        let inner =
            LayerRef::new(Blockwise::new("inner".into(), &[6], vec![], Arc::new(Nested(self.0 - 1, self.1))), vec![]);
        let values = (self.1)().run(&graph(&inner), &inner.keys(), &RunContext::default())?;
        let sum: u64 = values.into_iter().map(Value::take::<u64>).sum::<Result<u64, _>>()?;
        Ok(Value::new(sum))
    }
}

#[test]
fn a_task_may_compute() {
    let schedulers: &[fn() -> Box<dyn Scheduler>] = &[
        || Box::new(ThreadedScheduler::new(4)),
        #[cfg(feature = "rayon")]
        || Box::new(dask_sched::RayonScheduler),
    ];
    for scheduler in schedulers {
        let function = Arc::new(Nested(3, *scheduler));
        let outer = LayerRef::new(Blockwise::new("outer".into(), &[8], vec![], function), vec![]);
        let values = scheduler().run(&graph(&outer), &outer.keys(), &RunContext::default()).unwrap();
        assert!(values.into_iter().all(|value| value.take::<u64>().unwrap() == 15 * 36));
    }
}

#[test]
fn many_threads_may_compute_at_once() {
    let tasks: Vec<_> =
        (0..500).map(|i| (Step::Hash(i), if i < 10 { vec![] } else { vec![i as u32 - 10, i as u32 / 2] })).collect();
    let layer = layer(&tasks);
    let expected = dask_sched::SyncScheduler.run(&graph(&layer), &layer.keys()[499..], &RunContext::default()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let found =
                        ThreadedScheduler::new(3).run(&graph(&layer), &layer.keys()[499..], &RunContext::default());
                    assert_eq!(found.unwrap()[0].get::<u64>().unwrap(), expected[0].get::<u64>().unwrap());
                }
            });
        }
    });
}

#[test]
fn what_cannot_travel_is_named_before_anything_runs() {
    let layer = LayerRef::new(
        Blockwise::new("x".into(), &[], vec![], Arc::new(Nested(1, || Box::new(ThreadedScheduler::new(2))))),
        vec![],
    );
    let error = RoundTripScheduler.run(&graph(&layer), &layer.keys(), &RunContext::default()).unwrap_err();
    assert!(error.to_string().starts_with("task x cannot travel: the function Nested captured variables"), "{error}");
}

#[test]
fn a_scheduler_is_found_by_guard_and_by_name() {
    dask_sched::install();
    assert_eq!(dask_core::scheduler_named("synchronous").unwrap().name(), "sync");
    let unknown = dask_core::scheduler_named("spark").err().unwrap().to_string();
    let known = "no scheduler is called \"spark\"; this program has: threads, sync, round-trip";
    assert_eq!(unknown, if cfg!(feature = "rayon") { format!("{known}, rayon") } else { known.to_owned() });
    let guard = with_scheduler(Arc::new(RoundTripScheduler));
    assert_eq!(dask_core::current_scheduler().unwrap().name(), "round-trip");
    drop(guard);
    let value = Materialized::values("v".into(), &[], [Value::new(1u8)]);
    let scheduler = dask_core::scheduler_named("threads").unwrap();
    let values = scheduler.run(&graph(&value), &value.keys(), &RunContext::default()).unwrap();
    assert_eq!(values[0].get::<u8>().unwrap(), &1);
}

/// Panics when a task has finished.
struct Panics;
impl dask_core::Observer for Panics {
    fn task_finished(&self, _graph: &dask_core::Graph, task: dask_core::TaskId, _worker: usize, _nbytes: usize) {
        assert!(task.0 != 7, "told of the seventh");
    }
}

#[test]
fn an_observer_that_panics_ends_the_run_and_not_the_pool() {
    let layer = layer(&(0..50).map(|i| (Step::Hash(i), vec![])).collect::<Vec<_>>());
    let observed = RunContext::default().with_observer(Arc::new(Panics));
    for _ in 0..20 {
        let error = ThreadedScheduler::new(4).run(&graph(&layer), &layer.keys(), &observed).unwrap_err();
        assert_eq!(error.to_string(), "panicked: told of the seventh");
    }
    let values = ThreadedScheduler::new(4).run(&graph(&layer), &layer.keys(), &RunContext::default()).unwrap();
    assert_eq!(values.len(), 50);
}

#[test]
fn the_configured_scheduler_and_budget_are_taken() {
    dask_sched::install();
    let guard = dask_core::config::set([("scheduler", "sync"), ("memory-budget", "1 GiB")]);
    assert_eq!(dask_core::current_scheduler().unwrap().name(), "sync");
    assert_eq!(dask_core::RunContext::current().memory_limit, Some(1 << 30));
    drop(guard);
    let _guard = dask_core::config::set([("num-workers", "many")]);
    let total = dask_core::Delayed::value(1i64).map(|x| x + 1);
    let error = dask_core::Collection::compute_with(
        &total,
        &dask_sched::ThreadedScheduler::default(),
        &dask_core::RunContext::default(),
    );
    assert!(error.unwrap_err().to_string().contains("expected a whole number"));
}

//! Values that go to disk and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dask_core::layer::{Materialized, SELF};
use dask_core::{Call, Error, Graph, LayerRef, Observer, RunContext, Scheduler, TaskError, TaskFn, TaskId, Value};
use dask_sched::{SyncScheduler, ThreadedScheduler};
use proptest::prelude::*;

use crate::functions::{Count, graph};

/// A block of numbers, made of its seed and its inputs.
#[derive(serde::Serialize, serde::Deserialize)]
struct Block {
    seed: u64,
    n: usize,
}

impl TaskFn for Block {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let mut block: Vec<u64> = (0..self.n as u64).map(|i| i ^ self.seed).collect();
        for i in 0..call.n_inputs() {
            let input: Vec<u64> = call.take(i)?;
            block.iter_mut().zip(input.iter().cycle()).for_each(|(x, y)| *x = x.rotate_left(5) ^ y.wrapping_mul(31));
        }
        Ok(Value::new(block))
    }
}
dask_core::portable!(Block as dyn TaskFn = "test.block");

fn blocks(tasks: &[(u64, usize, Vec<u32>)]) -> LayerRef {
    let mut layer = Materialized::new("block".into(), &[tasks.len() as u32], vec![]);
    for (seed, n, dependencies) in tasks {
        let edges: Vec<_> = dependencies.iter().map(|&d| (SELF, d)).collect();
        layer.push(Arc::new(Block { seed: *seed, n: *n }), &edges);
    }
    LayerRef::new(layer, vec![])
}

/// `n` blocks of 80 kB, all of which the last task needs twice over: first its neighbours in pairs, then all at once.
fn all_at_the_end(n: u32) -> LayerRef {
    let mut tasks: Vec<_> = (0..n).map(|i| (u64::from(i), 10_000, vec![])).collect();
    tasks.extend((0..n).map(|i| (u64::from(i), 1, vec![i, (i + 1) % n])));
    tasks.push((7, 10_000, (0..2 * n).collect()));
    blocks(&tasks)
}

fn values(scheduler: &dyn Scheduler, layer: &LayerRef, outputs: &[usize], context: &RunContext) -> Vec<Vec<u64>> {
    let keys = layer.keys();
    let keys: Vec<_> = outputs.iter().map(|&i| keys[i].clone()).collect();
    let values = scheduler.run(&graph(layer), &keys, context).unwrap();
    values.into_iter().map(|value| value.take().unwrap()).collect()
}

#[derive(Default)]
struct Spills {
    n_spilled: AtomicUsize,
    nbytes: AtomicUsize,
}

impl Observer for Spills {
    fn spilled(&self, _graph: &Graph, _task: TaskId, nbytes: usize) {
        self.n_spilled.fetch_add(1, Ordering::SeqCst);
        self.nbytes.fetch_add(nbytes, Ordering::SeqCst);
    }
}

fn n_files(directory: &std::path::Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

#[test]
fn what_exceeds_the_limit_is_spilled_and_read_back() {
    let (layer, n) = (all_at_the_end(40), 40);
    let expected = values(&SyncScheduler, &layer, &[2 * n], &RunContext::default());
    for n_threads in [1, 2, 4] {
        let (directory, spills) = (tempfile::tempdir().unwrap(), Arc::new(Spills::default()));
        let context = RunContext::default()
            .with_memory_limit(400_000)
            .with_spill_directory(directory.path())
            .with_observer(spills.clone());
        assert_eq!(values(&ThreadedScheduler::new(n_threads), &layer, &[2 * n], &context), expected);
        let n_spilled = spills.n_spilled.load(Ordering::SeqCst);
        // 3.2 MB are alive at once, and 0.4 MB may be.
        assert!(n_spilled >= 25, "{n_spilled}");
        assert!(spills.nbytes.load(Ordering::SeqCst) >= n_spilled * 80_000);
        assert_eq!(n_files(directory.path()), 0);
    }
}

#[test]
fn outputs_may_spill_while_others_run() {
    let layer = all_at_the_end(12);
    let outputs: Vec<usize> = (0..25).collect();
    let expected = values(&SyncScheduler, &layer, &outputs, &RunContext::default());
    let directory = tempfile::tempdir().unwrap();
    let spills = Arc::new(Spills::default());
    let context = RunContext::default()
        .with_memory_limit(100_000)
        .with_spill_directory(directory.path().join("made/when/needed"))
        .with_observer(spills.clone());
    assert_eq!(values(&ThreadedScheduler::new(2), &layer, &outputs, &context), expected);
    assert!(spills.n_spilled.load(Ordering::SeqCst) > 0);
    #[cfg(feature = "rayon")]
    assert_eq!(values(&dask_sched::RayonScheduler, &layer, &outputs, &context), expected);
}

#[test]
fn below_the_limit_nothing_is_written() {
    let layer = all_at_the_end(4);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("never");
    let context = RunContext::default().with_memory_limit(1 << 30).with_spill_directory(&path);
    values(&ThreadedScheduler::new(2), &layer, &[8], &context);
    assert!(!path.exists());
}

#[test]
fn values_that_cannot_travel_stay() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut layer = Materialized::uniform("count".into(), &[21], vec![], Arc::new(Count(alive.clone(), 100_000)));
    (0..20).for_each(|_| layer.push_uniform(&[]));
    layer.push_uniform(&(0..20).map(|i| (SELF, i)).collect::<Vec<_>>());
    let layer = LayerRef::new(layer, vec![]);
    let directory = tempfile::tempdir().unwrap();
    let context = RunContext::default().with_memory_limit(1).with_spill_directory(directory.path());
    ThreadedScheduler::new(2).run(&graph(&layer), &layer.keys()[20..], &context).unwrap();
    assert_eq!((n_files(directory.path()), alive.load(Ordering::SeqCst)), (0, 0));
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let layer = all_at_the_end(20);
    let context = RunContext::default().with_memory_limit(1).with_spill_directory(file.path());
    let error = ThreadedScheduler::new(2).run(&graph(&layer), &layer.keys()[40..], &context).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("spilling the value of ('block', ") && text.contains("higher memory limit"), "{text}");
    assert!(text.contains(&file.path().display().to_string()), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn spilling_changes_no_result(
        tasks in proptest::collection::vec((any::<u64>(), 1usize..3000, proptest::collection::vec(any::<u32>(), 0..4)), 1..60),
        wanted in proptest::collection::vec(any::<usize>(), 1..5),
        limit in 1u64..200_000,
    ) {
        let dependencies = |i: usize, d: &[u32]| if i == 0 { vec![] } else { d.iter().map(|d| d % i as u32).collect() };
        let tasks: Vec<_> = tasks.iter().enumerate().map(|(i, (seed, n, d))| (*seed, *n, dependencies(i, d))).collect();
        let (layer, outputs) = (blocks(&tasks), wanted.iter().map(|w| w % tasks.len()).collect::<Vec<_>>());
        let expected = values(&SyncScheduler, &layer, &outputs, &RunContext::default());
        let directory = tempfile::tempdir().unwrap();
        let context = RunContext::default().with_memory_limit(limit).with_spill_directory(directory.path());
        for n in [1, 3] {
            prop_assert_eq!(&values(&ThreadedScheduler::new(n), &layer, &outputs, &context), &expected);
        }
        prop_assert_eq!(n_files(directory.path()), 0);
    }
}

const CHILD: &str = "SCHED_TEST_SPILLS_AND_DIES";

/// What the child does; nothing in an ordinary run.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    struct Dies;
    impl Observer for Dies {
        fn spilled(&self, _graph: &Graph, _task: TaskId, _nbytes: usize) {
            std::process::abort();
        }
    }
    let layer = all_at_the_end(12);
    let context =
        RunContext::default().with_memory_limit(100_000).with_spill_directory(directory).with_observer(Arc::new(Dies));
    values(&ThreadedScheduler::new(2), &layer, &[24], &context);
}

#[test]
fn what_a_killed_process_left_is_removed_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let killed = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["spill::child", "--exact"])
        .env(CHILD, directory.path())
        .output()
        .unwrap();
    assert!(!killed.status.success());
    assert!(n_files(directory.path()) >= 2, "a folder and its lock");
    let layer = all_at_the_end(12);
    let context = RunContext::default().with_memory_limit(100_000).with_spill_directory(directory.path());
    values(&ThreadedScheduler::new(2), &layer, &[24], &context);
    assert_eq!(n_files(directory.path()), 0);
}

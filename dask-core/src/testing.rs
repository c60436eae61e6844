//! Random graphs, and the laws that every scheduler keeps on them (feature `testing`).
//!
//! ```
//! use dask_core::testing::{Step, TestGraph, values_or_failure};
//! # use dask_core::{Graph, Key, LayerGraph, Plan, Result, RunContext, Scheduler, Value};
//! # struct Plain;
//! # impl Scheduler for Plain {
//! #     fn run(&self, graph: &LayerGraph, outputs: &[Key], _: &RunContext) -> Result<Vec<Value>> {
//! #         let Plan { graph, outputs, priority } = Plan::new(graph, outputs)?;
//! #         let mut order: Vec<_> = graph.tasks().collect();
//! #         order.sort_by_key(|task| priority[task.idx()]);
//! #         let mut values: Vec<Option<Value>> = vec![None; graph.n_tasks()];
//! #         for task in order {
//! #             let mut inputs: Vec<_> =
//! #                 graph.dependencies().of(task.0).iter().map(|&d| values[d as usize].clone()).collect();
//! #             let value = graph.function(task).run(dask_core::Call::new(&[task.0], &mut inputs));
//! #             values[task.idx()] = Some(value.map_err(dask_core::Error::other)?);
//! #         }
//! #         Ok(outputs.iter().filter_map(|task| values[task.idx()].clone()).collect())
//! #     }
//! #     fn name(&self) -> &'static str { "plain" }
//! # }
//! # let scheduler = Plain;
//! let graph = TestGraph::new(vec![(Step::Hash(1), vec![]), (Step::Hash(2), vec![0, 0])], vec![1]);
//! values_or_failure(&scheduler, &graph, &Default::default())?;
//! assert_eq!(graph.n_alive(), 0);
//! # Ok::<(), String>(())
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::layer::{Materialized, SELF};
use crate::wire::{Decoder, Encoder, WireError};
use crate::{
    Call, CancelToken, Data, Error, Graph, Key, LayerGraph, LayerRef, Observer, RunContext, Scheduler, TaskError,
    TaskFn, TaskId, Value,
};

/// What the failures of a [`TestGraph`] say.
pub const FAILURE: &str = "as it was told";

/// What a task of a [`TestGraph`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Hashes this number and its inputs, in order.
    Hash(u64),
    /// Returns an error.
    Fail,
    /// Panics.
    Panic,
}

/// A graph whose values are known without running it, and whose live values are counted.
#[derive(Debug)]
pub struct TestGraph {
    tasks: Vec<(Step, Vec<u32>)>,
    outputs: Vec<u32>,
    alive: Alive,
}

impl TestGraph {
    /// Tasks with the numbers of the earlier ones they need, and the numbers of those that are asked for.
    ///
    /// # Panics
    /// If a task needs a later one, or an output is none of the tasks.
    pub fn new(tasks: Vec<(Step, Vec<u32>)>, outputs: Vec<u32>) -> Self {
        let earlier = |(i, (_, needs)): (usize, &(Step, Vec<u32>))| needs.iter().all(|&need| (need as usize) < i);
        assert!(tasks.iter().enumerate().all(earlier), "a task needs a later one");
        assert!(outputs.iter().all(|&output| (output as usize) < tasks.len()), "an output is no task");
        Self { tasks, outputs, alive: Alive::new() }
    }

    /// Up to `n_max` tasks of up to four inputs; one in 20 fails, half of these by a panic, if `with_failures`.
    pub fn random(n_max: usize, with_failures: bool) -> impl Strategy<Value = Self> {
        let task = (0u8..40, any::<u64>(), proptest::collection::vec(any::<u32>(), 0..4));
        let tasks = proptest::collection::vec(task, 1..n_max.max(2));
        (tasks, proptest::collection::vec(any::<u32>(), 1..6)).prop_map(move |(tasks, outputs)| {
            let n = tasks.len() as u32;
            let task = |(i, (kind, seed, needs)): (usize, (u8, u64, Vec<u32>))| {
                let step = match kind {
                    0 if with_failures => Step::Fail,
                    1 if with_failures => Step::Panic,
                    _ => Step::Hash(seed),
                };
                (step, if i == 0 { vec![] } else { needs.iter().map(|need| need % i as u32).collect() })
            };
            Self::new(tasks.into_iter().enumerate().map(task).collect(), outputs.iter().map(|o| o % n).collect())
        })
    }

    /// How many tasks there are.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The tasks as one layer.
    pub fn layer(&self) -> LayerRef {
        let mut layer = Materialized::new("task".into(), &[self.tasks.len() as u32], vec![]);
        for (step, needs) in &self.tasks {
            let edges: Vec<_> = needs.iter().map(|&need| (SELF, need)).collect();
            layer.push(Arc::new(Run { step: *step, alive: self.alive.id }), &edges);
        }
        LayerRef::new(layer, vec![])
    }

    /// The graph and the keys that are asked for.
    ///
    /// # Errors
    /// None that is known: it is one layer.
    pub fn build(&self) -> Result<(LayerGraph, Vec<Key>), String> {
        let layer = self.layer();
        let keys = layer.keys();
        let graph = LayerGraph::new([&layer]).map_err(|error| error.to_string())?;
        Ok((graph, self.outputs.iter().map(|&output| keys[output as usize].clone()).collect()))
    }

    /// What each task makes; none if it fails or needs one that does.
    pub fn values(&self) -> Vec<Option<u64>> {
        let mut values: Vec<Option<u64>> = Vec::with_capacity(self.tasks.len());
        for (step, needs) in &self.tasks {
            let inputs: Option<Vec<u64>> = needs.iter().map(|&need| values[need as usize]).collect();
            values.push(match (step, inputs) {
                (Step::Hash(seed), Some(inputs)) => Some(inputs.into_iter().fold(*seed, mixed)),
                _ => None,
            });
        }
        values
    }

    /// What the outputs need, themselves included.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.tasks.len()];
        self.outputs.iter().for_each(|&output| needed[output as usize] = true);
        for (i, (_, needs)) in self.tasks.iter().enumerate().rev().filter(|(_, (_, needs))| !needs.is_empty()) {
            if needed[i] {
                needs.iter().for_each(|&need| needed[need as usize] = true);
            }
        }
        needed
    }

    /// Whether this task may be the one that fails: it is needed, told to, and has all its inputs.
    pub fn may_fail(&self, task: u32) -> bool {
        let (Some((step, needs)), values) = (self.tasks.get(task as usize), self.values()) else { return false };
        self.needed()[task as usize]
            && !matches!(step, Step::Hash(_))
            && needs.iter().all(|&need| values[need as usize].is_some())
    }

    /// How many values of this graph are alive in this process.
    pub fn n_alive(&self) -> usize {
        self.alive.count.load(Ordering::SeqCst)
    }

    /// Compares what a scheduler returned with what must come out.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, found: Result<Vec<Value>, Error>) -> Result<(), String> {
        let values = self.values();
        let expected: Option<Vec<u64>> = self.outputs.iter().map(|&output| values[output as usize]).collect();
        match (expected, found) {
            (Some(expected), Ok(found)) => {
                let number = |value: Value| value.take::<Number>().map(|number| number.value);
                let found = found.into_iter().map(number).collect::<Result<Vec<u64>, _>>();
                if found.as_ref().is_ok_and(|found| *found == expected) {
                    return Ok(());
                }
                Err(format!("expected {expected:?}, found {found:?}"))
            }
            (None, Err(Error::Task { key, source, .. })) => {
                let task = key.index().first().copied().unwrap_or(u32::MAX);
                if self.may_fail(task) && source.to_string().ends_with(FAILURE) {
                    return Ok(());
                }
                Err(format!("{key} is said to fail, which it does not: {source}"))
            }
            (Some(_), Err(error)) => Err(format!("nothing fails, but: {error}")),
            (None, Err(error)) => Err(format!("a task fails, but it is said: {error}")),
            (None, Ok(_)) => Err("a task fails, but there are values".to_owned()),
        }
    }
}

fn mixed(hash: u64, input: u64) -> u64 {
    (hash ^ input).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7)
}

/// The law: the values of the graph, or the failure of a task that really fails.
///
/// # Errors
/// How `scheduler` broke it.
pub fn values_or_failure(scheduler: &dyn Scheduler, graph: &TestGraph, context: &RunContext) -> Result<(), String> {
    let (layers, keys) = graph.build()?;
    graph.check(scheduler.run(&layers, &keys, context)).map_err(|why| format!("{}: {why}", scheduler.name()))
}

/// The law: a run that is cancelled when its task number `after` starts says so, or ends as if it had not been
/// cancelled. Returns how many tasks were started.
///
/// # Errors
/// How `scheduler` broke it.
pub fn cancelled(scheduler: &dyn Scheduler, graph: &TestGraph, after: usize) -> Result<usize, String> {
    let canceller = Arc::new(CancelAt { after, token: CancelToken::new(), n_started: AtomicUsize::new(0) });
    let context = RunContext::default().with_cancel(canceller.token.clone()).with_observer(canceller.clone());
    let (layers, keys) = graph.build()?;
    let found = scheduler.run(&layers, &keys, &context);
    let n_started = canceller.n_started.load(Ordering::SeqCst);
    match found {
        Err(Error::Cancelled) if after <= n_started => Ok(n_started),
        Err(Error::Cancelled) => Err(format!("{}: cancelled by nobody", scheduler.name())),
        other => graph.check(other).map(|()| n_started).map_err(|why| format!("{}: {why}", scheduler.name())),
    }
}

/// Cancels when the task of this number, counted from 1, starts.
struct CancelAt {
    after: usize,
    token: CancelToken,
    n_started: AtomicUsize,
}

impl Observer for CancelAt {
    fn task_started(&self, _graph: &Graph, _task: TaskId, _worker: usize) {
        if self.n_started.fetch_add(1, Ordering::SeqCst) + 1 == self.after {
            self.token.cancel();
        }
    }

    fn wants_sizes(&self) -> bool {
        false
    }
}

/// The function of a task.
#[derive(Serialize, Deserialize)]
struct Run {
    step: Step,
    alive: u64,
}

impl TaskFn for Run {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        match self.step {
            Step::Fail => Err(FAILURE.into()),
            Step::Panic => std::panic::panic_any(FAILURE),
            Step::Hash(seed) => {
                let mut hash = seed;
                for i in 0..call.n_inputs() {
                    hash = mixed(hash, call.take::<Number>(i)?.value);
                }
                Ok(Value::new(Number::new(hash, self.alive)))
            }
        }
    }
}
crate::portable!(Run as dyn TaskFn = "core.testing.run");

/// The value of a task; it counts itself.
#[derive(Debug)]
pub struct Number {
    /// The number.
    pub value: u64,
    alive: u64,
    count: Option<Arc<AtomicUsize>>,
}

impl Number {
    fn new(value: u64, alive: u64) -> Self {
        let count = counts().get(&alive).cloned();
        count.iter().for_each(|count| _ = count.fetch_add(1, Ordering::SeqCst));
        Self { value, alive, count }
    }
}

impl Clone for Number {
    fn clone(&self) -> Self {
        Self::new(self.value, self.alive)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.count.iter().for_each(|count| _ = count.fetch_sub(1, Ordering::SeqCst));
    }
}

impl Data for Number {
    fn nbytes(&self) -> usize {
        8
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&(self.value, self.alive))
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let (value, alive) = input.serde()?;
        Ok(Self::new(value, alive))
    }
}

/// The counters of this process, by number: a value that went through the wire finds its own again.
static COUNTS: Mutex<BTreeMap<u64, Arc<AtomicUsize>>> = Mutex::new(BTreeMap::new());

fn counts() -> std::sync::MutexGuard<'static, BTreeMap<u64, Arc<AtomicUsize>>> {
    COUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A counter of live values.
#[derive(Debug)]
struct Alive {
    id: u64,
    count: Arc<AtomicUsize>,
}

impl Alive {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let alive = Self { id: NEXT.fetch_add(1, Ordering::Relaxed), count: Arc::default() };
        counts().insert(alive.id, alive.count.clone());
        alive
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        counts().remove(&self.id);
    }
}

/// Whether the calling test, run once more in a process of its own, says the same of `keys`: equal computations have
/// equal keys everywhere. `test` is the path by which the test harness knows the calling test.
///
/// # Panics
/// If the other process says something else.
pub fn check_keys_of_another_process(test: &str, keys: &[String]) {
    const CHILD: &str = "DASK_TEST_KEYS_OF_ANOTHER_PROCESS";
    let line = format!("keys: {}", keys.join(" "));
    if std::env::var_os(CHILD).is_some() {
        println!("{line}");
        return;
    }
    let child = std::env::current_exe().and_then(|this| {
        std::process::Command::new(this).args([test, "--exact", "--nocapture"]).env(CHILD, "1").output()
    });
    let out = child.map(|child| String::from_utf8_lossy(&child.stdout).into_owned()).unwrap_or_default();
    assert!(out.contains(&line), "{out}\n{line}");
}

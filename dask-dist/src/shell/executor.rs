//! Threads that run tasks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use dask_core::wire::{Decoder, decode_portable};
use dask_core::{Call, Index, TaskError, TaskFn, Value};

use super::context::{Secede, WorkerContext, within};
use super::profiler::{Profiler, ThisThread};
use super::sampler::{RunsNow, Sampler};
use super::store::drop_quietly;
use crate::protocol::{Failure, FunctionId, TaskRef};

/// A function as it arrived, and decoded once.
pub(super) struct Function {
    /// The kind of layer it belongs to, if any.
    kind: Option<u32>,
    body: Value,
    decoded: OnceLock<Result<Arc<dyn TaskFn>, String>>,
}

impl Function {
    pub(super) fn new(kind: Option<u32>, body: Value) -> Self {
        Self { kind, body, decoded: OnceLock::new() }
    }

    pub(super) fn decoded(&self) -> Result<&Arc<dyn TaskFn>, Failure> {
        let decode = || {
            let parcel = self.body.to_parcel().map_err(|error| error.to_string())?;
            decode_portable::<dyn TaskFn>(&mut Decoder::new(&parcel)).map_err(|error| error.to_string())
        };
        self.decoded.get_or_init(decode).as_ref().map_err(|why| Failure::Malformed { why: why.clone() })
    }
}

/// The functions that this worker was sent.
#[derive(Default)]
pub(super) struct Functions(HashMap<FunctionId, Arc<Function>>);

impl Functions {
    pub(super) fn insert(&mut self, id: FunctionId, kind: u32, body: Value) {
        self.0.insert(id, Arc::new(Function::new(Some(kind), body)));
    }

    pub(super) fn remove(&mut self, id: FunctionId) {
        self.0.remove(&id);
    }

    pub(super) fn get(&self, id: FunctionId) -> Option<Arc<Function>> {
        self.0.get(&id).cloned()
    }
}

/// A task to run.
pub(super) struct Job {
    pub(super) task: TaskRef,
    pub(super) function: Option<Arc<Function>>,
    pub(super) index: Index,
    pub(super) inputs: Vec<Option<Value>>,
}

/// What threads tell.
pub(super) enum Told {
    /// A task is over.
    Ran { task: TaskRef, result: Result<Value, Failure>, nanos: u64 },
    /// A task has left the threads.
    Seceded(TaskRef),
}

struct Shared {
    jobs: Mutex<(VecDeque<Job>, bool)>,
    wake: Condvar,
    tell: Box<dyn Fn(Told) -> Vec<Job> + Send + Sync>,
    context: Arc<WorkerContext>,
    sampler: Arc<Sampler>,
    profiler: Option<Arc<Profiler>>,
}

/// Threads that run tasks in the order in which they are given. What is told of a task's end answers with what to run
/// next: the thread that asks goes on with the first, without waiting for anybody.
pub(super) struct Executor {
    shared: Arc<Shared>,
}

impl Executor {
    pub(super) fn start(
        n_threads: u32,
        context: WorkerContext,
        profiler: Option<Profiler>,
        tell: impl Fn(Told) -> Vec<Job> + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let jobs = Mutex::new((VecDeque::new(), false));
        let context = Arc::new(context);
        let sampler = Arc::new(Sampler::new());
        let (wake, tell, profiler) = (Condvar::new(), Box::new(tell), profiler.map(Arc::new));
        let shared = Arc::new(Shared { jobs, wake, tell, context, sampler, profiler });
        for i in 0..n_threads.max(1) {
            spawn(&shared, i)?;
        }
        Ok(Self { shared })
    }

    /// Who looks at its threads.
    pub(super) fn sampler(&self) -> &Arc<Sampler> {
        &self.shared.sampler
    }

    /// Who looks at their call stacks, if somebody does.
    pub(super) fn profiler(&self) -> Option<&Arc<Profiler>> {
        self.shared.profiler.as_ref()
    }

    pub(super) fn submit(&self, jobs: impl IntoIterator<Item = Job>) {
        submit(&self.shared, jobs);
    }
}

fn submit(shared: &Shared, jobs: impl IntoIterator<Item = Job>) {
    let mut n = 0;
    {
        let mut waiting = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0.extend(jobs.into_iter().inspect(|_| n += 1));
    }
    (0..n).for_each(|_| shared.wake.notify_one());
}

impl Drop for Executor {
    /// Threads end after the task they run; nobody waits for them.
    fn drop(&mut self) {
        let mut jobs = self.shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.0.clear();
        jobs.1 = true;
        self.shared.wake.notify_all();
    }
}

fn spawn(shared: &Arc<Shared>, i: u32) -> std::io::Result<()> {
    let shared = shared.clone();
    std::thread::Builder::new().name(format!("dask-task-{i}")).spawn(move || work(&shared)).map(drop)
}

fn work(shared: &Arc<Shared>) {
    let again = shared.clone();
    let secede: Secede = Arc::new(move |task| {
        // Without another thread the worker has one less until this task ends, which is no harm.
        drop(spawn(&again, u32::MAX));
        submit(&again, (again.tell)(Told::Seceded(task)));
    });
    let now = shared.sampler.watch_this_thread();
    let stack = shared.profiler.as_ref().and_then(|profiler| profiler.watch_this_thread());
    let mut mine: Option<Job> = None;
    loop {
        let job = if let Some(job) = mine.take() {
            job
        } else {
            let mut jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                if jobs.1 {
                    return;
                }
                if let Some(job) = jobs.0.pop_front() {
                    break job;
                }
                jobs = shared.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let (next, seceded) = run(shared, &secede, (&now, stack.as_ref()), job);
        let mut next = next.into_iter();
        if seceded {
            // Another thread has taken this one's place.
            submit(shared, next);
            return;
        }
        mine = next.next();
        if next.len() != 0 {
            submit(shared, next);
        }
    }
}

/// Runs a task; what to run next, and whether it has left the threads.
fn run(shared: &Shared, secede: &Secede, (now, stack): (&RunsNow, Option<&ThisThread>), job: Job) -> (Vec<Job>, bool) {
    let Job { task, function, index, mut inputs } = job;
    let kind = function.as_ref().and_then(|function| function.kind);
    now.begins(kind);
    let start = Instant::now();
    let (result, seceded) = within(&shared.context, secede, task, || {
        let function = function.ok_or_else(|| Failure::Malformed { why: "the function did not come".to_owned() })?;
        let (function, call) = (function.decoded()?, Call::new(&index, &mut inputs));
        match stack.zip(kind) {
            Some((stack, kind)) => stack.watched(&**function, kind, |function| run_caught(function, call)),
            None => run_caught(&**function, call),
        }
    });
    let nanos = start.elapsed().as_nanos() as u64;
    drop_quietly(inputs);
    now.ends();
    ((shared.tell)(Told::Ran { task, result, nanos }), seceded)
}

/// Runs a function; errors with their sources, and panics, become failures.
pub(super) fn run_caught(function: &dyn TaskFn, call: Call<'_>) -> Result<Value, Failure> {
    dask_core::run_caught(function, call).map_err(|error| Failure::Error { chain: chain(&error) })
}

/// An error and its sources; a source whose text stands in the text before is left out.
fn chain(error: &TaskError) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if chain.last().is_none_or(|last| !last.contains(&text)) {
            chain.push(text);
        }
        source = error.source();
    }
    chain
}

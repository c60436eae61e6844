//! Actors: states that live on this worker, and the calls that wait for them. Calls of one actor run one at a time, in
//! the order in which they come.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dask_core::{Call, Data, Value};
use tokio::runtime::Handle;

use super::context::{Secede, WorkerContext, within};
use super::executor::{Function, run_caught};
use crate::protocol::{Failure, TaskRef};

/// What an answer is given to.
pub(super) type Reply = Box<dyn FnOnce(Result<Value, Failure>) + Send>;

/// The actors of a worker, each called as the task that made it.
#[derive(Default)]
pub(super) struct Actors(Mutex<HashMap<TaskRef, Arc<Home>>>);

/// Where one actor lives.
pub(crate) struct Home {
    state: Mutex<Box<dyn Any + Send>>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Waiting>,
    /// Whether a thread is at work on them.
    running: bool,
}

struct Waiting {
    task: TaskRef,
    function: Option<Value>,
    arguments: Option<Value>,
    reply: Reply,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A method that panicked has left the state as it was then; the next one finds it so.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Actors {
    /// A state moves in.
    pub(super) fn settle(&self, task: TaskRef, state: Box<dyn Any + Send>) {
        let home = Home { state: Mutex::new(state), calls: Mutex::default() };
        let before = locked(&self.0).insert(task, Arc::new(home));
        drop(before);
    }

    /// These are wanted no more; calls that have come are still answered.
    pub(super) fn remove(&self, tasks: &[TaskRef]) {
        let gone: Vec<Arc<Home>> = {
            let mut all = locked(&self.0);
            if all.is_empty() {
                return;
            }
            tasks.iter().filter_map(|task| all.remove(task)).collect()
        };
        // Their states may take a while to drop: not under the lock.
        drop(gone);
    }

    /// A call: it is answered when its turn has come.
    pub(super) fn call(
        &self,
        (task, function, arguments): (TaskRef, Option<Value>, Option<Value>),
        context: &Arc<WorkerContext>,
        runtime: &Handle,
        reply: impl FnOnce(Result<Value, Failure>) + Send + 'static,
    ) {
        let Some(home) = locked(&self.0).get(&task).cloned() else {
            let why = format!("the worker at {} has no actor {task:?} any more", context.worker);
            return reply(Err(Failure::NoActor { why }));
        };
        let starts = {
            let mut calls = locked(&home.calls);
            calls.waiting.push_back(Waiting { task, function, arguments, reply: Box::new(reply) });
            !std::mem::replace(&mut calls.running, true)
        };
        if starts {
            let context = context.clone();
            runtime.spawn_blocking(move || home.work(&context));
        }
    }
}

impl Home {
    /// Runs what waits, until nothing does.
    fn work(self: Arc<Self>, context: &Arc<WorkerContext>) {
        // Methods do not run on the worker's threads: there is nothing to leave.
        let secede: Secede = Arc::new(|_| {});
        loop {
            let next = {
                let mut calls = locked(&self.calls);
                let next = calls.waiting.pop_front();
                calls.running = next.is_some();
                next
            };
            let Some(Waiting { task, function, arguments, reply }) = next else { return };
            let run = || self.run(function, arguments);
            let (result, _) = within(context, &secede, task, run);
            reply(result);
        }
    }

    fn run(self: &Arc<Self>, function: Option<Value>, arguments: Option<Value>) -> Result<Value, Failure> {
        let (Some(body), Some(arguments)) = (function, arguments) else {
            return Err(Failure::Malformed { why: "the method or its arguments did not come".to_owned() });
        };
        let function = Function::new(None, body);
        let mut inputs = [Some(Value::new(Seat(self.clone()))), Some(arguments)];
        run_caught(&**function.decoded()?, Call::new(&[], &mut inputs))
    }
}

/// An actor's state, as the first argument of its methods; it never leaves the process.
#[derive(Clone)]
pub(crate) struct Seat(Arc<Home>);

impl Data for Seat {}

impl Seat {
    /// Calls `f` on the state; `None` if it is of another type.
    pub(crate) fn with<S: 'static, R>(&self, f: impl FnOnce(&mut S) -> R) -> Option<R> {
        locked(&self.0.state).downcast_mut::<S>().map(f)
    }
}

//! In which functions tasks spend their time: the call stacks of threads that run one, sampled from a thread of its own.
//!
//! ```text
//!   thread that looks, every 10 ms                 thread that runs a task
//!   ask, SIGPROF  ───────────────────────────────▶ signal handler: copies registers and the task's part of
//!   next time: what was copied ◀────────────────── the stack into its slot, and nothing else (signal.rs)
//!   unwinds the copy (modules.rs), names addresses (symbols.rs), adds up (call_tree/)
//! ```
//!
//! The handler allocates nothing, takes no lock and calls nothing: unwinding from within a signal may meet a thread in the
//! middle of whatever it does. Nobody waits for it either: a thread that has not answered is asked no second time. The
//! task's part of the stack begins where its function is called, so that the frames of the worker itself are never seen.

mod modules; // what is loaded, and how to unwind it
mod signal; // stacks, copied where they are
mod symbols; // names of addresses

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Call, TaskError, TaskFn, Value};

use crate::call_tree::{CallTree, DEPTH_MAX, Names, ROOT};
use crate::protocol::{self, CALLS_MAX, LayerCalls, Profile};
use modules::{Modules, Stack};
use signal::{Seat, Watch};
use symbols::Symbols;

/// A stack counts for the time since it was asked for, and for no longer than this.
const LATE: Duration = Duration::from_millis(200);
/// More often than this the signals would be what is seen.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// So often it is told what was seen: a message of some kilobytes.
const TELL: Duration = Duration::from_secs(2);
/// Calls that are told at once, of all layers: as many as the scheduler looks at, and some to spare.
const CALLS_TOLD_MAX: usize = CALLS_MAX / 2;
/// Stands for callers that were left out.
const LEFT_OUT: &str = "…";

/// What was seen of a worker's tasks since it was last told.
#[derive(Default)]
struct Seen {
    trees: BTreeMap<u32, CallTree>,
    n_calls: usize,
}

/// A worker, for its own threads and the one that looks.
struct Shared {
    interval: Duration,
    threads: Mutex<Vec<Arc<Seat>>>,
    /// What was seen, until somebody takes it.
    told: Mutex<Option<Profile>>,
}

/// Workers of this process that are to be looked at too, if there is a thread that looks: one for all, as they have the
/// same functions.
static COMING: Mutex<Option<Vec<Weak<Shared>>>> = Mutex::new(None);

/// Looks at the call stacks of a worker's threads until it is dropped.
pub(super) struct Profiler(Arc<Shared>);

impl Profiler {
    /// Starts to look so often.
    ///
    /// # Errors
    /// Somebody else handles the signal; no thread can be started.
    pub(super) fn start(interval: Duration) -> Result<Self, String> {
        signal::install()?;
        let interval = interval.max(INTERVAL_MIN);
        let shared = Arc::new(Shared { interval, threads: Mutex::default(), told: Mutex::default() });
        let mut coming = locked(&COMING);
        if coming.is_none() {
            let thread = std::thread::Builder::new().name("dask-profiler".to_owned());
            thread.spawn(look).map_err(|error| error.to_string())?;
        }
        coming.get_or_insert_default().push(Arc::downgrade(&shared));
        drop(coming);
        Ok(Self(shared))
    }

    /// From now on the thread that calls this is looked at while it runs a task, until what is returned is dropped. None
    /// if there are too many threads.
    pub(super) fn watch_this_thread(&self) -> Option<ThisThread> {
        let watch = Watch::this_thread()?;
        locked(&self.0.threads).push(watch.seat().clone());
        Some(ThisThread(watch))
    }

    /// What was seen lately; nothing if it was told already.
    pub(super) fn take(&self) -> Profile {
        locked(&self.0.told).take().unwrap_or_default()
    }
}

/// A thread that is looked at.
pub(super) struct ThisThread(Watch);

impl ThisThread {
    /// Runs a function of a layer of this kind, which is looked at while it runs on this thread.
    pub(super) fn watched<R>(&self, function: &dyn TaskFn, kind: u32, run: impl FnOnce(&dyn TaskFn) -> R) -> R {
        run(&Watched { function, watch: &self.0, kind })
    }
}

struct Watched<'a> {
    function: &'a dyn TaskFn,
    watch: &'a Watch,
    kind: u32,
}

impl Portable for Watched<'_> {
    fn wire_name(&self) -> &'static str {
        self.function.wire_name()
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        self.function.encode(out)
    }
}

impl TaskFn for Watched<'_> {
    /// Its frame is where the task's part of the stack begins: not to be merged with those around it.
    #[inline(never)]
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let here = 0_u64;
        let running = self.watch.begins(self.kind, &raw const here as usize);
        let result = self.function.run(call);
        drop(running);
        result
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks, as long as there are workers that are to be looked at.
fn look() {
    let (mut modules, mut symbols, mut names) = (Modules::default(), Symbols::default(), Names::default());
    let mut workers: Vec<Worker> = Vec::new();
    loop {
        {
            let mut coming = locked(&COMING);
            workers.retain(|worker| worker.shared.strong_count() != 0);
            workers.extend(coming.iter_mut().flat_map(|new| new.drain(..)).map(Worker::new));
            if workers.is_empty() {
                *coming = None;
                return;
            }
        }
        std::thread::sleep(workers.iter().map(|worker| worker.interval).min().unwrap_or(INTERVAL_MIN));
        for worker in workers.iter_mut().filter(|worker| worker.interval <= worker.last.elapsed()) {
            worker.look(&mut modules, &mut symbols, &mut names);
        }
    }
}

/// A worker that is looked at.
struct Worker {
    shared: Weak<Shared>,
    interval: Duration,
    seen: Seen,
    /// When it was last looked at, and when it was last told what was seen.
    last: Instant,
    told: Instant,
}

impl Worker {
    fn new(shared: Weak<Shared>) -> Self {
        let interval = shared.upgrade().map_or(INTERVAL_MIN, |shared| shared.interval);
        Self { shared, interval, seen: Seen::default(), last: Instant::now(), told: Instant::now() }
    }

    /// Takes the stacks that its threads have copied, and asks for new ones.
    fn look(&mut self, modules: &mut Modules, symbols: &mut Symbols, names: &mut Names) {
        let Some(shared) = self.shared.upgrade() else { return };
        self.last = Instant::now();
        // Threads come and go while it is looked.
        let threads = {
            let mut threads = locked(&shared.threads);
            threads.retain(|thread| !thread.has_gone());
            threads.clone()
        };
        for thread in threads {
            thread.with_sample(|sample| {
                if modules.refresh() {
                    symbols.forget();
                }
                let micros = sample.since.min(LATE).as_micros() as u64;
                let stack = modules.unwind(sample, usize::from(DEPTH_MAX));
                let functions_at = |address, names: &mut Names| symbols.functions_at(address, modules, names);
                self.seen.count(sample.kind, micros, &stack, names, functions_at);
            });
            thread.ask();
        }
        // If nobody has taken what was told last, it is told later.
        if TELL < self.told.elapsed() && !self.seen.trees.is_empty() && locked(&shared.told).is_none() {
            *locked(&shared.told) = Some(self.seen.tell(names));
            self.told = Instant::now();
        }
    }
}

impl Seen {
    /// Counts time for the functions of a stack.
    fn count(
        &mut self,
        kind: u32,
        micros: u64,
        calls: &Stack,
        names: &mut Names,
        mut functions_at: impl FnMut(u64, &mut Names) -> Arc<[u32]>,
    ) {
        // An address is in the functions that were inlined there, too.
        let mut stack: Vec<u32> = Vec::with_capacity(calls.addresses.len());
        for &address in &calls.addresses {
            stack.extend(functions_at(address, names).iter());
        }
        // What calls a function of the user's is of no interest where that is seen.
        while calls.is_whole && 1 < stack.len() && stack.last().is_some_and(|&outermost| only_calls(names, outermost)) {
            stack.pop();
        }
        let is_whole = calls.is_whole && stack.len() <= usize::from(DEPTH_MAX);
        if !is_whole {
            stack.truncate(usize::from(DEPTH_MAX) - 1);
            stack.extend(names.number(LEFT_OUT, usize::MAX));
        }
        let tree = self.trees.entry(kind).or_default();
        let before = tree.len();
        // A stack without names is counted at the root.
        let mut at = (ROOT, stack.is_empty());
        for &function in stack.iter().rev() {
            // Where there is no room, what is known already can be found all the same.
            let has_room = self.n_calls < CALLS_TOLD_MAX;
            let child = tree.known(at.0, function).or_else(|| if has_room { tree.child(at.0, function) } else { None });
            at = child.map_or((at.0, true), |child| (child, false));
            if at.1 {
                break;
            }
        }
        tree.charge(at.0, micros, at.1);
        self.n_calls += tree.len() - before;
    }

    /// What was seen so far, for the scheduler; it begins anew then.
    fn tell(&mut self, names: &Names) -> Profile {
        let (mut profile, mut places) = (Profile::default(), BTreeMap::new());
        for (kind, tree) in std::mem::take(&mut self.trees) {
            let calls = tree.nodes()[1..].iter().map(|node| {
                let function = *places.entry(node.name).or_insert_with(|| {
                    profile.functions.push(names.get(node.name).map_or_else(String::new, ToString::to_string));
                    profile.functions.len() as u32 - 1
                });
                // The root is 0 here and there, and the first of the list is the node after it.
                protocol::Call { caller: node.parent, function, micros: node.own }
            });
            let mut calls: Vec<protocol::Call> = calls.collect();
            // What is counted at the root is cut, and is told as a function that has no name.
            let root = tree.nodes()[ROOT as usize].own;
            if root != 0 {
                calls.push(protocol::Call { caller: ROOT, function: u32::MAX, micros: root });
            }
            profile.layers.push(LayerCalls { kind, calls, cut: tree.cut().saturating_sub(root) });
        }
        self.n_calls = 0;
        profile
    }
}

/// Whether a function is there to call that of a task.
fn only_calls(names: &Names, function: u32) -> bool {
    let name = names.get(function).map_or("", |name| name);
    ["dask_core::", "<dask_core::", "core::ops::function::"].iter().any(|library| name.starts_with(library))
}

#[cfg(test)]
mod tests;

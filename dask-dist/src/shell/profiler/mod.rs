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

/// A look that comes later than this counts no longer.
const LATE: Duration = Duration::from_millis(200);
/// More often than this the signals would be what is seen.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// So often it is told what was seen: a message of some kilobytes.
const TELL: Duration = Duration::from_secs(2);
/// Stands for callers that were left out.
const LEFT_OUT: &str = "…";

/// What was seen since it was last told.
#[derive(Default)]
struct Seen {
    names: Names,
    trees: BTreeMap<u32, CallTree>,
    n_calls: usize,
}

#[derive(Default)]
struct Shared {
    threads: Mutex<Vec<Arc<Seat>>>,
    /// What was seen, until somebody takes it.
    told: Mutex<Option<Profile>>,
}

/// Looks at the call stacks of threads until it is dropped.
pub(super) struct Profiler(Arc<Shared>);

impl Profiler {
    /// Starts to look so often.
    ///
    /// # Errors
    /// Somebody else handles the signal; no thread can be started.
    pub(super) fn start(interval: Duration) -> Result<Self, String> {
        signal::install()?;
        let shared: Arc<Shared> = Arc::default();
        let of_thread = Arc::downgrade(&shared);
        let thread = std::thread::Builder::new().name("dask-profiler".to_owned());
        let interval = interval.max(INTERVAL_MIN);
        thread.spawn(move || look(&of_thread, interval)).map_err(|error| error.to_string())?;
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

/// Looks, until nobody wants to know any more.
fn look(shared: &Weak<Shared>, interval: Duration) {
    let (mut modules, mut symbols, mut seen) = (Modules::default(), Symbols::default(), Seen::default());
    let (mut last, mut told) = (Instant::now(), Instant::now());
    loop {
        std::thread::sleep(interval);
        let Some(shared) = shared.upgrade() else { return };
        let micros = std::mem::replace(&mut last, Instant::now()).elapsed().min(LATE).as_micros() as u64;
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
                let stack = modules.unwind(sample, usize::from(DEPTH_MAX));
                seen.count(sample.kind, micros, &stack, |address, names| {
                    symbols.functions_at(address, &modules, names)
                });
            });
            thread.ask();
        }
        // If nobody has taken what was told last, it is told later.
        if TELL < told.elapsed() && !seen.trees.is_empty() && locked(&shared.told).is_none() {
            *locked(&shared.told) = Some(seen.tell());
            told = Instant::now();
        }
    }
}

impl Seen {
    /// Counts the time since the last look for the functions of a stack.
    fn count(
        &mut self,
        kind: u32,
        micros: u64,
        calls: &Stack,
        mut functions_at: impl FnMut(u64, &mut Names) -> Arc<[u32]>,
    ) {
        // An address is in the functions that were inlined there, too.
        let mut stack: Vec<u32> = Vec::with_capacity(calls.addresses.len());
        for &address in &calls.addresses {
            stack.extend(functions_at(address, &mut self.names).iter());
        }
        let is_whole = calls.is_whole && stack.len() <= usize::from(DEPTH_MAX);
        if !is_whole {
            stack.truncate(usize::from(DEPTH_MAX) - 1);
            stack.extend(self.names.number(LEFT_OUT, usize::MAX));
        }
        let tree = self.trees.entry(kind).or_default();
        let before = tree.len();
        let mut at = (ROOT, false);
        for &function in stack.iter().rev() {
            // Where there is no room, what is known already can be found all the same.
            let child = tree.known(at.0, function);
            let child = if self.n_calls < CALLS_MAX { child.or_else(|| tree.child(at.0, function)) } else { child };
            match child {
                Some(child) => at.0 = child,
                None => {
                    at.1 = true;
                    break;
                }
            }
        }
        tree.charge(at.0, micros, at.1);
        self.n_calls += tree.len() - before;
    }

    /// What was seen so far, for the scheduler; it begins anew then.
    fn tell(&mut self) -> Profile {
        let (mut profile, mut places) = (Profile::default(), BTreeMap::new());
        for (kind, tree) in std::mem::take(&mut self.trees) {
            let calls = tree.nodes()[1..].iter().map(|node| {
                let function = *places.entry(node.name).or_insert_with(|| {
                    profile.functions.push(self.names.get(node.name).map_or_else(String::new, |name| name.to_string()));
                    profile.functions.len() as u32 - 1
                });
                // The root is 0 here and there, and the first of the list is the node after it.
                protocol::Call { caller: node.parent, function, micros: node.own }
            });
            let calls = calls.collect();
            let root = tree.nodes()[ROOT as usize].own;
            profile.layers.push(LayerCalls { kind, calls, cut: tree.cut() });
            debug_assert!(root <= tree.cut(), "what is counted at the root belongs to functions without room");
        }
        self.n_calls = 0;
        profile
    }
}

#[cfg(test)]
mod tests;

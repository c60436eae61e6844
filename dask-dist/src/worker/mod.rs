//! The worker: a machine without clock, sockets or threads. Events in, actions out.
//!
//! It knows which values are here (ids and sizes; the values themselves are the shell's), which tasks it was given,
//! and what they wait for. A task waits until its inputs are here: those that are elsewhere are fetched, those on
//! disk are read. Then it is ready, and runs when a thread is free, by priority.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod asked; // peers that wait for what is about to come
mod fetch; // inputs from peers
mod last_use; // inputs that go with the task
mod memory; // what is here; to disk and back
mod run; // tasks: given, ready, running, done
mod settings;
mod to_fetch; // not asked for yet
mod validate; // all invariants

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use dask_core::Index;
use foldhash::fast::FixedState;
use smallvec::SmallVec;

pub use settings::Settings;

use crate::protocol::{Failure, FromWorker, FunctionId, Metrics, Priority, RunId, TaskRef, ToWorker, WorkerId};
use asked::Gives;
use fetch::{Request, Want};
use memory::Held;
use run::Attempt;
use to_fetch::ToFetch;

/// All that can happen to a worker.
#[derive(Debug)]
pub enum Event {
    /// The scheduler said something; functions are the shell's affair.
    Scheduler(ToWorker),
    /// A task has run; its value's size, or why there is none.
    Ran {
        /// Which.
        task: TaskRef,
        /// How it ended.
        result: Result<u64, Failure>,
        /// How long the function took.
        nanos: u64,
    },
    /// A running task leaves the threads.
    Seceded {
        /// Which.
        task: TaskRef,
    },
    /// A peer answered.
    Fetched {
        /// Which request.
        request: u64,
        /// What came, and is in the store, with sizes.
        found: Vec<(TaskRef, u64)>,
        /// What the peer does not have.
        missing: Vec<TaskRef>,
        /// What cannot leave the peer's process, and why.
        refused: Vec<(TaskRef, String)>,
        /// Whether the request is answered.
        last: bool,
    },
    /// A peer did not answer.
    FetchFailed {
        /// Which request.
        request: u64,
    },
    /// A peer asks for a value that is large, or not in the store, and would wait for it. Answered by
    /// [`Action::Answer`].
    Asked {
        /// Comes back in the answer.
        ask: u64,
        /// For what.
        task: TaskRef,
        /// The peer's turn, see [`First::turn`](crate::protocol::First::turn).
        turn: u64,
    },
    /// A peer that was [answered](Action::Answer) that the value is there has been sent it, or is gone, or takes long.
    Sent {
        /// As [asked](Event::Asked).
        ask: u64,
    },
    /// Somebody put values into the store.
    Put(Vec<(TaskRef, u64)>),
    /// A value was written to disk, or not.
    Spilled {
        /// Which.
        task: TaskRef,
        /// Whether it is there.
        ok: bool,
    },
    /// A value cannot be written to disk, however much room there is: its type cannot leave the process.
    Unspillable {
        /// Which.
        task: TaskRef,
    },
    /// A value was read from disk, or not.
    Restored {
        /// Which.
        task: TaskRef,
        /// Whether it is in memory.
        ok: bool,
    },
    /// Time has passed: to be sent every half second or so, with what is known of the process.
    Tick {
        /// Resident memory, 0 if unknown.
        resident: u64,
        /// Processor time in hundredths of a core.
        cpu_percent: f32,
        /// Bytes received from peers so far.
        received: u64,
        /// Bytes sent to peers so far.
        sent: u64,
    },
    /// What the process takes, between two ticks: often while it is near its limit.
    Measured {
        /// Resident memory.
        resident: u64,
    },
}

/// All that the shell can be asked to do.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Tell the scheduler.
    Report(FromWorker),
    /// Run a task on a thread; answered by [`Event::Ran`].
    Run {
        /// Which.
        task: TaskRef,
        /// What.
        function: FunctionId,
        /// Its position in the layer's grid.
        index: Index,
        /// Whose values it is given, in order; all in memory.
        inputs: SmallVec<[TaskRef; 4]>,
    },
    /// Ask a peer; answered by [`Event::Fetched`] or [`Event::FetchFailed`].
    Fetch {
        /// Whom.
        from: WorkerId,
        /// Comes back in the answer.
        request: u64,
        /// For what.
        tasks: Vec<TaskRef>,
        /// If not empty, the peer may be about to have it: the turn of each, see
        /// [`First::turn`](crate::protocol::First::turn).
        turns: Vec<u64>,
    },
    /// A peer that has waited for a value: it is in the store and to be sent now, which [`Event::Sent`] ends; or it will
    /// not come soon.
    Answer {
        /// As [asked](Event::Asked).
        ask: u64,
        /// Whether it is there.
        here: bool,
    },
    /// These values may go, wherever they are.
    Drop(Vec<TaskRef>),
    /// Write a value to disk, and keep it in memory until [`Action::Evict`]; answered by [`Event::Spilled`].
    Spill(TaskRef),
    /// Free the memory of a value that has been written: from here on it has to be read to be used.
    Evict(TaskRef),
    /// Read a value from disk; answered by [`Event::Restored`].
    Restore(TaskRef),
    /// End.
    Exit {
        /// Why.
        why: String,
    },
}

/// The worker.
pub struct Machine {
    settings: Settings,
    attempts: HashMap<TaskRef, Attempt, FixedState>,
    held: HashMap<TaskRef, Held, FixedState>,
    wants: HashMap<TaskRef, Want, FixedState>,
    /// Tasks whose inputs are here.
    ready: BinaryHeap<Reverse<(Priority, TaskRef, RunId)>>,
    /// Threads in use.
    running: u32,
    /// Tasks that have not started, and whose inputs stay in memory until they do.
    gathered: u32,
    /// Wants without a request, by priority, and by who has them.
    to_fetch: ToFetch,
    /// The same for those of which somebody may be about to have them, by who that is.
    to_await: ToFetch,
    /// What is sent to peers by turns.
    gives: Gives,
    /// Requests under way.
    requests: BTreeMap<u64, Request>,
    next_request: u64,
    /// Values in memory that no running task uses, least recently used first.
    idle: BTreeSet<(u64, TaskRef)>,
    uses: u64,
    in_memory: u64,
    on_disk: u64,
    /// Bytes on their way to disk.
    spilling: u64,
    /// The disk refused: tried again after so many ticks.
    disk_full: u32,
    /// How often it refused in a row.
    refusals: u32,
    paused: bool,
    /// Looks in a row at which it was paused, with nothing to run and nothing to write to disk.
    helpless: u32,
    /// What the process takes does not count until the next look.
    bears: bool,
    resident: u64,
    /// Bytes that the process has too much, and values are to make up for.
    excess: u64,
    /// Something has changed for what is to be fetched.
    look_for_sources: bool,
}

impl Machine {
    /// A worker that has nothing to do.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            attempts: HashMap::default(),
            held: HashMap::default(),
            wants: HashMap::default(),
            ready: BinaryHeap::new(),
            running: 0,
            gathered: 0,
            to_fetch: ToFetch::default(),
            to_await: ToFetch::default(),
            gives: Gives::default(),
            requests: BTreeMap::new(),
            next_request: 0,
            idle: BTreeSet::new(),
            uses: 0,
            in_memory: 0,
            on_disk: 0,
            spilling: 0,
            disk_full: 0,
            refusals: 0,
            paused: false,
            helpless: 0,
            bears: false,
            resident: 0,
            excess: 0,
            look_for_sources: false,
        }
    }

    /// A worker that comes back with values: which, how large, and whether they are on disk.
    pub fn holding(settings: Settings, values: &[(TaskRef, u64, bool)]) -> Self {
        let mut machine = Self::new(settings);
        values.iter().for_each(|&(task, nbytes, on_disk)| machine.keeps(task, nbytes, on_disk));
        machine
    }

    /// One event. [`flush`](Machine::flush) follows, after one or several.
    pub fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Scheduler(message) => self.hear(message, actions),
            Event::Ran { task, result, nanos } => self.ran(task, result, nanos, actions),
            Event::Seceded { task } => self.secede(task, actions),
            Event::Fetched { request, found, missing, refused, last } => {
                self.fetched(request, found, missing, refused, last, actions);
            }
            Event::FetchFailed { request } => self.fetch_failed(request, actions),
            Event::Asked { ask, task, turn } => self.asked(ask, task, turn, actions),
            Event::Sent { ask } => self.sent(ask, actions),
            Event::Put(values) => {
                for &(task, nbytes) in &values {
                    self.arrived(task, nbytes, actions);
                }
                actions.push(Action::Report(FromWorker::Added(values)));
            }
            Event::Spilled { task, ok } => self.spilled(task, ok, actions),
            Event::Unspillable { task } => self.unspillable(task),
            Event::Restored { task, ok } => self.restored(task, ok, actions),
            Event::Measured { resident } => self.measured(resident),
            Event::Tick { resident, cpu_percent, received, sent } => {
                self.disk_full = self.disk_full.saturating_sub(1);
                self.measured(resident);
                let metrics = Metrics {
                    managed: self.in_memory,
                    spilled: self.on_disk,
                    resident,
                    cpu_percent,
                    executing: self.running,
                    waiting: (self.attempts.len() as u32).saturating_sub(self.running),
                    received,
                    sent,
                };
                actions.push(Action::Report(FromWorker::Heartbeat(metrics)));
            }
        }
    }

    /// Starts what can start: tasks, requests, spilling.
    pub fn flush(&mut self, actions: &mut Vec<Action>) {
        self.start_fetches(actions);
        self.pause(actions);
        self.start_tasks(actions);
        // After it: what runs, or is about to, stays.
        self.spill(actions);
        if self.settings.validate
            && let Some(broken) = self.broken_invariant()
        {
            unreachable!("broken invariant: {broken}");
        }
    }

    fn hear(&mut self, message: ToWorker, actions: &mut Vec<Action>) {
        match message {
            ToWorker::Compute(tasks) => tasks.into_iter().for_each(|task| self.compute(task, actions)),
            ToWorker::Free(tasks) => self.free(&tasks, actions),
            ToWorker::Keep(values) => self.keep(&values),
            ToWorker::Retract(tasks) => self.retract(&tasks, actions),
            ToWorker::Acquire(values) => {
                values.iter().for_each(|value| self.acquire(value, actions));
            }
            ToWorker::Close { why } => actions.push(Action::Exit { why }),
            ToWorker::Welcome { .. }
            | ToWorker::Functions(_)
            | ToWorker::DropFunctions(_)
            | ToWorker::Peers(_)
            | ToWorker::PeersGone(_) => {}
        }
    }

    /// Bytes of values in memory, and on disk.
    pub fn memory(&self) -> (u64, u64) {
        (self.in_memory, self.on_disk)
    }

    /// Whether a value is here.
    pub fn holds(&self, task: TaskRef) -> bool {
        self.held.contains_key(&task)
    }

    /// Whether nothing is here and nothing to do.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty() && self.held.is_empty() && self.wants.is_empty()
    }
}

#[cfg(test)]
mod tests;

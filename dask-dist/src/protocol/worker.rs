//! Between scheduler and worker.

use dask_core::Index;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Failure, FunctionId, Priority, Profile, RunId, TaskRef, WorkerId};

/// What a worker says of itself when it comes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WorkerHello {
    /// For people. The scheduler makes it unique, and takes the address if it is empty.
    pub name: String,
    /// Where peers and clients find its data.
    pub address: String,
    /// How many tasks it runs at a time.
    pub n_threads: u32,
    /// Bytes it may use; 0 if unlimited.
    pub memory_limit: u64,
    /// Abstract resources, such as `GPU = 2`.
    pub resources: Vec<(String, f64)>,
    /// What it holds already: after the scheduler was restarted, or the connection was cut.
    pub holds: Vec<(TaskRef, u64)>,
    /// The id it had before, if it reconnects.
    pub was: Option<WorkerId>,
    /// Which cluster's names these are, and which life of its scheduler gave the id, see [`ToWorker::Welcome`].
    pub cluster: (u64, u32),
    /// Its process, for people.
    pub process: u32,
    /// Whether somebody watches it, and will tell how it died.
    pub has_nanny: bool,
}

/// How a worker fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Bytes of values in memory.
    pub managed: u64,
    /// Bytes of values on disk.
    pub spilled: u64,
    /// Resident memory of the process; 0 if unknown.
    pub resident: u64,
    /// Processor time used, in hundredths of one core; 0 if unknown.
    pub cpu_percent: f32,
    /// Tasks that run now.
    pub executing: u32,
    /// Tasks that could run or wait for data.
    pub waiting: u32,
    /// Bytes received from peers so far.
    pub received: u64,
    /// Bytes sent to peers so far.
    pub sent: u64,
}

/// What a thread that runs a task can be seen at: on a processor (or next in line for one), there for the system (memory
/// that is touched first, files, sockets), waiting (for a lock, the network, another process), waiting for the disk.
pub const ACTIVITIES: [&str; 4] = ["computing", "system", "waiting", "disk"];

/// What a worker saw since it last said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    /// For kinds of layers, by the number that came with a function: about how many milliseconds a thread that ran one
    /// was at each of [`ACTIVITIES`].
    pub samples: Vec<(u32, [u32; ACTIVITIES.len()])>,
    /// What came from peers.
    pub transfers: Vec<Transfer>,
    /// In which functions threads were, if that is looked at; every other second.
    pub profile: Profile,
}

impl Noticed {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.transfers.is_empty() && self.profile.layers.is_empty()
    }
}

/// Values that came from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which.
    pub from: WorkerId,
    /// Requests that were answered.
    pub n: u32,
    /// Bytes of values.
    pub nbytes: u64,
    /// Nanoseconds from a request to the end of its answer, of all of them together.
    pub nanos: u64,
}

/// A value that a task needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Whose value.
    pub task: TaskRef,
    /// Its size.
    pub nbytes: u64,
    /// Who has it; a few of them if there are many. Nobody yet if the worker itself is making it.
    pub holders: SmallVec<[WorkerId; 2]>,
    /// Whom to ask before these.
    pub first: Option<First>,
}

/// Who has a value by the time it is asked for it, or is about to: of many who need it each is named another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Whom to ask.
    pub from: WorkerId,
    /// The turn of the one that asks. One that is about to have the value lets those wait whose turn is after its own,
    /// and nobody else, so that nobody waits in a circle.
    pub turn: u64,
}

/// A task to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeTask {
    /// Which.
    pub task: TaskRef,
    /// This attempt.
    pub run: RunId,
    /// What to run; sent before, see [`ToWorker::Functions`].
    pub function: FunctionId,
    /// Its position in the layer's grid.
    pub index: Index,
    /// Smaller first.
    pub priority: Priority,
    /// Whether a client waits for it: a small value is sent along with the report.
    pub wanted: bool,
    /// What it needs, in the order of the function's inputs; one that is used twice stands there twice.
    pub dependencies: SmallVec<[Dependency; 2]>,
    /// Which of the first [`LAST_USE_MAX`](Self::LAST_USE_MAX) of them nobody else needs, as bits: they are dropped when the
    /// task has a value, unless [`ToWorker::Keep`] comes before.
    pub last_use: u64,
}

impl ComputeTask {
    /// Inputs beyond these are freed by a message, whoever needs them.
    pub const LAST_USE_MAX: usize = u64::BITS as usize;
}

/// From the scheduler to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first message: its id.
    Welcome {
        /// What it is called from now on.
        worker: WorkerId,
        /// Which cluster this is, and how often its scheduler was started again: if the worker returns to the same
        /// cluster, what it holds is still called the same; workers are numbered anew in each life.
        cluster: (u64, u32),
    },
    /// Functions that tasks will run, and the number of the kind of layer of each: one attachment each.
    Functions(Vec<(FunctionId, u32)>),
    /// Functions that no task will run any more.
    DropFunctions(Vec<FunctionId>),
    /// Where other workers are found.
    Peers(Vec<(WorkerId, String)>),
    /// Workers that were given up, though their connections may still stand: nothing more comes from them.
    PeersGone(Vec<WorkerId>),
    /// Run these.
    Compute(Vec<ComputeTask>),
    /// These values are not needed any more; attempts to make them may be dropped.
    Free(Vec<TaskRef>),
    /// These values are needed by more than the task that was given with [`ComputeTask::last_use`] of them.
    Keep(Vec<TaskRef>),
    /// Give these back if they have not started; each is answered by [`FromWorker::Retracted`] if it was given back,
    /// by [`FromWorker::Kept`] if it runs, and by nothing if its report is on its way.
    Retract(Vec<(TaskRef, RunId)>),
    /// Fetch copies; answered by [`FromWorker::Added`] or [`FromWorker::Missing`].
    Acquire(Vec<Dependency>),
    /// Stop: the scheduler sends nothing more. Values that matter were moved before.
    Close {
        /// Why, for the log.
        why: String,
    },
}

/// From a worker to the scheduler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// A task has a value, which the worker holds.
    Finished {
        /// Which.
        task: TaskRef,
        /// Which attempt.
        run: RunId,
        /// The size of the value.
        nbytes: u64,
        /// How long the function took, in nanoseconds.
        nanos: u64,
        /// Which of its inputs were dropped with it, as bits, see [`ComputeTask::last_use`].
        dropped: u64,
    },
    /// As [`Finished`](FromWorker::Finished), and the value, which is small and wanted, comes with it: one attachment.
    FinishedWith {
        /// Which.
        task: TaskRef,
        /// Which attempt.
        run: RunId,
        /// The size of the value.
        nbytes: u64,
        /// How long the function took, in nanoseconds.
        nanos: u64,
        /// Which of its inputs were dropped with it, as bits, see [`ComputeTask::last_use`].
        dropped: u64,
    },
    /// A task has no value.
    Failed {
        /// Which.
        task: TaskRef,
        /// Which attempt.
        run: RunId,
        /// Why.
        failure: Failure,
    },
    /// Values that were fetched from peers or received from clients, and are held now, with their sizes.
    Added(Vec<(TaskRef, u64)>),
    /// A value that was to be fetched is not where it was said to be.
    Missing {
        /// Whose value.
        task: TaskRef,
        /// Where it is not, or who did not answer.
        at: Vec<WorkerId>,
        /// The attempts that waited for it and are given back.
        dependents: Vec<(TaskRef, RunId)>,
    },
    /// Attempts that were given back before they started.
    Retracted(Vec<(TaskRef, RunId)>),
    /// Attempts that were asked back and run already.
    Kept(Vec<(TaskRef, RunId)>),
    /// A running task left the worker's threads: it takes no slot any more.
    Seceded {
        /// Which.
        task: TaskRef,
        /// Which attempt.
        run: RunId,
    },
    /// A value that the worker held is gone (a bad disk).
    Lost(Vec<TaskRef>),
    /// A sign of life.
    Heartbeat(Metrics),
    /// What it saw, for people.
    Noticed(Noticed),
    /// Memory is short: nothing new, please; or it is not any more.
    Paused(bool),
    /// It will go: nothing new, and please move what only it holds.
    Leaving,
}

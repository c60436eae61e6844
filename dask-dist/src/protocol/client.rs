//! Between client and scheduler.

use serde::{Deserialize, Serialize};

use super::{Failure, FutureId, Metrics, WorkerId};

/// Which tasks of a layer are outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outputs {
    /// All tasks of the layer at this position of the graph.
    Layer(u32),
    /// One task of a layer.
    Task(u32, u32),
}

/// Where tasks may run, and what they need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Restrictions {
    /// Addresses or names of workers; any if empty.
    pub workers: Vec<String>,
    /// Whether another worker will do if none of these is there.
    pub allow_other: bool,
    /// Abstract resources that each task takes while it runs.
    pub resources: Vec<(String, f64)>,
}

/// A graph to compute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submit {
    /// The layers, by [`encode_layers`](dask_core::layer::encode_layers); functions are numbered in the order of the
    /// attachments. A function without bytes (an attachment of type [`ON_CLUSTER`]) stands for values that the
    /// scheduler knows by their keys.
    pub layers: Vec<u8>,
    /// How many attachments there are: one a function.
    pub n_functions: u32,
    /// What is wanted, in the order of futures.
    pub outputs: Vec<Outputs>,
    /// The future of the first output; the others follow.
    pub first_future: FutureId,
    /// Larger is sooner.
    pub priority: i32,
    /// How often a task that fails is tried again.
    pub retries: u32,
    /// Where tasks may run.
    pub restrictions: Restrictions,
    /// Whether the outputs are actors: they stay on the worker that made them, and are never made again.
    pub actor: bool,
}

/// The type name of an attachment that stands for values the scheduler knows.
pub const ON_CLUSTER: &str = "dask.on-cluster";

/// From a client to the scheduler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromClient {
    /// Compute a graph: one attachment a function.
    Submit(Box<Submit>),
    /// The client has no use for these any more.
    Release(Vec<FutureId>),
    /// Stop these, whoever wants them.
    Cancel(Vec<FutureId>),
    /// Try again what failed.
    Retry(Vec<FutureId>),
    /// A value will be sent to workers: answered by [`ToClient::Place`].
    Scatter {
        /// Wanted by this future.
        future: FutureId,
        /// The layer's name: one task.
        name: dask_core::Name,
        /// The size of the value.
        nbytes: u64,
        /// To every worker.
        broadcast: bool,
        /// Addresses or names of workers; any if empty.
        workers: Vec<String>,
    },
    /// A holder did not have the value: [`ToClient::Done`] comes again when somebody has.
    Missing {
        /// Which.
        future: FutureId,
        /// Who did not have it.
        at: Vec<WorkerId>,
    },
    /// Who has these? Answered by [`ToClient::Holders`].
    WhoHas {
        /// Comes back in the answer.
        request: u64,
        /// Of which values; of all that the client wants if empty.
        futures: Vec<FutureId>,
    },
    /// What do the workers have? Answered by [`ToClient::Contents`].
    HasWhat {
        /// Comes back in the answer.
        request: u64,
    },
    /// Copies of these on at least `n` workers.
    Replicate {
        /// Comes back in [`ToClient::Ok`], when it is done.
        request: u64,
        /// Of which values.
        futures: Vec<FutureId>,
        /// How many; all workers if 0.
        n: u32,
    },
    /// Moves values from full workers to empty ones.
    Rebalance {
        /// Comes back in [`ToClient::Ok`].
        request: u64,
    },
    /// Which workers are there? Answered by [`ToClient::Workers`].
    Workers {
        /// Comes back in the answer.
        request: u64,
    },
    /// How much work is there? Answered by [`ToClient::Demand`].
    Demand {
        /// Comes back in the answer.
        request: u64,
    },
    /// Asks a worker to leave, its values moved first.
    Retire {
        /// Comes back in [`ToClient::Ok`].
        request: u64,
        /// Which.
        workers: Vec<WorkerId>,
    },
    /// Keeps futures under a name, beyond the client's life.
    Publish {
        /// Comes back in [`ToClient::Ok`] or [`ToClient::Refused`].
        request: u64,
        /// The name.
        name: String,
        /// The futures.
        futures: Vec<FutureId>,
        /// Whatever the publisher needs to make a collection of them again.
        about: Vec<u8>,
    },
    /// Forgets a published name.
    Unpublish {
        /// Comes back in [`ToClient::Ok`] or [`ToClient::Refused`].
        request: u64,
        /// The name.
        name: String,
    },
    /// Gets a published dataset: answered by [`ToClient::Dataset`] or [`ToClient::Refused`]. The client wants the values from now on.
    Dataset {
        /// Comes back in the answer.
        request: u64,
        /// The name.
        name: String,
        /// The future of the first value; the others follow.
        first_future: FutureId,
    },
    /// The names of published datasets: answered by [`ToClient::Datasets`].
    Datasets {
        /// Comes back in the answer.
        request: u64,
    },
    /// Why do these take so long? Answered by [`ToClient::Stories`].
    Story {
        /// Comes back in the answer.
        request: u64,
        /// Which.
        futures: Vec<FutureId>,
    },
    /// How far is what these need? Answered by [`ToClient::Progress`], perhaps in several steps: asked again without
    /// futures, the count goes on.
    Progress {
        /// Comes back in the answer.
        request: u64,
        /// Which.
        futures: Vec<FutureId>,
    },
    /// These results are wanted until they are made, even if the client goes.
    FireAndForget(Vec<FutureId>),
    /// A lock, event, variable, queue or topic is used: answered by [`ToClient::Coordinated`], perhaps much later.
    Coordinate {
        /// Comes back in the answer.
        request: u64,
        /// How.
        ask: super::Ask<super::Item>,
    },
    /// How a worker died, from who watched it.
    Obituary {
        /// The worker's name.
        worker: String,
        /// Its process.
        process: u32,
        /// How.
        why: String,
    },
    /// A sign of life.
    Heartbeat,
    /// What is known now, as one page: answered by [`ToClient::Report`] or [`ToClient::Refused`].
    Report {
        /// Comes back in the answer.
        request: u64,
    },
}

/// A worker as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Its id.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// Where its data is found.
    pub address: String,
    /// How many tasks it runs at a time.
    pub n_threads: u32,
    /// Bytes it may use; 0 if unlimited.
    pub memory_limit: u64,
    /// Its process.
    pub process: u32,
    /// The last it said of itself.
    pub metrics: Metrics,
    /// How many values it holds.
    pub n_held: u64,
    /// How many of these are actors.
    pub n_actors: u32,
    /// How many tasks it was given and has not finished.
    pub n_processing: u32,
    /// Whether it is running, paused or leaving.
    pub status: String,
}

/// How much work there is, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Estimated nanoseconds of tasks that workers were given.
    pub occupancy: u64,
    /// Estimated nanoseconds of tasks that are ready and at no worker.
    pub queued: u64,
    /// How many tasks are ready and at no worker.
    pub n_queued: u64,
    /// How many tasks are ready or at a worker.
    pub n_tasks: u64,
    /// All workers.
    pub workers: Vec<WorkerInfo>,
}

/// From the scheduler to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToClient {
    /// Where workers are found; before the first message that names one.
    Peers(Vec<(WorkerId, String)>),
    /// Workers that were given up, though their connections may still stand: nothing more comes from them.
    PeersGone(Vec<WorkerId>),
    /// A result is there.
    Done {
        /// Which.
        future: FutureId,
        /// How holders call it.
        task: super::TaskRef,
        /// Its size.
        nbytes: u64,
        /// Who has it.
        holder: WorkerId,
    },
    /// As [`Done`](ToClient::Done), and the value, which is small, comes with it: one attachment.
    DoneWith {
        /// Which.
        future: FutureId,
        /// How holders call it.
        task: super::TaskRef,
        /// Its size.
        nbytes: u64,
        /// Who has it.
        holder: WorkerId,
    },
    /// There will be no result.
    Failed {
        /// Which.
        future: FutureId,
        /// The task that failed: the future's own, or one it depends on.
        key: dask_core::Key,
        /// The layers from that task to the future, in the user's words.
        layers: Vec<String>,
        /// Why.
        failure: Failure,
    },
    /// A result that was there is not any more, and is made again.
    Lost {
        /// Which.
        future: FutureId,
    },
    /// A graph was refused: none of its futures will come.
    SubmitRefused {
        /// The first of its futures.
        first_future: FutureId,
        /// Why.
        why: String,
    },
    /// Send a scattered value there, as this task.
    Place {
        /// Which.
        future: FutureId,
        /// How to call it.
        task: super::TaskRef,
        /// Where; never empty.
        workers: Vec<WorkerId>,
    },
    /// Answers [`FromClient::WhoHas`].
    Holders {
        /// As asked.
        request: u64,
        /// Key, size and holders of each.
        holders: Vec<(FutureId, dask_core::Key, u64, Vec<WorkerId>)>,
    },
    /// Answers [`FromClient::HasWhat`].
    Contents {
        /// As asked.
        request: u64,
        /// For each worker, by address: the keys of its values.
        contents: Vec<(String, Vec<dask_core::Key>)>,
    },
    /// Answers [`FromClient::Workers`].
    Workers {
        /// As asked.
        request: u64,
        /// All of them.
        workers: Vec<WorkerInfo>,
    },
    /// Answers [`FromClient::Demand`].
    Demand {
        /// As asked.
        request: u64,
        /// What there is to do.
        demand: Demand,
    },
    /// It is done.
    Ok {
        /// As asked.
        request: u64,
    },
    /// It cannot be done.
    Refused {
        /// As asked.
        request: u64,
        /// Why.
        why: String,
    },
    /// Answers [`FromClient::Dataset`].
    Dataset {
        /// As asked.
        request: u64,
        /// The keys, in the order of futures.
        keys: Vec<dask_core::Key>,
        /// What the publisher said.
        about: Vec<u8>,
    },
    /// Answers [`FromClient::Datasets`].
    Datasets {
        /// As asked.
        request: u64,
        /// Sorted.
        names: Vec<String>,
    },
    /// Answers [`FromClient::Story`].
    Stories {
        /// As asked.
        request: u64,
        /// Key and state of each, in words.
        stories: Vec<(dask_core::Key, String)>,
    },
    /// Answers [`FromClient::Progress`].
    Progress {
        /// As asked.
        request: u64,
        /// Tasks that have ended, well or badly.
        ended: u64,
        /// Those of them that failed.
        failed: u64,
        /// All that were counted.
        all: u64,
        /// Whether there are more to count.
        more: bool,
    },
    /// Answers [`FromClient::Coordinate`].
    Coordinated {
        /// As asked.
        request: u64,
        /// The answer.
        told: super::Told,
    },
    /// The scheduler goes.
    Closing {
        /// Why.
        why: String,
    },
    /// Answers [`FromClient::Report`].
    Report {
        /// As asked.
        request: u64,
        /// HTML, self-contained.
        page: String,
    },
}

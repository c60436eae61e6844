//! What can go wrong between processes.

use std::sync::Arc;
use std::time::Duration;

use dask_core::Key;

/// Failures of connections and of the cluster's own machinery.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DistError {
    /// A text that is not an address.
    #[error("{text:?} is not an address: write tcp://host:port, tls://host:port, host:port or inproc://name")]
    BadAddress {
        /// The text.
        text: String,
    },
    /// Nobody answers at an address.
    #[error("cannot connect to {address}: {source}; is a scheduler or worker running there?")]
    Connect {
        /// The address.
        address: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// An address cannot be listened at.
    #[error("cannot listen at {address}: {source}; choose another port, or 0 for any that is free")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The other side does not go on.
    #[error("{address} did not finish {what} within {after:?}")]
    Timeout {
        /// The peer.
        address: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The other side is something else.
    #[error("{address} does not speak this protocol: {found}")]
    NotDask {
        /// The peer.
        address: String,
        /// What it seems to be.
        found: String,
    },
    /// The other side does not want this connection.
    #[error("{address} refused the connection: {why}")]
    Refused {
        /// The peer.
        address: String,
        /// Its reason.
        why: String,
    },
    /// One side does not trust the other.
    #[error("{address} is not trusted, or does not trust this process: {why}")]
    Untrusted {
        /// The peer.
        address: String,
        /// What is missing or wrong.
        why: String,
    },
    /// A token, a certificate or a key that is of no use.
    #[error("{what}: {why}")]
    BadSecurity {
        /// Which.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The connection ended without a farewell.
    #[error("the connection to {address} was cut: {why}")]
    Cut {
        /// The peer.
        address: String,
        /// What the system said.
        why: String,
    },
    /// The other side sent nonsense.
    #[error("malformed message from {address}: {why}")]
    Malformed {
        /// The peer.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// The other side sent too much, or does not read.
    #[error("{address}: {what} of {found} bytes exceeds the limit of {limit}")]
    Limit {
        /// The peer.
        address: String,
        /// What is too large.
        what: &'static str,
        /// How large.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The scheduler is not there any more.
    #[error("the scheduler at {address} is gone: {why}; connect again, and submit again what was not finished")]
    SchedulerGone {
        /// Where it was.
        address: String,
        /// How it went.
        why: String,
    },
    /// Something of the system's: threads, processes, files.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// A graph of which too many tasks have a function of their own.
    #[error(
        "the graph has {found} functions, more than the {limit} that the scheduler at {address} takes at once: submit it in parts, or let tasks of a layer share a function"
    )]
    TooManyFunctions {
        /// The scheduler.
        address: String,
        /// How many there are.
        found: u64,
        /// How many may be.
        limit: u64,
    },
    /// The client was closed.
    #[error("the client was closed: its futures have no results any more")]
    ClientClosed,
    /// A future that was cancelled.
    #[error("{key} was cancelled: `retry` it, or submit it again")]
    CancelledFuture {
        /// Its key.
        key: Box<Key>,
    },
    /// A future of another client.
    #[error("{key} is a future of another client: gather it there, and scatter the value here")]
    OtherClient {
        /// Its key.
        key: Box<Key>,
    },
    /// The scheduler said no.
    #[error("the scheduler refused: {why}")]
    Declined {
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("no answer within {after:?}; what was asked for goes on")]
    TimedOut {
        /// The limit that was given.
        after: Duration,
    },
    /// A worker went while it was asked for something.
    #[error("the worker at {address} is gone: {why}")]
    WorkerGone {
        /// Where it was.
        address: String,
        /// What is known of it.
        why: String,
    },
    /// The worker on which an actor lived is gone.
    #[error("the actor {actor} is gone with its worker at {address} ({why}): actors are not replicated, make it again")]
    ActorGone {
        /// The type of its state.
        actor: &'static str,
        /// Where it lived.
        address: String,
        /// What is known of it.
        why: String,
    },
    /// A value that nobody gives.
    #[error("{key} could not be fetched from any worker in {attempts} attempts: can this process reach the workers?")]
    Unreachable {
        /// Its key.
        key: Box<Key>,
        /// How often it was tried.
        attempts: u32,
    },
    /// A value that cannot leave its worker.
    #[error("{key} cannot leave its worker: {why}")]
    CannotLeave {
        /// Its key.
        key: Box<Key>,
        /// What cannot, and the way out.
        why: String,
    },
    /// Something else came than was asked for.
    #[error("the cluster did not answer with {what}: is it another version?")]
    NoAnswer {
        /// What was expected.
        what: &'static str,
    },
    /// There is no cluster around this code.
    #[error("this code does not run in a task of a cluster: use `Client::connect` or `Client::local`")]
    NotInTask,
    /// Something else, in words.
    #[error("{0}")]
    Other(String),
}

impl DistError {
    /// A failure of the system's.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source: Arc::new(source) }
    }
}

impl From<DistError> for dask_core::Error {
    fn from(error: DistError) -> Self {
        Self::other(error)
    }
}

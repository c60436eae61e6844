//! What client, scheduler and workers say to each other. Plain data; how it becomes bytes is the matter of `wire`.
//!
//! Messages travel in order within one connection. Bulk (functions, values) travels beside the messages as
//! [attachments](Batch::attachments); a message that has some says so, and they stand in the order of the messages.

mod client;
mod coordinate;
mod ids;
mod peer;
mod profile;
mod worker;

use dask_core::Value;
use serde::{Deserialize, Serialize};

pub use client::{Demand, FromClient, ON_CLUSTER, Outputs, Restrictions, Submit, ToClient, WorkerInfo};
pub use coordinate::{Ask, Given, Item, Packed, Told};
pub use ids::{ClientId, FunctionId, FutureId, Priority, RunId, TaskRef, WorkerId};
pub use peer::{PeerReply, PeerRequest};
pub use profile::{CALLS_MAX, Call, LayerCalls, Profile};
pub use worker::{
    ACTIVITIES, ComputeTask, Dependency, First, FromWorker, Metrics, Noticed, ToWorker, Transfer, WorkerHello,
};

/// Messages for one receiver, in order, and what travels beside them.
#[derive(Debug)]
pub struct Batch<M> {
    /// In order.
    pub messages: Vec<M>,
    /// Functions and values that the messages speak of, in their order.
    pub attachments: Vec<Value>,
}

impl<M> Default for Batch<M> {
    fn default() -> Self {
        Self { messages: Vec::new(), attachments: Vec::new() }
    }
}

impl<M> Batch<M> {
    /// A single message without attachments.
    pub fn one(message: M) -> Self {
        Self { messages: vec![message], attachments: Vec::new() }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// Why a task has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The function returned an error or panicked.
    Error {
        /// The error and its sources, outermost first.
        chain: Vec<String>,
    },
    /// More workers than allowed died while they ran it.
    KilledWorker {
        /// How each died, with address, exit status or signal, and memory, as far as known.
        deaths: Vec<String>,
    },
    /// A value that was scattered, not computed, is on no worker any more.
    LostScattered,
    /// The worker on which an actor lived is gone.
    LostActor,
    /// There is no such actor (any more).
    NoActor {
        /// Where it was looked for.
        why: String,
    },
    /// It was cancelled.
    Cancelled,
    /// Something in the message or the function could not be read.
    Malformed {
        /// What.
        why: String,
    },
    /// No worker can run it.
    NoWorker {
        /// What it asks for, and what there is.
        why: String,
    },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error { chain } => f.write_str(&chain.join(": ")),
            Self::KilledWorker { deaths } => {
                write!(f, "the workers that ran it died, {} times: {}", deaths.len(), deaths.join("; "))
            }
            Self::LostScattered => {
                f.write_str(
                    "no worker that held the value is left, and how it was made is not known: scatter it again, or compute it again if it was published before the scheduler was restarted",
                )
            }
            Self::LostActor => f.write_str(
                "the worker on which the actor lived is gone, and its state with it: actors are not replicated, make it again",
            ),
            Self::NoActor { why } => write!(f, "{why}: its last handle was dropped, or the worker has lost its scheduler; make it again"),
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::Malformed { why } => write!(f, "malformed: {why}"),
            Self::NoWorker { why } => write!(f, "no worker can run it: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

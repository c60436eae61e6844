//! Between those who want data and the worker that has it. Every request is answered.

use serde::{Deserialize, Serialize};

use super::{Failure, TaskRef};

/// To a worker, from a peer or a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PeerRequest {
    /// Give me these values. Answered by one [`PeerReply::Data`] or more.
    Get {
        /// Comes back in the answers.
        request: u64,
        /// Which.
        tasks: Vec<TaskRef>,
        /// If not 0, the answer may wait until the worker has the values, which it is about to fetch itself, see
        /// [`First::turn`](super::First::turn).
        turns: Vec<u64>,
    },
    /// Keep these values: one attachment each. Answered by [`PeerReply::Kept`].
    Put {
        /// Comes back in the answer.
        request: u64,
        /// Which.
        tasks: Vec<TaskRef>,
    },
    /// Call a method of an actor, after the calls that came before: two attachments, the method and its arguments.
    /// Answered by [`PeerReply::Ran`].
    Call {
        /// Comes back in the answer.
        request: u64,
        /// The task that made the actor.
        actor: TaskRef,
    },
    /// Run a function without inputs, beside the tasks: one attachment. Answered by [`PeerReply::Ran`].
    Run {
        /// Comes back in the answer.
        request: u64,
    },
}

/// From a worker to who asked it for something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PeerReply {
    /// Values, one attachment each for `found`.
    Data {
        /// As asked.
        request: u64,
        /// The attachments, in this order.
        found: Vec<TaskRef>,
        /// What the worker does not have.
        missing: Vec<TaskRef>,
        /// What cannot leave its process, and why.
        refused: Vec<(TaskRef, String)>,
        /// Whether this is the last answer to the request.
        last: bool,
    },
    /// The values are held, and the scheduler was told.
    Kept {
        /// As asked.
        request: u64,
    },
    /// What the function returned (one attachment), or why it did not.
    Ran {
        /// As asked.
        request: u64,
        /// The error, if any.
        failure: Option<Failure>,
    },
}

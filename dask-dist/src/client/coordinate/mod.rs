//! Locks, semaphores, events, variables, queues and topics of the cluster, from anywhere: outside, and inside tasks
//! (see [`Client::current`](super::Client::current)). Whoever has waited longest is served first.

mod event; // set or not
mod item; // what travels
mod lease; // locks and semaphores
mod queue; // first in, first out
mod request; // asked and perhaps not waited for
mod topic; // one to many
mod variable; // the last content

pub use event::Event;
pub use lease::{Lease, Lock, Semaphore};
pub use queue::Queue;
pub(super) use request::give_back;
pub use topic::{Publisher, Subscription};
pub use variable::Variable;

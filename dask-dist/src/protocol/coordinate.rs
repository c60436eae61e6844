//! Locks, events, variables, queues and topics, between clients and the scheduler.

use serde::{Deserialize, Serialize};

use super::FutureId;

/// A value in its encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Its type, checked by whoever reads it.
    pub type_name: String,
    /// In line.
    pub bytes: Vec<u8>,
    /// Out of band.
    pub buffers: Vec<Vec<u8>>,
}

/// What a client puts into a variable or a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// A value.
    Value(Packed),
    /// A result on the cluster, which is kept while it is in there.
    Future {
        /// The client's future.
        future: FutureId,
        /// The type of the result.
        type_name: String,
        /// The grid of its layer.
        shape: Vec<u32>,
    },
}

/// What a client wants of a primitive; `I` is what goes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask<I> {
    /// One of `max` leases: [`Told::Lease`].
    Acquire {
        /// The semaphore.
        name: String,
        /// How many leases there are at a time.
        max: u32,
        /// The address of the worker whose task asks, if one does: its end is the end of the lease.
        worker: Option<String>,
        /// Whether to wait; [`Told::Nothing`] if not and none is free.
        wait: bool,
    },
    /// Gives a lease back: [`Told::Ok`], or refused if it has expired.
    Release {
        /// As told.
        lease: u64,
    },
    /// Waits for an event: [`Told::Ok`].
    Await {
        /// The event.
        name: String,
    },
    /// Sets or clears an event.
    Set {
        /// The event.
        name: String,
        /// Whether it is set from now on.
        set: bool,
    },
    /// Whether an event is set: [`Told::Count`], 0 or 1.
    IsSet {
        /// The event.
        name: String,
    },
    /// Gives a variable its content.
    Assign {
        /// The variable.
        name: String,
        /// The content.
        item: I,
    },
    /// The content of a variable, when it has one: [`Told::Item`].
    Read {
        /// The variable.
        name: String,
        /// If it is a future, it is called so.
        future: FutureId,
    },
    /// Empties a variable.
    Delete {
        /// The variable.
        name: String,
    },
    /// Puts something into a queue, when there is room: [`Told::Ok`].
    Put {
        /// The queue.
        name: String,
        /// How much it holds, 0 without a limit; nothing if others have said it.
        max: Option<u32>,
        /// What.
        item: I,
    },
    /// Takes the oldest item of a queue, when there is one: [`Told::Item`].
    Take {
        /// The queue.
        name: String,
        /// If it is a future, it is called so.
        future: FutureId,
        /// Whether to wait; [`Told::Nothing`] if not and it is empty.
        wait: bool,
    },
    /// An item that was taken by somebody who is not there any more goes back to the front.
    GiveBack {
        /// The queue.
        name: String,
        /// What.
        item: I,
    },
    /// How much is in a queue: [`Told::Count`].
    Length {
        /// The queue.
        name: String,
    },
    /// Hears what is published from now on: [`Told::Subscribed`].
    Subscribe {
        /// What about.
        topic: String,
    },
    /// Hears no more.
    Unsubscribe {
        /// As told.
        subscription: u64,
    },
    /// Tells all subscribers; [`Told::Count`] says how many.
    Publish {
        /// What about.
        topic: String,
        /// What.
        message: Packed,
    },
    /// The next message of a subscription: [`Told::Item`].
    Next {
        /// As told.
        subscription: u64,
    },
    /// Waits no more for the answer of an earlier request, which is [`Told::Nothing`] if it was still open.
    Withdraw {
        /// Which.
        of: u64,
    },
}

/// What comes out of a variable, a queue or a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// A value.
    Value(Packed),
    /// A result on the cluster; the client wants it from now on, by the name that it gave.
    Future {
        /// Its key.
        key: dask_core::Key,
        /// Its type.
        type_name: String,
        /// The grid of its layer.
        shape: Vec<u32>,
    },
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// It is done.
    Ok,
    /// There is nothing, and nobody waits.
    Nothing,
    /// A lease; a later one has a larger number.
    Lease(u64),
    /// How many.
    Count(u64),
    /// A subscription.
    Subscribed(u64),
    /// Something was in there.
    Item {
        /// The queue from which it was taken, if it was a queue.
        queue: Option<String>,
        /// What.
        item: Given,
    },
    /// It cannot be done.
    Refused(String),
}

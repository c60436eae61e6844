//! What things are called on the wire: small numbers, given by the scheduler (futures: by the client).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A task of the cluster: its place in the scheduler's tables, and how often that place was used before. A stale
/// message names a task that is gone, never another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskRef {
    /// Place in the scheduler's tables.
    pub slot: u32,
    /// How often the place was used before.
    pub generation: u32,
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}.{}", self.slot, self.generation)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty) $letter:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub $inner);
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
        impl $name {
            /// As a position in a table.
            pub fn idx(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}
ids! {
    /// A worker, counted from 0 in the order of arrival; never used again.
    WorkerId(u32) "w";
    /// A client, counted as workers are.
    ClientId(u32) "c";
    /// A task function, sent to each worker once.
    FunctionId(u32) "f";
    /// A client's wish for one result; numbered by the client.
    FutureId(u64) "future";
    /// One attempt to run a task; counts up for each task, so that stale reports are recognised.
    RunId(u32) "run";
}

/// Of two tasks that could start, the smaller one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Priority {
    /// What the user said, negated: larger wishes first.
    pub user: i32,
    /// Which submission: earlier ones first.
    pub submission: u32,
    /// The graph's own order.
    pub rank: u32,
}

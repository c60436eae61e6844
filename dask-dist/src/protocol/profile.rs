//! What functions threads were seen in.

use serde::{Deserialize, Serialize};

/// Calls that one message tells of, at most; the scheduler looks at no more.
pub const CALLS_MAX: usize = 4096;

/// Call stacks of threads that ran tasks, sampled and added up: call trees by kind of layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Functions, each once.
    pub functions: Vec<String>,
    /// Call trees.
    pub layers: Vec<LayerCalls>,
}

/// The call tree of a kind of layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerCalls {
    /// The number that came with a function, see [`ToWorker::Functions`](super::ToWorker::Functions).
    pub kind: u32,
    /// Callers stand before those they call.
    pub calls: Vec<Call>,
    /// Microseconds that are counted at a caller because there was no room for what it called.
    pub cut: u64,
}

/// A function that was seen, called by others that were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// 0 if it is the task's own first function, else one more than the place of its caller in the list.
    pub caller: u32,
    /// Its place in the list of functions; one beyond the list if it has no name.
    pub function: u32,
    /// Microseconds in which it was seen itself, not in what it called.
    pub micros: u64,
}

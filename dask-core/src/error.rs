//! What can go wrong, with what, where, and the way out.

use std::sync::Arc;

use crate::Key;

/// The error of a user's function or of an operation inside a task.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// The result of most functions here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every failure of this crate and of the schedulers behind [`Scheduler`](crate::Scheduler).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A task returned an error or panicked.
    #[error("task {key} failed: {source}{}", layer_chain(layers))]
    Task {
        /// The task.
        key: Box<Key>,
        /// The layers from the task to the output that wanted it, in the user's words.
        layers: Vec<String>,
        /// What the task said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The tasks wait for each other.
    #[error("the graph has a cycle: {}", cycle_text(keys))]
    Cycle {
        /// Each depends on the next, the last on the first.
        keys: Vec<Key>,
    },
    /// An output or a dependency that no layer makes.
    #[error("no layer makes {key}{}", wanted_by_text(wanted_by.as_deref()))]
    UnknownKey {
        /// What was asked for.
        key: Box<Key>,
        /// The task that depends on it, if it was not an output.
        wanted_by: Option<Box<Key>>,
    },
    /// Two different layers claim one name.
    #[error("two different layers are called {name}; give one of them another name")]
    DuplicateLayer {
        /// The name.
        name: String,
    },
    /// The run was cancelled.
    #[error("the computation was cancelled")]
    Cancelled,
    /// No scheduler to compute with.
    #[error(
        "no scheduler is installed: add the crate `dask-sched` (or the feature `threads` of the collection), or pass a scheduler with `compute_with`"
    )]
    NoScheduler,
    /// A scheduler that this program does not have.
    #[error("no scheduler is called {name:?}; this program has: {}", known.join(", "))]
    UnknownScheduler {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A value of another type than was asked for.
    #[error("{what}: expected a value of type {expected}, found {found}")]
    WrongType {
        /// Where.
        what: String,
        /// The type asked for.
        expected: String,
        /// The type that was there.
        found: String,
    },
    /// Something that cannot travel to another process.
    #[error("task {key} cannot travel: {source}")]
    CannotTravel {
        /// The task.
        key: Box<Key>,
        /// What cannot, and the way out.
        source: crate::wire::WireError,
    },
    /// Encoding or decoding failed.
    #[error(transparent)]
    Wire(#[from] crate::wire::WireError),
    /// A graph larger than 32-bit ids.
    #[error("{what}: {count} is more than 2^32 - 2; use larger chunks or partitions")]
    TooLarge {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: u64,
    },
    /// A failure of a scheduler's own machinery (spilling, threads).
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// An error of a collection or a format, met outside a task.
    #[error("{0}")]
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps the error of a collection or a format.
    pub fn other(source: impl Into<TaskError>) -> Self {
        Self::Other(Arc::from(source.into()))
    }
}

fn layer_chain(layers: &[String]) -> String {
    if layers.is_empty() { String::new() } else { format!(" (in {})", layers.join(" <- ")) }
}

fn cycle_text(keys: &[Key]) -> String {
    let mut text: Vec<String> = keys.iter().map(ToString::to_string).collect();
    text.extend(text.first().cloned());
    text.join(" -> ")
}

fn wanted_by_text(key: Option<&Key>) -> String {
    key.map_or_else(String::new, |key| format!(" (wanted by {key})"))
}

//! What a run is told beside its graph.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cancel::{CancelToken, current_cancel};
use crate::observe::{Observer, current_observers};

/// How to run: who watches, how to stop, how much to use.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RunContext {
    /// Stops the run.
    pub cancel: CancelToken,
    /// Who watches.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Threads to use; by default what the scheduler was made with.
    pub n_threads: Option<usize>,
    /// Bytes of live values above which no new source task starts, and values may be spilled.
    pub memory_limit: Option<u64>,
    /// Where to spill; without it nothing is spilled.
    pub spill_directory: Option<PathBuf>,
}

impl RunContext {
    /// The context of this thread: its [observers](crate::with_observer) and
    /// [token](crate::with_cancel), and the [configured](crate::config) memory
    /// budget (`memory-budget`), with spilling if there is a folder for it (`temporary-directory`).
    pub fn current() -> Self {
        let budget = crate::config::bytes("memory-budget").unwrap_or_else(|error| {
            eprintln!("dask: no memory budget: {error}");
            None
        });
        let spill_directory = budget.and_then(|_| crate::config::text("temporary-directory")).map(PathBuf::from);
        let (cancel, observers) = (current_cancel(), current_observers());
        Self { cancel, observers, memory_limit: budget, spill_directory, ..Self::default() }
    }

    /// With this token instead.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// With one more observer.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// With this many threads.
    #[must_use]
    pub fn with_threads(mut self, n_threads: usize) -> Self {
        self.n_threads = Some(n_threads);
        self
    }

    /// With a budget of live bytes.
    #[must_use]
    pub fn with_memory_limit(mut self, nbytes: u64) -> Self {
        self.memory_limit = Some(nbytes);
        self
    }

    /// With a directory for values that exceed the budget.
    #[must_use]
    pub fn with_spill_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spill_directory = Some(directory.into());
        self
    }
}

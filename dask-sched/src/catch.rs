//! Failures get their names; a panic in the scheduler's own part ends the run, not the program.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dask_core::{Error, Graph, Panicked, TaskError, TaskId};

/// Runs the scheduler's own part, in which observers and drops of values may panic.
pub(crate) fn guarded(f: impl FnOnce()) -> Result<(), Error> {
    // Unwind safety: the run is abandoned.
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Error::other(Panicked::of(&*payload)))
}

/// The error of `task`, with its key and the layers it comes from.
#[cold]
pub(crate) fn task_error(graph: &Graph, task: TaskId, source: TaskError) -> Error {
    Error::Task { key: Box::new(graph.key(task)), layers: graph.layer_chain(task), source: source.into() }
}

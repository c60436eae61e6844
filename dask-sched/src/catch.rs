//! Failures get their names; a panic in the scheduler's own part ends the run, not the program.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dask_core::{Error, Graph, Panicked, RunContext, TaskError, TaskId};

/// Runs the scheduler's own part, in which observers and drops of values may panic.
pub(crate) fn guarded(f: impl FnOnce()) -> Result<(), Error> {
    // Unwind safety: the run is abandoned.
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Error::other(Panicked::of(&*payload)))
}

/// The error of `task`, with its key and the layers it comes from. If the run was cancelled while a computation inside
/// the task ran, which stopped for that, nothing failed: the run is cancelled.
#[cold]
pub(crate) fn task_error(graph: &Graph, task: TaskId, context: &RunContext, source: TaskError) -> Error {
    if context.cancel.is_cancelled() && was_cancelled(&*source) {
        return Error::Cancelled;
    }
    Error::Task { key: Box::new(graph.key(task)), layers: graph.layer_chain(task), source: source.into() }
}

fn was_cancelled(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    chain.any(|error| matches!(error.downcast_ref(), Some(Error::Cancelled)))
}

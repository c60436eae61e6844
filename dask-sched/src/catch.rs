//! A panic in a task becomes the task's error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dask_core::{Call, Error, Graph, TaskError, TaskFn, TaskId, Value};

/// A task that panicked.
#[derive(Debug)]
struct Panicked(String);

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

/// Runs a task function; what it panics with becomes an error.
#[inline]
pub(crate) fn run_caught(function: &dyn TaskFn, call: Call<'_>) -> Result<Value, TaskError> {
    // Unwind safety: the inputs are dropped, and the graph is abandoned after the first error.
    catch_unwind(AssertUnwindSafe(|| function.run(call))).unwrap_or_else(|payload| Err(panicked(&*payload)))
}

/// Runs the scheduler's own part, in which observers and drops of values may panic.
pub(crate) fn guarded(f: impl FnOnce()) -> Result<(), Error> {
    // Unwind safety: the run is abandoned.
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Error::other(panicked(&*payload)))
}

fn panicked(payload: &(dyn Any + Send)) -> TaskError {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    Box::new(Panicked(text.unwrap_or_else(|| "with a value that is no text".to_owned())))
}

/// The error of `task`, with its key and the layers it comes from.
#[cold]
pub(crate) fn task_error(graph: &Graph, task: TaskId, source: TaskError) -> Error {
    Error::Task { key: Box::new(graph.key(task)), layers: graph.layer_chain(task), source: source.into() }
}

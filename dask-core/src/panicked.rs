//! A panic in a task becomes the task's error: one function that fails must take neither a pool nor a process with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::TaskError;
use crate::task::{Call, TaskFn};
use crate::value::Value;

/// What a panic said, as an error.
///
/// ```
/// use dask_core::Panicked;
/// let payload = std::panic::catch_unwind(|| panic!("at {}", 3)).unwrap_err();
/// assert_eq!(Panicked::of(&*payload).to_string(), "panicked: at 3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(String);

impl Panicked {
    /// The text of a payload, as `catch_unwind` returns it.
    pub fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self(text.unwrap_or_else(|| "with a value that is no text".to_owned()))
    }
}

/// Runs one task; what it panics with becomes an error, a [`Panicked`].
///
/// # Errors
/// The function's own, or that it panicked.
#[inline]
pub fn run_caught(function: &dyn TaskFn, call: Call<'_>) -> Result<Value, TaskError> {
    // Unwind safety: the inputs are dropped by whoever called, and what else the function shared is its own affair.
    catch_unwind(AssertUnwindSafe(|| function.run(call))).unwrap_or_else(|payload| Err(Panicked::of(&*payload).into()))
}

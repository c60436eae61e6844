//! Local schedulers for `dask-core` graphs.
//!
//! [`SyncScheduler`] runs one task after another; [`ThreadedScheduler`] runs on all cores; [`RoundTripScheduler`]
//! sends every task and value through the wire, to prove that they could travel. [`install`] makes threads the
//! default of `compute()`; the collections do it by their feature `threads`.
//!
//! Features: `progress` (a progress bar on the terminal).

mod catch; // a panic becomes the task's error
pub mod diagnostics;
mod install; // become the default, once
mod round_trip; // encodes and decodes between any two tasks
mod run; // what is ready, what may be dropped
mod sync; // one task after another
mod threaded; // all cores

pub use install::install;
pub use round_trip::RoundTripScheduler;
pub use sync::SyncScheduler;
pub use threaded::ThreadedScheduler;

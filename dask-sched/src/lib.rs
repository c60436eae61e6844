//! Local schedulers for `dask-core` graphs.
//!
//! [`SyncScheduler`] runs one task after another; [`ThreadedScheduler`] runs on all cores; [`RoundTripScheduler`]
//! sends every task and value through the wire, to prove that they could travel. [`install`] makes threads the
//! default of `compute()`; the collections do it by their feature `threads`.
//!
//! Features: `ctrl-c` (Ctrl-C cancels computations), `progress` (a progress bar on the terminal), `rayon` (a scheduler inside the caller's rayon pool),
//! `profile` (CPU and memory of the process, sampled).

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod catch; // failures get their names
#[cfg(feature = "ctrl-c")]
mod ctrl_c; // Ctrl-C cancels
pub mod diagnostics;
mod install; // become the default, once
#[cfg(feature = "rayon")]
mod rayon; // in the caller's rayon pool
mod round_trip; // encodes and decodes between any two tasks
mod run; // what is ready, what may be dropped
mod slot; // where a value waits, shared between threads
mod spill; // values that go to disk
mod sync; // one task after another
mod tasks; // running one task among several threads
mod threaded; // all cores

#[cfg(feature = "ctrl-c")]
pub use ctrl_c::{CtrlCGuard, cancel_on_ctrl_c};
pub use install::install;
#[cfg(feature = "rayon")]
pub use rayon::RayonScheduler;
pub use round_trip::RoundTripScheduler;
pub use sync::SyncScheduler;
pub use threaded::ThreadedScheduler;

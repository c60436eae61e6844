//! Behaviour of the local schedulers.

mod delayed;
mod diagnostics;
mod functions;
mod laws;
mod memory;
mod spill;
mod threaded;

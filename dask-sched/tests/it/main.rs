//! Behaviour of the local schedulers.

mod functions;
mod laws;
mod memory;
mod threaded;

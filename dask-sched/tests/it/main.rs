//! Behaviour of the local schedulers.

mod delayed;
mod functions;
mod laws;
mod memory;
mod threaded;

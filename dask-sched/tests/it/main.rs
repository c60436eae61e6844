//! Behaviour of the local schedulers.

#[cfg(feature = "ctrl-c")]
mod ctrl_c;
mod delayed;
mod diagnostics;
mod functions;
mod laws;
mod memory;
mod nested;
mod spill;
mod threaded;

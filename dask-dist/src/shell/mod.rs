//! I/O around the machines, and no decisions.

pub mod scheduler;

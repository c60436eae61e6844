//! The sample data, which the tour and the benchmarks share.

pub mod data; // deterministic, realistic, made where it is missing

//! The sample data and the graphs that the tour and the benchmarks share.

pub mod allocations; // bytes alive
pub mod data; // deterministic, realistic, made where it is missing
pub mod kernel; // work of a known amount
pub mod peers; // other systems, measured beside
pub mod shapes; // graphs of empty tasks
pub mod steps; // functions with names

/// The page of the workspace, so that its examples are compiled and run: this crate alone has every other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

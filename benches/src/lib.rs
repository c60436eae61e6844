//! The sample data and the graphs that the tour and the benchmarks share.

pub mod allocations; // bytes alive
pub mod arguments; // options of programs
pub mod blocks; // graphs of large values
pub mod crowd; // workers that answer at once
pub mod dashboard; // what it says
pub mod data; // deterministic, realistic, made where it is missing
pub mod kernel; // work of a known amount
pub mod numbers; // graphs of numbers that take their time
pub mod parts; // programs that measure in parts
pub mod peers; // other systems, measured beside
pub mod processes; // what they take of memory, disk and processor
pub mod rows; // what was measured, against targets
pub mod shapes; // graphs of empty tasks
pub mod steps; // functions with names
pub mod timing; // how often to measure

/// The page of the workspace, so that its examples are compiled and run: this crate alone has every other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

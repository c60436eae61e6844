//! The tour, the sample data and the benchmarks.

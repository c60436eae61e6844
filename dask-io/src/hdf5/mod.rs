//! N-dimensional datasets of HDF5 files.
//!
//! The library is not made for several threads: all calls go through its global lock. Reading one region holds it for
//! the region alone.

mod read;
mod write;

pub use read::{DatasetSource, Native};
pub use write::DatasetSink;

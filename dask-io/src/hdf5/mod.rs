//! N-dimensional datasets of HDF5 files, and tables (with the feature `frame`).
//!
//! The library is not made for several threads: all calls go through its global lock. Reading one region holds it for
//! the region alone.

#[cfg(feature = "frame")]
mod columns;
mod read;
#[cfg(feature = "frame")]
mod table_read;
#[cfg(feature = "frame")]
mod table_write;
mod write;

pub use read::{DatasetSource, Native};
#[cfg(feature = "frame")]
pub use table_read::TableSource;
#[cfg(feature = "frame")]
pub use table_write::TableSink;
pub use write::DatasetSink;

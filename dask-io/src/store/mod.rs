//! Files: listing by pattern, what tells one apart from a later version, writing and then renaming.

mod atomic;
mod glob;
#[cfg(any(feature = "csv", feature = "parquet", all(feature = "hdf5", feature = "frame")))]
mod parts;

pub use atomic::{AtomicFile, commit};
pub use glob::{FileInfo, expand};
#[cfg(any(feature = "csv", feature = "parquet"))]
pub(crate) use parts::PartFolder;
#[cfg(all(feature = "hdf5", feature = "frame"))]
pub(crate) use parts::{parked, receipt};

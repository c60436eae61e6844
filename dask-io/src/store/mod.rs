//! Files: listing by pattern, what tells one apart from a later version, writing and then renaming.

mod atomic;
mod glob;
mod parts;
mod staging;

pub use atomic::{AtomicFile, commit};
pub use glob::{FileInfo, expand, only};
pub(crate) use parts::PartFolder;
#[cfg(all(feature = "hdf5", feature = "frame"))]
pub(crate) use parts::{parked, receipt};
pub(crate) use staging::Staging;

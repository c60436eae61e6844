//! Files: listing by pattern, what tells one apart from a later version, writing and then renaming.

mod atomic;
mod glob;

pub use atomic::{AtomicFile, commit};
pub use glob::{FileInfo, expand};

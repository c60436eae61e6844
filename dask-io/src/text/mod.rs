//! Lines of text, by byte range; gzip files as a whole.

mod blocks;
mod lines;
mod place;
mod write;

pub use blocks::{Block, blocks};
pub use lines::{Lines, TextSource};
#[cfg(feature = "json")]
pub(crate) use place::lines_before;
pub(crate) use place::place;
pub use write::TextSink;

//! Lines of text, by byte range; gzip files as a whole.

mod blocks;
mod lines;

pub use blocks::{Block, blocks};
#[cfg(feature = "csv")]
pub(crate) use lines::read_block;
pub use lines::{Lines, TextSource};

//! Lines of text, by byte range; gzip files as a whole.

mod blocks;
mod lines;

pub use blocks::{Block, blocks};
pub use lines::{Lines, TextSource};

//! Lines of text, by byte range; gzip files as a whole.

mod blocks;
mod lines;
mod place;

pub use blocks::{Block, blocks};
pub use lines::{Lines, TextSource};
pub(crate) use place::place;

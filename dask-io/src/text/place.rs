//! Bytes to lines, for messages.

use std::fs::File;
use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::Block;

/// File and line of a byte of the (uncompressed) text: `data/a.csv:17`.
///
/// A block does not know how many lines stand before it, so the file is read once more up to there; if that fails, the
/// byte is named.
pub(crate) fn place(block: &Block, byte: u64) -> String {
    let path = block.file.path.display();
    match lines_before(block, byte) {
        Ok(n) => format!("{path}:{}", n + 1),
        Err(_) => format!("{path}: byte {byte}"),
    }
}

/// How many lines end in the first `n` bytes of the text.
pub(crate) fn lines_before(block: &Block, n: u64) -> std::io::Result<u64> {
    let file = BufReader::new(File::open(&block.file.path)?);
    let text: Box<dyn Read> = if block.is_gzip() { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let (mut text, mut bytes, mut n_lines) = (text.take(n), [0; 1 << 15], 0);
    loop {
        match text.read(&mut bytes)? {
            0 => return Ok(n_lines),
            read => n_lines += bytes[..read].iter().filter(|&&byte| byte == b'\n').count() as u64,
        }
    }
}

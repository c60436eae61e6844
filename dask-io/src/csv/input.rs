//! The bytes of a block, in pieces that stay in the processor's cache.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use super::fields::LONGEST;
use crate::error::IoError;
use crate::text::Block;

/// Bytes that are read at a time.
pub(super) const PIECE: usize = 256 << 10;
/// Bytes that are read at a time behind the end of the block, where only the end of one row is wanted.
const BEHIND: usize = 16 << 10;

/// A window on a file that begins where a row begins.
pub(super) struct Input<'a> {
    block: &'a Block,
    reader: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    /// Where the first of `bytes` stands in the (uncompressed) file.
    offset: u64,
    at_end: bool,
}

impl<'a> Input<'a> {
    /// Opens a block at the first row that begins in it.
    pub(super) fn open(block: &'a Block) -> Result<Self, IoError> {
        let path = &block.file.path;
        let mut file = File::open(path).map_err(IoError::file(path))?;
        let offset = block.start.saturating_sub(1);
        file.seek(SeekFrom::Start(offset)).map_err(IoError::file(path))?;
        let reader: Box<dyn Read + Send> = if block.is_gzip() {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(PIECE, file)))
        } else {
            Box::new(file)
        };
        let mut input = Self { block, reader, bytes: Vec::new(), offset, at_end: false };
        input.fill(0)?;
        if block.start > 0 {
            // The row that the byte before belongs to is not ours.
            loop {
                match memchr::memchr(b'\n', &input.bytes) {
                    Some(end) => break input.pass(end + 1),
                    None if input.at_end => break input.pass(input.bytes.len()),
                    None => input.fill(input.bytes.len())?,
                }
            }
        } else if input.bytes.starts_with(b"\xef\xbb\xbf") {
            // A byte order mark, as some spreadsheets write it.
            input.pass(3);
        }
        Ok(input)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where `bytes()[at]` stands in the file.
    pub(super) fn position(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    /// Where the block ends, in `bytes()`. A compressed file ends where it ends.
    pub(super) fn limit(&self) -> usize {
        if self.block.is_gzip() {
            return usize::MAX;
        }
        usize::try_from(self.block.end.saturating_sub(self.offset)).unwrap_or(usize::MAX)
    }

    /// Whether the file ends where `bytes()` end.
    pub(super) fn at_end(&self) -> bool {
        self.at_end
    }

    /// Which part of the block was read; 0 if that is not known.
    pub(super) fn read_of_block(&self) -> f64 {
        let whole = self.block.end - self.block.start;
        if self.block.is_gzip() || whole == 0 {
            return 0.0;
        }
        (self.offset + self.bytes.len() as u64).saturating_sub(self.block.start) as f64 / whole as f64
    }

    /// Forgets the first `n` bytes.
    fn pass(&mut self, n: usize) {
        self.bytes.drain(..n);
        self.offset += n as u64;
    }

    /// Forgets the first `n` bytes, and reads more.
    pub(super) fn fill(&mut self, n: usize) -> Result<(), IoError> {
        self.pass(n);
        let in_block = self.limit().saturating_sub(self.bytes.len());
        // A row that is longer than a piece needs twice as much each time, so that it is not scanned too often.
        let more = if in_block == 0 { BEHIND } else { in_block.min(PIECE) }.max(self.bytes.len());
        if self.bytes.len() + more > LONGEST {
            return Err(IoError::OpenQuote { at: crate::text::place(self.block, self.offset) });
        }
        let read = (&mut self.reader).take(more as u64).read_to_end(&mut self.bytes).map_err(|source| {
            let path = self.block.file.path.clone();
            if self.block.is_gzip() {
                IoError::Gzip { path, read: self.offset + self.bytes.len() as u64, source }
            } else {
                IoError::File { path, source }
            }
        })?;
        self.at_end = read < more;
        Ok(())
    }
}

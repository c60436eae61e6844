//! The lines of a block.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSource, TaskError, Want};
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{Block, blocks, place};
use crate::error::IoError;
use crate::store::expand;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// The lines of a block, without their ends.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.txt");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_io::{store::expand, text::{Lines, blocks}};
/// std::fs::write(path, "one\r\ntwo\nthree")?;
/// let mut lines = Vec::new();
/// for block in blocks(&expand(path)?, Some(4)) {
///     lines.extend(Lines::open(&block)?.collect::<Result<Vec<_>, _>>()?);
/// }
/// // However the file is cut, each line is read once.
/// assert_eq!(lines, ["one", "two", "three"]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
pub struct Lines {
    block: Block,
    reader: Box<dyn BufRead + Send>,
    /// Where the next line begins.
    offset: u64,
    line: Vec<u8>,
    is_gzip: bool,
}

impl Lines {
    /// Opens the file and finds the first line that begins in the block.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.txt");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_io::{store::expand, text::{Lines, blocks}};
    /// std::fs::write(path, "one\ntwo\n")?;
    /// let blocks = blocks(&expand(path)?, Some(4));
    /// let second = Lines::open(&blocks[1])?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!((blocks.len(), second), (2, vec!["two".to_owned()]));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::File`], [`IoError::Gzip`].
    pub fn open(block: &Block) -> Result<Self, IoError> {
        let path = &block.file.path;
        let mut file = File::open(path).map_err(IoError::file(path))?;
        let mut offset = block.start;
        let is_gzip = block.is_gzip();
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file))))
        } else {
            if block.start > 0 {
                // The line that the byte before belongs to is not ours.
                file.seek(SeekFrom::Start(block.start - 1)).map_err(IoError::file(path))?;
                offset -= 1;
            }
            Box::new(BufReader::with_capacity(BUFFER, file))
        };
        let mut lines = Self { block: block.clone(), reader, offset, line: Vec::new(), is_gzip };
        if block.start > 0 {
            lines.advance()?;
        }
        Ok(lines)
    }

    /// Reads one line into `self.line`; false at the end.
    fn advance(&mut self) -> Result<bool, IoError> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line).map_err(|source| {
            let path = self.block.file.path.clone();
            if self.is_gzip {
                IoError::Gzip { path, read: self.offset, source }
            } else {
                IoError::File { path, source }
            }
        })?;
        self.offset += read as u64;
        Ok(read > 0)
    }

    /// The next line and the byte at which it begins.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.txt");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_io::{store::expand, text::{Lines, blocks}};
    /// std::fs::write(path, "one\ntwo\n")?;
    /// let mut lines = Lines::open(&blocks(&expand(path)?, None)[0])?;
    /// assert_eq!(lines.next_line()?, Some((0, "one")));
    /// assert_eq!(lines.next_line()?, Some((4, "two")));
    /// assert_eq!(lines.next_line()?, None);
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::NotUtf8`], [`IoError::File`], [`IoError::Gzip`].
    pub fn next_line(&mut self) -> Result<Option<(u64, &str)>, IoError> {
        let begins = self.offset;
        if (!self.is_gzip && begins >= self.block.end) || !self.advance()? {
            return Ok(None);
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match str::from_utf8(line) {
            Ok(text) => Ok(Some((begins, text))),
            Err(_) => Err(IoError::NotUtf8 { at: place(&self.block, begins) }),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<String, TaskError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_line() {
            Ok(line) => line.map(|(_, text)| Ok(text.to_owned())),
            Err(error) => Some(Err(error.into())),
        }
    }
}

/// The lines of files, as a source.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
/// use dask_core::{PartitionSource, Want};
/// use dask_io::text::TextSource;
/// std::fs::write(at("a.txt"), "one\ntwo\n")?;
/// std::fs::write(at("b.txt"), "three\n")?;
/// let source = TextSource::open(&at("*.txt"), None)?;
/// assert_eq!(source.n_partitions(), 2);
/// assert_eq!(source.read(1, &Want::default())?.collect::<Result<Vec<_>, _>>()?, ["three"]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TextSource {
    blocks: Vec<Block>,
}

impl TextSource {
    /// The files that a pattern names, cut into blocks of about `blocksize` bytes, or one block a file.
    ///
    /// ```
    /// use dask_core::{PartitionSource, Want};
    /// use dask_io::text::TextSource;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a.txt");
    /// let path = path.to_str().ok_or("not UTF-8")?;
    /// std::fs::write(path, "one\ntwo\n")?;
    /// let source = TextSource::open(path, None)?;
    /// let lines = source.read(0, &Want::default())?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(lines, ["one", "two"]);
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// As [`expand`].
    pub fn open(pattern: &str, blocksize: Option<u64>) -> Result<Self, IoError> {
        Ok(Self { blocks: blocks(&expand(pattern)?, blocksize) })
    }
}

impl Portable for TextSource {
    fn wire_name(&self) -> &'static str {
        "io.text"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.text", |input| {
    let source: TextSource = input.serde()?;
    let source: Arc<dyn PartitionSource<Item = String, Meta = ()>> = Arc::new(source);
    Ok(Box::new(source))
});

impl PartitionSource for TextSource {
    type Item = String;
    type Meta = ();

    fn n_partitions(&self) -> usize {
        self.blocks.len()
    }

    fn meta(&self) -> &() {
        &()
    }

    fn read(&self, partition: usize, _want: &Want) -> Result<Items<String>, TaskError> {
        Ok(Box::new(Lines::open(&self.blocks[partition])?))
    }

    fn identity(&self) -> String {
        format!("{:?}", self.blocks)
    }
}

//! How files are cut into partitions.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::FileInfo;

/// A byte range of a file. A line belongs to the block in which it begins.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.txt");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_io::{store::only, text::{Block, Lines}};
/// std::fs::write(path, "one\ntwo\nthree\n")?;
/// // `two` begins in it, `three` does not.
/// let block = Block { file: only(path)?, start: 1, end: 8 };
/// assert_eq!(Lines::open(&block)?.collect::<Result<Vec<_>, _>>()?, ["two"]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The file.
    pub file: FileInfo,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Block {
    /// Whether the file is compressed, so that it can only be read from its beginning.
    ///
    /// ```
    /// use dask_io::{store::FileInfo, text::blocks};
    /// let files = ["a.txt", "a.txt.gz"].map(|path| FileInfo { path: path.into(), length: 8, modified: 0 });
    /// let are_gzip: Vec<bool> = blocks(&files, None).iter().map(|block| block.is_gzip()).collect();
    /// assert_eq!(are_gzip, [false, true]);
    /// ```
    pub fn is_gzip(&self) -> bool {
        is_gzip(&self.file.path)
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Cuts files into blocks of about `blocksize` bytes, all of a file alike; `None` and gzip files give one block a file.
///
/// ```
/// use dask_io::{store::FileInfo, text::blocks};
/// let files = ["a.txt", "a.txt.gz"].map(|path| FileInfo { path: path.into(), length: 100, modified: 0 });
/// let ranges: Vec<_> = blocks(&files, Some(40)).iter().map(|block| (block.start, block.end)).collect();
/// assert_eq!(ranges, [(0, 50), (50, 100), (0, 100)]);
/// ```
pub fn blocks(files: &[FileInfo], blocksize: Option<u64>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for file in files {
        let n = match blocksize {
            Some(size) if !is_gzip(&file.path) => (file.length / size.max(1)).max(1),
            _ => 1,
        };
        let bound = |i: u64| (u128::from(file.length) * u128::from(i) / u128::from(n)) as u64;
        blocks.extend((0..n).map(|i| Block { file: file.clone(), start: bound(i), end: bound(i + 1) }));
    }
    blocks
}

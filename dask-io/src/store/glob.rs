//! Patterns to files.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::IoError;

/// A file as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Where.
    pub path: PathBuf,
    /// In bytes.
    pub length: u64,
    /// Last change, in nanoseconds since 1970.
    pub modified: u64,
}

/// The files that a pattern (`data/*.csv`) or a plain path names, sorted.
///
/// # Errors
/// [`IoError::NothingMatches`], [`IoError::BadPattern`], [`IoError::File`].
pub fn expand(pattern: &str) -> Result<Vec<FileInfo>, IoError> {
    let bad = |error: glob::PatternError| IoError::BadPattern { pattern: pattern.into(), why: error.to_string() };
    let mut files = Vec::new();
    for found in glob::glob(pattern).map_err(bad)? {
        let path = found.map_err(|error| {
            let path = error.path().to_path_buf();
            IoError::File { path, source: error.into() }
        })?;
        let metadata = std::fs::metadata(&path).map_err(IoError::file(&path))?;
        if metadata.is_file() {
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = modified.map_or(0, |since| since.as_nanos() as u64);
            files.push(FileInfo { path, length: metadata.len(), modified });
        }
    }
    if files.is_empty() {
        let directory = std::env::current_dir().unwrap_or_default();
        return Err(IoError::NothingMatches { pattern: pattern.into(), directory });
    }
    Ok(files)
}

//! Patterns to files.

use std::io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::IoError;

/// A file as it was when it was listed.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
/// use dask_io::store::only;
/// std::fs::write(at("a.csv"), "x\n1\n")?;
/// let before = only(&at("a.csv"))?;
/// assert_eq!((before.path.to_string_lossy().into_owned(), before.length), (at("a.csv"), 4));
/// std::fs::write(at("a.csv"), "x\n1\n2\n")?;
/// assert_ne!(only(&at("a.csv"))?, before);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Where.
    pub path: PathBuf,
    /// In bytes.
    pub length: u64,
    /// Last change, in nanoseconds since 1970.
    pub modified: u64,
}

/// The files that a pattern (`data/*.csv`) or a plain path names, sorted. A file whose path is the pattern, letter by
/// letter, is named by it alone: `a[1].csv`.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// for name in ["b.csv", "a.csv", "notes.txt"] {
///     std::fs::write(folder.path().join(name), "x\n1\n")?;
/// }
/// let files = dask_io::store::expand(&format!("{}/*.csv", folder.path().display()))?;
/// let names: Vec<_> = files.iter().filter_map(|file| file.path.file_name()).collect();
/// assert_eq!(names, ["a.csv", "b.csv"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`IoError::NothingMatches`], [`IoError::BadPattern`], [`IoError::File`].
pub fn expand(pattern: &str) -> Result<Vec<FileInfo>, IoError> {
    if let Some(file) = file(Path::new(pattern))? {
        return Ok(vec![file]);
    }
    let bad = |error: glob::PatternError| IoError::BadPattern { pattern: pattern.into(), why: error.to_string() };
    let mut files = Vec::new();
    for found in glob::glob(pattern).map_err(bad)? {
        let path = found.map_err(|error| {
            let path = error.path().to_path_buf();
            IoError::File { path, source: error.into() }
        })?;
        files.extend(file(&path)?);
    }
    if files.is_empty() {
        let directory = std::env::current_dir().unwrap_or_default();
        return Err(IoError::NothingMatches { pattern: pattern.into(), directory });
    }
    Ok(files)
}

/// The only file that a pattern or a plain path names.
///
/// ```
/// use dask_io::{IoError, store::only};
///
/// let folder = tempfile::tempdir()?;
/// let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
/// std::fs::write(at("a.csv"), "x\n1\n")?;
/// assert_eq!(only(&at("*.csv"))?.length, 4);
/// std::fs::write(at("b.csv"), "x\n2\n")?;
/// assert!(matches!(only(&at("*.csv")), Err(IoError::SeveralMatch { n: 2, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`expand`]; [`IoError::SeveralMatch`].
pub fn only(pattern: &str) -> Result<FileInfo, IoError> {
    let mut files = expand(pattern)?;
    match files.as_slice() {
        [_] => Ok(files.swap_remove(0)),
        _ => {
            let first = files.iter().take(2).map(|file| file.path.display().to_string()).collect::<Vec<_>>().join(", ");
            Err(IoError::SeveralMatch { pattern: pattern.into(), n: files.len(), first })
        }
    }
}

/// A file as it is now; `None` for what is none, a folder for example, is not there, or could be no name of one.
fn file(path: &Path) -> Result<Option<FileInfo>, IoError> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => return Ok(None),
        found => found.map_err(IoError::file(path))?,
    };
    if !metadata.is_file() {
        return Ok(None);
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |since| since.as_nanos() as u64);
    Ok(Some(FileInfo { path: path.to_path_buf(), length: metadata.len(), modified }))
}

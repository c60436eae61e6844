//! Writing under a temporary name, and then renaming: a failed write leaves no half file, and what stood there before.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::Staging;
use crate::error::IoError;

/// A file that appears when it is finished.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.txt");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use std::io::Write;
/// use dask_io::store::AtomicFile;
/// let mut file = AtomicFile::create(path)?;
/// write!(file, "half of it")?;
/// // Not finished: nothing is left of it.
/// drop(file);
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
pub struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts the file that will stand at `path`; its folder is made if it is not there.
    ///
    /// ```
    /// use dask_io::store::AtomicFile;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a.txt");
    /// let path = path.to_str().ok_or("not UTF-8")?;
    /// let file = AtomicFile::create(path)?;
    /// std::fs::write(file.part(), "all of it")?;
    /// assert!(!std::fs::exists(path)?);
    /// file.finish()?;
    /// assert_eq!(std::fs::read_to_string(path)?, "all of it");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::File`].
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, IoError> {
        let path = path.into();
        let folder = folder_of(&path);
        std::fs::create_dir_all(folder).map_err(IoError::file(folder))?;
        let file = start(".part-", folder)?;
        Ok(Self { file, path })
    }

    /// Starts a file that waits among others until [`commit`].
    pub(crate) fn staged(staging: &Staging, path: PathBuf) -> Result<Self, IoError> {
        let folder = staging.folder();
        std::fs::create_dir_all(folder).map_err(IoError::file(folder))?;
        let file = start("part-", folder)?;
        Ok(Self { file, path })
    }

    /// The temporary name, for libraries that open files themselves.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let file = dask_io::store::AtomicFile::create(folder.path().join("a.txt"))?;
    /// // Beside where it will stand, with a name that no pattern finds.
    /// assert_eq!(file.part().parent(), Some(folder.path()));
    /// assert!(file.part().file_name().is_some_and(|name| name.to_string_lossy().starts_with(".part-")));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    pub fn part(&self) -> &Path {
        self.file.path()
    }

    /// Makes it stand at its path.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.txt");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use std::io::Write;
    /// std::fs::write(path, "what stood there")?;
    /// let mut file = dask_io::store::AtomicFile::create(path)?;
    /// write!(file, "all of it")?;
    /// assert_eq!(std::fs::read_to_string(path)?, "what stood there");
    /// let finished = file.finish()?;
    /// assert_eq!(std::fs::read_to_string(finished)?, "all of it");
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::File`]; then the temporary file is gone, and what stood there is still there.
    pub fn finish(mut self) -> Result<PathBuf, IoError> {
        self.file.flush().map_err(IoError::file(&self.path))?;
        self.file.as_file().sync_data().map_err(IoError::file(&self.path))?;
        self.file
            .persist(&self.path)
            .map_err(|error| IoError::File { path: self.path.clone(), source: error.error })?;
        Ok(self.path)
    }

    /// Keeps it under its temporary name, for [`commit`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.txt");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_io::store::{AtomicFile, commit};
    /// let parked = AtomicFile::create(path)?.park()?;
    /// // Unlike one that is dropped, it stays; but not yet at its path.
    /// assert!(parked.exists() && !std::fs::exists(path)?);
    /// commit(&[(parked, path.into())])?;
    /// assert!(std::fs::exists(path)?);
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::File`].
    pub fn park(self) -> Result<PathBuf, IoError> {
        let (_, path) =
            self.file.keep().map_err(|error| IoError::File { path: self.path.clone(), source: error.error })?;
        Ok(path)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// A temporary file that others may read once it is finished, as far as the umask lets them: temporary files are for
/// their owner alone otherwise.
fn start(prefix: &str, folder: &Path) -> Result<NamedTempFile, IoError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(IoError::file(folder))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Renames parked files to their final names.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use dask_io::store::{AtomicFile, commit};
/// let paths = ["a.txt", "b.txt"].map(|name| folder.path().join(name));
/// let mut from_to = Vec::new();
/// for path in &paths {
///     from_to.push((AtomicFile::create(path)?.park()?, path.clone()));
/// }
/// assert!(!paths.iter().any(|path| path.exists()));
/// commit(&from_to)?;
/// assert!(paths.iter().all(|path| path.exists()));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
///
/// # Errors
/// [`IoError::File`].
pub fn commit(from_to: &[(PathBuf, PathBuf)]) -> Result<(), IoError> {
    from_to.iter().try_for_each(|(from, to)| std::fs::rename(from, to).map_err(IoError::file(to)))
}

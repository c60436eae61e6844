//! Sample data: the same bytes for the same seed and scale, on every machine.

mod accounts;
#[cfg(feature = "hdf5")]
mod big;
mod flights;
mod random;
mod students;

use std::path::{Path, PathBuf};

/// What is made, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder.
    pub folder: PathBuf,
    /// 1 is the size of the tutorial: three million rows of accounts.
    pub scale: f64,
    /// Other seeds give other data.
    pub seed: u64,
}

/// Raised when other bytes are made for the same seed, so that what older versions made is made again.
const VERSION: u32 = 3;

impl Options {
    /// `n` at scale 1, at least 1.
    fn scaled(&self, n: u64) -> u64 {
        ((n as f64 * self.scale).round() as u64).max(1)
    }

    /// What the stamp of finished data says.
    fn stamp(&self) -> String {
        format!("version {VERSION} scale {} seed {} hdf5 {}\n", self.scale, self.seed, cfg!(feature = "hdf5"))
    }
}

/// Makes what is missing; tells whether anything was.
///
/// # Errors
/// If a file cannot be written.
pub fn make(options: &Options) -> dask_core::Result<bool> {
    let stamp = options.folder.join("stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == options.stamp()) {
        return Ok(false);
    }
    std::fs::create_dir_all(&options.folder).map_err(dask_core::Error::other)?;
    accounts::csv(options)?;
    accounts::json(options)?;
    students::csv(options)?;
    flights::csv(options)?;
    #[cfg(feature = "hdf5")]
    big::hdf5(options)?;
    write(&stamp, |out| out.write_all(options.stamp().as_bytes()))?;
    Ok(true)
}

/// Writes a file under a temporary name, and then renames it.
fn write(path: &Path, f: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> dask_core::Result<()> {
    let mut out = std::io::BufWriter::with_capacity(1 << 18, dask_io::store::AtomicFile::create(path)?);
    f(&mut out).map_err(|source| dask_io::IoError::File { path: path.to_path_buf(), source })?;
    let file = out.into_inner().map_err(|error| dask_core::Error::other(error.into_error()))?;
    file.finish()?;
    Ok(())
}

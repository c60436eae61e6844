//! What a scheduler knows, kept as one page.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Client;
use super::answer::Answer;
use crate::DistError;
use crate::protocol::{FromClient, ToClient};

impl Client {
    /// Writes what the scheduler knows now as one self-contained page: the last tasks, progress, workers, events, the
    /// graph if it is small. To be called when the work to be reported is done, before its futures are dropped. What
    /// stood at `path` stays until the page is whole.
    ///
    /// ```
    /// # #[cfg(feature = "dashboard")] {
    /// use dask_dist::LocalCluster;
    /// let cluster = LocalCluster::builder().workers(1).dashboard("127.0.0.1:0").start().unwrap();
    /// let client = cluster.client().unwrap();
    /// let future = client.submit(|x: i64| x + 1, (1,)).unwrap();
    /// future.result().unwrap();
    /// let folder = tempfile::tempdir().unwrap();
    /// client.performance_report(folder.path().join("report.html")).wait().unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// A scheduler without a dashboard: it keeps no record. A file that cannot be written.
    pub fn performance_report(&self, path: impl AsRef<Path>) -> Answer<()> {
        let path: PathBuf = path.as_ref().to_owned();
        let page = self.ask_for(
            "a report",
            |request| FromClient::Report { request },
            |reply| match reply {
                ToClient::Report { page, .. } => Some(page),
                _ => None,
            },
        );
        Answer::new(&self.connection, async move { Ok(write_page(&path, &page.await?)?) })
    }
}

/// Writes a page beside its place, and puts it there when it is whole.
///
/// # Errors
/// A folder that is not there or cannot be written to.
pub(crate) fn write_page(path: &Path, page: &str) -> Result<(), DistError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Others may read it, as far as the umask lets them.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let written = builder.tempfile_in(folder).and_then(|mut file| {
        file.write_all(page.as_bytes())?;
        file.persist(path).map_err(|error| error.error).map(drop)
    });
    written.map_err(|error| DistError::io(format!("writing {}", path.display()), error))
}

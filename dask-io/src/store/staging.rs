//! Where the parts of one result wait until all are written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dask_core::Token;
use serde::{Deserialize, Serialize};

/// A hidden folder beside the result, made by the first part and gone with the last of what its maker cloned: whatever
/// a failed or abandoned write leaves, in this or another process, goes with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Staging {
    folder: PathBuf,
    /// Not there where it arrived from another process: whoever made it removes it.
    #[serde(skip)]
    _remove: Option<Arc<Remove>>,
}

impl Staging {
    /// In the folder where the result will stand, so that renaming moves nothing. Nothing is touched yet.
    pub(crate) fn within(folder: &Path) -> Self {
        let folder = folder.join(format!(".part-{}", Token::unique()));
        Self { _remove: Some(Arc::new(Remove(folder.clone()))), folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the folder and what is in it.
    pub(crate) fn clear(&self) {
        // What cannot be removed does no harm: its name begins with a dot, and no pattern finds it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[derive(Debug)]
struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! The folder of a run's spilled values, and what killed processes left of theirs.
//!
//! Beside each folder `dask-spill-abc` lies the file `dask-spill-abc.lock`, which its process holds locked. The system
//! takes the lock back however the process ends; so a lock that can be had belongs to nobody, and its folder goes.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

const PREFIX: &str = "dask-spill-";
const SUFFIX: &str = ".lock";

/// Goes with all that is in it when dropped.
pub(super) struct Folder {
    path: PathBuf,
    /// Locked.
    _lock: NamedTempFile,
}

impl Folder {
    /// A new one inside `parent`, which is made if it is not there. What killed processes left in `parent` is removed
    /// when this process first asks for a folder there.
    pub(super) fn new_in(parent: &Path) -> io::Result<Self> {
        static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
        std::fs::create_dir_all(parent)?;
        if SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(parent.to_owned()) {
            sweep(parent);
        }
        loop {
            let lock = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(parent)?;
            match lock.as_file().try_lock() {
                // Another process swept the file in the moment between its making and its locking.
                Err(TryLockError::WouldBlock) => continue,
                Ok(()) if !lock.path().exists() => continue,
                // Where files cannot be locked, nobody else can lock this one either, and nothing is swept.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            let path = lock.path().with_extension("");
            std::fs::create_dir(&path)?;
            return Ok(Self { path, _lock: lock });
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next process that spills here.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of processes that are no more. What cannot be removed stays.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let of_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let Ok(lock) = File::options().write(true).open(entry.path()) else { continue };
        if of_ours && lock.try_lock().is_ok() {
            let folder = entry.path().with_extension("");
            // The lock goes last: as long as the folder is there, somebody will find it.
            if !folder.exists() || std::fs::remove_dir_all(folder).is_ok() {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_its_process_is_swept_and_one_with_it_stays() {
        let parent = tempfile::tempdir().unwrap();
        let inside = |name: &str| parent.path().join(name);
        let living = Folder::new_in(parent.path()).unwrap();
        std::fs::create_dir(inside("dask-spill-dead")).unwrap();
        std::fs::write(inside("dask-spill-dead/value"), [0; 100]).unwrap();
        std::fs::write(inside("dask-spill-dead.lock"), []).unwrap();
        std::fs::write(inside("other.lock"), []).unwrap();
        sweep(parent.path());
        assert!(!inside("dask-spill-dead").exists() && !inside("dask-spill-dead.lock").exists());
        assert!(living.path().exists() && inside("other.lock").exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}

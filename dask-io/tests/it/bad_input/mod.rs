//! What is missing, damaged or of another kind is named: file, line, column, value, and the way out. A format a file, so
//! that each is tested with its features alone.
#![allow(dead_code, reason = "each format uses some of the helpers")]

#[cfg(all(feature = "csv", feature = "frame"))]
mod csv;
#[cfg(feature = "hdf5")]
mod hdf5;
#[cfg(all(feature = "json", feature = "bag"))]
mod json;
#[cfg(all(feature = "parquet", feature = "frame"))]
mod parquet;
#[cfg(feature = "bag")]
mod text;

use dask_core::{Collection, RunContext};
use dask_sched::SyncScheduler;

/// A folder of a test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

fn compute<C: Collection>(what: &C) -> C::Output {
    what.compute_with(&SyncScheduler, &RunContext::default()).unwrap()
}

fn error<C: Collection>(what: &C) -> String {
    match what.compute_with(&SyncScheduler, &RunContext::default()) {
        Ok(_) => panic!("it worked"),
        Err(error) => error.to_string(),
    }
}

/// All parts of a message are in it.
fn check(message: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message:?}"));
}

/// A file or pattern that is not there is named, with the folder that was looked at.
fn nothing_matches<T, E: std::fmt::Display>(open: impl Fn(&str) -> Result<T, E>) {
    let folder = Folder::new();
    for name in ["missing", "*.none"] {
        match open(&folder.path(name)) {
            Ok(_) => panic!("{name} was opened"),
            Err(error) => check(&error.to_string(), &["no file matches", name, "paths are relative to"]),
        }
    }
}

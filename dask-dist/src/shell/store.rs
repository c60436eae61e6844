//! The values of a worker: in memory or on disk. The machine says which; this keeps them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dask_core::Value;
use foldhash::fast::RandomState;

use super::disk;
use crate::protocol::TaskRef;

/// The values of a worker.
pub(super) struct Store {
    values: Mutex<HashMap<TaskRef, Entry, RandomState>>,
    folder: Mutex<Option<tempfile::TempDir>>,
    parent: Option<PathBuf>,
}

enum Entry {
    Memory(Value),
    Disk(PathBuf),
}

impl Store {
    /// Empty; spills below `parent`, or the system's temporary folder.
    pub(super) fn new(parent: Option<PathBuf>) -> Self {
        Self { values: Mutex::default(), folder: Mutex::new(None), parent }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskRef, Entry, RandomState>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a value; one that is there stays.
    pub(super) fn insert(&self, task: TaskRef, value: Value) {
        self.lock().entry(task).or_insert(Entry::Memory(value));
    }

    /// A value that is in memory.
    pub(super) fn get(&self, task: TaskRef) -> Option<Value> {
        match self.lock().get(&task) {
            Some(Entry::Memory(value)) => Some(value.clone()),
            _ => None,
        }
    }

    /// A value wherever it is; one on disk is read and not kept. Blocks.
    pub(super) fn get_or_read(&self, task: TaskRef) -> Option<Value> {
        let path = match self.lock().get(&task)? {
            Entry::Memory(value) => return Some(value.clone()),
            Entry::Disk(path) => path.clone(),
        };
        match disk::read(&path) {
            Ok(parcel) => Some(Value::encoded(parcel)),
            // Restored or dropped meanwhile.
            Err(_) => self.get(task),
        }
    }

    /// Drops values; their memory is freed by the caller's thread.
    pub(super) fn remove(&self, tasks: &[TaskRef]) {
        let mut gone = Vec::with_capacity(tasks.len());
        {
            let mut values = self.lock();
            gone.extend(tasks.iter().filter_map(|task| values.remove(task)));
        }
        for entry in gone {
            if let Entry::Disk(path) = entry {
                drop(std::fs::remove_file(path));
            }
        }
    }

    fn path(&self, task: TaskRef) -> std::io::Result<PathBuf> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        if folder.is_none() {
            let mut builder = tempfile::Builder::new();
            builder.prefix("dask-worker-");
            *folder = Some(match &self.parent {
                Some(parent) => builder.tempdir_in(parent)?,
                None => builder.tempdir()?,
            });
        }
        let folder = folder.as_ref().map(tempfile::TempDir::path).unwrap_or(std::path::Path::new("."));
        Ok(folder.join(format!("{}-{}", task.slot, task.generation)))
    }

    /// Writes a value to disk and frees its memory. Blocks.
    pub(super) fn spill(&self, task: TaskRef) -> Result<(), String> {
        let Some(value) = self.get(task) else { return Err("it is not there".to_owned()) };
        let parcel = value.to_parcel().map_err(|error| error.to_string())?;
        let path = self.path(task).map_err(|error| error.to_string())?;
        disk::write(&path, &parcel).map_err(|error| format!("{}: {error}", path.display()))?;
        drop((value, parcel));
        match self.lock().get_mut(&task) {
            Some(entry) => *entry = Entry::Disk(path),
            None => drop(std::fs::remove_file(path)),
        }
        Ok(())
    }

    /// Reads a value from disk into memory. Blocks.
    pub(super) fn restore(&self, task: TaskRef) -> Result<(), String> {
        let path = match self.lock().get(&task) {
            Some(Entry::Disk(path)) => path.clone(),
            Some(Entry::Memory(_)) => return Ok(()),
            None => return Err("it is not there".to_owned()),
        };
        let parcel = disk::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(entry) = self.lock().get_mut(&task) {
            *entry = Entry::Memory(Value::encoded(parcel));
        }
        drop(std::fs::remove_file(path));
        Ok(())
    }
}

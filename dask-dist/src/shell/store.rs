//! The values of a worker: in memory or on disk. The machine says which; this keeps them.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
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
    next_stamp: AtomicU64,
}

struct Entry {
    place: Place,
    /// Which of those that were called like this: what is done on another thread is done to this one only.
    stamp: u64,
}

enum Place {
    Memory(Value),
    /// In memory and on disk, until the machine has heard of it: a task that it starts meanwhile finds the value.
    Both(Value, PathBuf),
    /// In memory, read from a file that is still there: it goes to disk again without being written.
    Clean(Value, PathBuf),
    Disk(PathBuf),
}

impl Place {
    /// Its memory is freed; its file is removed.
    fn clear(self) {
        let (value, path) = match self {
            Self::Memory(value) => (Some(value), None),
            Self::Both(value, path) | Self::Clean(value, path) => (Some(value), Some(path)),
            Self::Disk(path) => (None, Some(path)),
        };
        value.into_iter().for_each(drop_quietly);
        path.into_iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

/// Drops a value; what a user's destructor panics with is printed, and no thread ends by it.
pub(super) fn drop_quietly<T>(value: T) {
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(value)));
    if let Err(panic) = dropped {
        crate::log::warn("worker", "a value panicked when it was dropped");
        // What it panicked with may panic in its turn.
        std::mem::forget(panic);
    }
}

/// Values that were taken out of a store: their memory is freed, and their files removed, when it is dropped.
#[must_use]
pub(super) struct Removed(Vec<Entry>);

impl Drop for Removed {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|entry| entry.place.clear());
    }
}

/// What came of writing a value to disk or reading it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Done,
    /// It was dropped meanwhile: nobody waits for it.
    Dropped,
    /// Its type cannot leave the process.
    Stays(String),
    /// The disk refused.
    Failed(String),
}

impl Store {
    /// Empty; spills below `parent`, or the system's temporary folder.
    pub(super) fn new(parent: Option<PathBuf>) -> Self {
        Self { values: Mutex::default(), folder: Mutex::new(None), parent, next_stamp: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskRef, Entry, RandomState>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a value; one that is there stays.
    pub(super) fn insert(&self, task: TaskRef, value: Value) {
        let stamp = self.next_stamp.fetch_add(1, Ordering::Relaxed);
        self.lock().entry(task).or_insert(Entry { place: Place::Memory(value), stamp });
    }

    /// A value that is in memory.
    pub(super) fn get(&self, task: TaskRef) -> Option<Value> {
        match self.lock().get(&task) {
            Some(Entry { place: Place::Memory(value) | Place::Both(value, _) | Place::Clean(value, _), .. }) => {
                Some(value.clone())
            }
            _ => None,
        }
    }

    /// A value wherever it is; one on disk is read and not kept. Blocks.
    pub(super) fn get_or_read(&self, task: TaskRef) -> Option<Value> {
        let path = match &self.lock().get(&task)?.place {
            Place::Memory(value) | Place::Both(value, _) | Place::Clean(value, _) => return Some(value.clone()),
            Place::Disk(path) => path.clone(),
        };
        match disk::read(&path) {
            Ok(parcel) => Some(Value::encoded(parcel)),
            // Restored or dropped meanwhile.
            Err(_) => self.get(task),
        }
    }

    /// Takes everything over from a store that others may still use: they find nothing there any more. Which of these
    /// values are on disk is said.
    pub(super) fn take_over(other: &Self, keep: impl Fn(TaskRef) -> bool) -> (Self, HashMap<TaskRef, bool>) {
        let mut values = std::mem::take(&mut *other.lock());
        let gone: Vec<TaskRef> = values.keys().copied().filter(|&task| !keep(task)).collect();
        for task in gone {
            if let Some(entry) = values.remove(&task) {
                entry.place.clear();
            }
        }
        let on_disk = values.iter().map(|(&task, entry)| (task, matches!(entry.place, Place::Disk(_)))).collect();
        let folder = other.folder.lock().unwrap_or_else(PoisonError::into_inner).take();
        let next_stamp = AtomicU64::new(other.next_stamp.load(Ordering::Relaxed));
        let store =
            Self { values: Mutex::new(values), folder: Mutex::new(folder), parent: other.parent.clone(), next_stamp };
        (store, on_disk)
    }

    /// Takes values out, to be dropped where that disturbs nobody.
    pub(super) fn remove(&self, tasks: &[TaskRef]) -> Removed {
        let mut values = self.lock();
        Removed(tasks.iter().filter_map(|task| values.remove(task)).collect())
    }

    fn path(&self, task: TaskRef, stamp: u64) -> std::io::Result<PathBuf> {
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
        Ok(folder.join(format!("{}-{}-{stamp}", task.slot, task.generation)))
    }

    /// Writes a value to disk; its memory is freed when it is [evicted](Self::evict). Blocks.
    pub(super) fn spill(&self, task: TaskRef) -> Moved {
        let (value, stamp) = match self.lock().get_mut(&task) {
            Some(Entry { place: Place::Memory(value), stamp }) => (value.clone(), *stamp),
            Some(Entry { place: Place::Both(..), .. }) => return Moved::Done,
            Some(Entry { place: place @ Place::Clean(..), .. }) => {
                if let Place::Clean(value, path) = place {
                    *place = Place::Both(value.clone(), std::mem::take(path));
                }
                return Moved::Done;
            }
            _ => return Moved::Dropped,
        };
        let parcel = match value.to_parcel() {
            Ok(parcel) => parcel,
            Err(error) => return Moved::Stays(error.to_string()),
        };
        let write = || {
            let path = self.path(task, stamp)?;
            let written = disk::write(&path, &parcel);
            written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            Ok(path)
        };
        let mut written: io::Result<PathBuf> = write();
        // Files that are kept for later make room for those that are needed.
        if written.is_err() && self.forget_files() {
            written = write();
        }
        drop(parcel);
        match written {
            Ok(path) => self.replace(task, stamp, Place::Both(value, path)),
            Err(error) => Moved::Failed(error.to_string()),
        }
    }

    /// Frees the memory of a value that has been written.
    pub(super) fn evict(&self, task: TaskRef) {
        let mut values = self.lock();
        let Some(entry) = values.get_mut(&task) else { return };
        let Place::Both(_, path) = &mut entry.place else { return };
        let path = std::mem::take(path);
        let freed = std::mem::replace(&mut entry.place, Place::Disk(path));
        // Without the lock: large memory is unmapped.
        drop(values);
        if let Place::Both(value, _) = freed {
            drop_quietly(value);
        }
    }

    /// Reads a value from disk into memory. Blocks.
    pub(super) fn restore(&self, task: TaskRef) -> Moved {
        let (path, stamp) = match self.lock().get(&task) {
            Some(Entry { place: Place::Disk(path), stamp }) => (path.clone(), *stamp),
            Some(_) => return Moved::Done,
            None => return Moved::Dropped,
        };
        match disk::read(&path) {
            Ok(parcel) => self.is_read(task, stamp, Value::encoded(parcel), path),
            Err(error) if self.is_there(task, stamp) => Moved::Failed(format!("{}: {error}", path.display())),
            Err(_) => Moved::Dropped,
        }
    }

    /// A value was read, if it is still the same.
    fn is_read(&self, task: TaskRef, stamp: u64, value: Value, path: PathBuf) -> Moved {
        let mut values = self.lock();
        let Some(entry) = values.get_mut(&task).filter(|entry| entry.stamp == stamp) else { return Moved::Dropped };
        if matches!(entry.place, Place::Disk(_)) {
            entry.place = Place::Clean(value, path);
        }
        Moved::Done
    }

    /// Removes the files of values that are in memory and to stay there; whether there were any.
    fn forget_files(&self) -> bool {
        let mut paths = Vec::new();
        for entry in self.lock().values_mut() {
            if let Place::Clean(value, path) = &mut entry.place {
                paths.push(std::mem::take(path));
                entry.place = Place::Memory(value.clone());
            }
        }
        paths.iter().for_each(|path| drop(std::fs::remove_file(path)));
        !paths.is_empty()
    }

    fn is_there(&self, task: TaskRef, stamp: u64) -> bool {
        self.lock().get(&task).is_some_and(|entry| entry.stamp == stamp)
    }

    /// The value is in another place now, if it is still the same.
    fn replace(&self, task: TaskRef, stamp: u64, place: Place) -> Moved {
        let (left, moved) = match self.lock().get_mut(&task) {
            Some(entry) if entry.stamp == stamp => (std::mem::replace(&mut entry.place, place), Moved::Done),
            _ => (place, Moved::Dropped),
        };
        // Memory is freed, and files are removed, without the lock.
        left.clear();
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(slot: u32) -> TaskRef {
        TaskRef { slot, generation: 0 }
    }

    fn below(folder: &std::path::Path) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(folder).unwrap();
        folders
            .flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap())
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    fn files(folder: &std::path::Path) -> usize {
        below(folder).len()
    }

    #[test]
    fn a_value_goes_to_disk_and_back_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Some(folder.path().to_owned()));
        store.insert(t(1), Value::new(vec![1i64, 2, 3]));
        assert_eq!(store.spill(t(1)), Moved::Done);
        // The machine has not heard of it: what it starts now finds the value.
        assert!(store.get(t(1)).is_some());
        store.evict(t(1));
        assert!(store.get(t(1)).is_none());
        assert_eq!(store.get_or_read(t(1)).unwrap().get::<Vec<i64>>().unwrap(), &[1, 2, 3]);
        assert_eq!(files(folder.path()), 1);
        assert_eq!(store.restore(t(1)), Moved::Done);
        assert_eq!(store.get(t(1)).unwrap().get::<Vec<i64>>().unwrap(), &[1, 2, 3]);
        // It need not be written again: the file is the same one.
        let file = || std::fs::metadata(below(folder.path()).pop().unwrap()).unwrap().modified().unwrap();
        let written = file();
        assert_eq!(store.spill(t(1)), Moved::Done);
        assert!(store.get(t(1)).is_some());
        store.evict(t(1));
        assert!(store.get(t(1)).is_none());
        assert_eq!(file(), written);
        assert_eq!(store.restore(t(1)), Moved::Done);
        drop(store.remove(&[t(1)]));
        assert_eq!(files(folder.path()), 0);
        assert_eq!((store.spill(t(1)), store.restore(t(1))), (Moved::Dropped, Moved::Dropped));
        drop(store);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_refuses_leaves_the_value_in_memory() {
        let store = Store::new(Some("/no/such/folder".into()));
        store.insert(t(1), Value::new(vec![1i64]));
        assert!(matches!(store.spill(t(1)), Moved::Failed(why) if !why.is_empty()));
        assert!(store.get(t(1)).is_some());
    }

    #[test]
    fn files_of_values_in_memory_make_room_on_a_disk_that_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Some(folder.path().to_owned()));
        for i in 1..=3 {
            store.insert(t(i), Value::new(vec![i64::from(i)]));
        }
        for i in 1..=2 {
            assert_eq!(store.spill(t(i)), Moved::Done);
            store.evict(t(i));
        }
        assert_eq!(store.restore(t(1)), Moved::Done);
        // Where the third is to be written stands something else: it cannot be, whatever is removed.
        let stamp = store.lock()[&t(3)].stamp;
        std::fs::create_dir(store.path(t(3), stamp).unwrap()).unwrap();
        assert!(matches!(store.spill(t(3)), Moved::Failed(_)));
        assert_eq!(files(folder.path()), 2);
        // The first lost its file, not its value; the second, which is nowhere else, has its file.
        for i in 1..=3 {
            assert_eq!(store.get_or_read(t(i)).unwrap().get::<Vec<i64>>().unwrap(), &[i64::from(i)]);
        }
        std::fs::remove_dir(store.path(t(3), stamp).unwrap()).unwrap();
        assert_eq!((store.spill(t(1)), store.spill(t(3))), (Moved::Done, Moved::Done));
        assert_eq!(files(folder.path()), 3);
    }

    #[test]
    fn a_value_whose_type_cannot_travel_stays() {
        struct Handle;
        impl dask_core::Data for Handle {
            fn nbytes(&self) -> usize {
                1
            }
        }
        let store = Store::new(None);
        store.insert(t(1), Value::new(Handle));
        assert!(matches!(store.spill(t(1)), Moved::Stays(_)));
        assert!(store.get(t(1)).is_some());
    }

    #[test]
    fn a_destructor_that_panics_ends_nothing() {
        struct Bad;
        impl dask_core::Data for Bad {
            fn nbytes(&self) -> usize {
                1
            }
        }
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("not like this");
            }
        }
        let store = Store::new(None);
        store.insert(t(1), Value::new(Bad));
        store.insert(t(2), Value::new(2i64));
        drop(store.remove(&[t(1), t(2)]));
        assert!(store.get(t(1)).is_none() && store.get(t(2)).is_none());
    }

    #[test]
    fn what_is_written_or_read_is_not_taken_for_its_successor_of_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Some(folder.path().to_owned()));
        store.insert(t(1), Value::new(1i64));
        let stamp = store.lock()[&t(1)].stamp;
        drop(store.remove(&[t(1)]));
        store.insert(t(1), Value::new(2i64));
        assert_eq!(store.replace(t(1), stamp, Place::Disk(folder.path().join("old"))), Moved::Dropped);
        assert_eq!(*store.get(t(1)).unwrap().get::<i64>().unwrap(), 2);
    }
}

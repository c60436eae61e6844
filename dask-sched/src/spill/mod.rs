//! Values on a shelf that may go to disk, those first that are needed last.
//!
//! ```text
//!   put ──► memory ──── above the limit, needed latest ────► disk
//!             ▲  │                                             │
//!             │  └── last use: moved out         read back ────┤
//!             └───────────── uses to come ─────────────────────┘
//! ```
//! When a value is needed next is told by the priorities of its dependents: the lowest one behind the task that used
//! it last. Values that cannot travel stay in memory, as do those that a running task holds (the memory would not be
//! freed) and small ones (a file costs a block).

mod file;
mod folder;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use dask_core::{Error, Graph, Plan, Result, TaskId, Value};

use file::Spilled;
use folder::Folder;

/// Smaller values stay in memory.
const NBYTES_MIN: u64 = 4096;

/// The values of a run that may spill.
pub(crate) struct Shelf {
    entries: Vec<Mutex<Entry>>,
    /// What is in memory and could be spilled: when it is needed next, and which. Locked after an entry, never before.
    candidates: Mutex<BTreeSet<(u32, u32)>>,
    directory: PathBuf,
    /// Made at the first spill, inside `directory`.
    own_directory: Mutex<Option<Folder>>,
    limit: u64,
}

struct Entry {
    stored: Stored,
    /// Uses to come.
    uses: u32,
    /// Priority of the next dependent; `u32::MAX` if only the caller waits for it.
    next_use: u32,
    nbytes: u64,
}

enum Stored {
    Nothing,
    Memory(Value),
    Disk(Spilled),
}

impl Shelf {
    /// `uses` has an entry a task.
    pub(crate) fn new(uses: Vec<u32>, directory: PathBuf, limit: u64) -> Self {
        let entry = |uses| Mutex::new(Entry { stored: Stored::Nothing, uses, next_use: u32::MAX, nbytes: 0 });
        Self {
            entries: uses.into_iter().map(entry).collect(),
            candidates: Mutex::default(),
            directory,
            own_directory: Mutex::default(),
            limit,
        }
    }

    /// Stores the value of a task.
    pub(crate) fn put(&self, plan: &Plan, task: TaskId, value: Value, nbytes: u64) {
        let mut entry = lock(&self.entries[task.idx()]);
        entry.next_use = next_use(plan, task, None);
        entry.nbytes = nbytes;
        entry.stored = Stored::Memory(value);
        self.offer(&entry, task);
    }

    /// One use, by `user` (or by the caller, as an output): the value, and whether it has left the shelf.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read back.
    pub(crate) fn take(
        &self,
        plan: &Plan,
        task: TaskId,
        user: Option<TaskId>,
        live_bytes: &AtomicU64,
    ) -> Result<(Option<Value>, bool)> {
        let mut entry = lock(&self.entries[task.idx()]);
        lock(&self.candidates).remove(&(entry.next_use, task.0));
        entry.uses = entry.uses.saturating_sub(1);
        let last = entry.uses == 0;
        let value = match std::mem::replace(&mut entry.stored, Stored::Nothing) {
            Stored::Nothing => return Ok((None, last)),
            Stored::Memory(value) => value,
            Stored::Disk(spilled) => {
                let failed = |source| io_error("reading back", &plan.graph, task, spilled.path(), source);
                let value = spilled.read().map_err(failed)?;
                live_bytes.fetch_add(entry.nbytes, Ordering::AcqRel);
                value
            }
        };
        if !last {
            entry.stored = Stored::Memory(value.clone());
            entry.next_use = user.map_or(u32::MAX, |user| next_use(plan, task, Some(plan.priority[user.idx()])));
            self.offer(&entry, task);
        }
        Ok((Some(value), last))
    }

    fn offer(&self, entry: &Entry, task: TaskId) {
        if entry.nbytes >= NBYTES_MIN {
            lock(&self.candidates).insert((entry.next_use, task.0));
        }
    }

    /// While `live_bytes` exceed the limit: writes values to disk that are needed after the task `next`, which is
    /// about to run. `told` hears of each.
    ///
    /// # Errors
    /// [`Error::Io`] if one cannot be written; it stays in memory, and no file is left.
    pub(crate) fn shrink(
        &self,
        plan: &Plan,
        next: Option<u32>,
        live_bytes: &AtomicU64,
        mut told: impl FnMut(TaskId, u64),
    ) -> Result<()> {
        let soonest = next.map(|task| plan.priority[task as usize]);
        let mut kept = Vec::new();
        let mut result = Ok(());
        while live_bytes.load(Ordering::Acquire) > self.limit {
            let Some(candidate) = self.needed_last(soonest) else { break };
            let task = TaskId(candidate.1);
            match self.spill(plan, candidate) {
                Ok(Outcome::Spilled(nbytes)) => {
                    live_bytes.fetch_sub(nbytes, Ordering::AcqRel);
                    told(task, nbytes);
                }
                Ok(Outcome::InUse) => kept.push(candidate),
                Ok(Outcome::Stays) => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        for (next_use, task) in kept {
            let entry = lock(&self.entries[task as usize]);
            // Whoever used it meanwhile has offered it again.
            if entry.next_use == next_use && matches!(entry.stored, Stored::Memory(_)) {
                self.offer(&entry, TaskId(task));
            }
        }
        result
    }

    /// Takes the candidate that is needed last, if that is after `soonest`.
    fn needed_last(&self, soonest: Option<u32>) -> Option<(u32, u32)> {
        let mut candidates = lock(&self.candidates);
        let &last = candidates.last()?;
        if soonest.is_some_and(|soonest| last.0 <= soonest) {
            return None;
        }
        candidates.pop_last()
    }

    fn spill(&self, plan: &Plan, (next_use, task): (u32, u32)) -> Result<Outcome> {
        // A locked entry is being used: not the one to spill.
        let mut entry = match self.entries[task as usize].try_lock() {
            Ok(entry) => entry,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(Outcome::InUse),
        };
        let Stored::Memory(value) = &entry.stored else { return Ok(Outcome::Stays) };
        if entry.next_use != next_use {
            return Ok(Outcome::Stays); // offered again under its new place
        }
        if !value.is_unshared() {
            return Ok(Outcome::InUse);
        }
        let Ok(parcel) = value.to_parcel() else { return Ok(Outcome::Stays) };
        let written = self.make_directory().and_then(|directory| Spilled::write(&parcel, &directory));
        let failed = |source| io_error("spilling", &plan.graph, TaskId(task), &self.directory, source);
        entry.stored = Stored::Disk(written.map_err(failed)?);
        Ok(Outcome::Spilled(entry.nbytes))
    }

    fn make_directory(&self) -> io::Result<PathBuf> {
        let mut own = lock(&self.own_directory);
        if let Some(directory) = &*own {
            return Ok(directory.path().to_owned());
        }
        Ok(own.insert(Folder::new_in(&self.directory)?).path().to_owned())
    }

    /// Drops all values and all files.
    pub(crate) fn clear(&self) {
        self.entries.iter().for_each(|entry| lock(entry).stored = Stored::Nothing);
        lock(&self.own_directory).take();
    }
}

enum Outcome {
    Spilled(u64),
    /// Somebody holds it; perhaps later.
    InUse,
    /// It cannot travel, or is gone.
    Stays,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lowest priority among the dependents of `task` behind `after`.
fn next_use(plan: &Plan, task: TaskId, after: Option<u32>) -> u32 {
    let dependents = plan.graph.dependents().of(task.0).iter().map(|&dependent| plan.priority[dependent as usize]);
    dependents.filter(|&rank| after.is_none_or(|after| rank > after)).min().unwrap_or(u32::MAX)
}

#[cold]
fn io_error(what: &str, graph: &Graph, task: TaskId, path: &Path, source: io::Error) -> Error {
    let what = format!(
        "{what} the value of {} ({}); give a spill directory with room for it, or a higher memory limit",
        graph.key(task),
        path.display()
    );
    Error::Io { what, source: Arc::new(source) }
}

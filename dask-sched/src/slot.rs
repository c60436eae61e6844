//! Where a task's value waits for those who use it, shared between threads.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

use dask_core::Value;

/// A task's value, and two counters. 24 bytes.
///
/// Protocol: [`put`](Slot::put) is called once, before the dependents hear of it by [`dependency_done`](Slot::dependency_done)
/// (release, acquire). After that each use calls [`take`](Slot::take) once; who leaves no other user empties the slot.
pub(crate) struct Slot {
    value: UnsafeCell<Option<Value>>,
    /// Dependencies that have not run yet.
    missing: AtomicU32,
    /// Uses to come: dependents' inputs, and one for each time it is an output.
    uses: AtomicU32,
}

const _: () = assert!(size_of::<Slot>() <= 24);

// SAFETY: `value` is written by `put` before any other thread is told of it, and after that only by the thread that
// saw in `uses` that all other users have finished with it.
unsafe impl Sync for Slot {}

impl Slot {
    /// An empty one.
    pub(crate) fn new(missing: u32, uses: u32) -> Self {
        Self { value: UnsafeCell::new(None), missing: AtomicU32::new(missing), uses: AtomicU32::new(uses) }
    }

    /// Counts a dependency that has run; true if it was the last.
    #[inline]
    pub(crate) fn dependency_done(&self) -> bool {
        self.missing.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Stores the value.
    ///
    /// # Safety
    /// Called once, by the thread that ran the task, before any dependent is told.
    #[inline]
    pub(crate) unsafe fn put(&self, value: Value) {
        // SAFETY: nobody else knows of the value yet, by the contract of this function.
        unsafe { *self.value.get() = Some(value) };
    }

    /// One use: the value, and whether the slot is empty now. The last user gets the only reference.
    ///
    /// # Safety
    /// Called after `put`, at most once for each use that was counted at first.
    #[inline]
    pub(crate) unsafe fn take(&self) -> (Option<Value>, bool) {
        if self.uses.load(Ordering::Acquire) == 1 {
            // SAFETY: this is the last use; the acquire saw the decrements of all others.
            return (unsafe { (*self.value.get()).take() }, true);
        }
        // SAFETY: this use is still counted, so that nobody may empty the slot; all others only read.
        let value = unsafe { (*self.value.get()).clone() };
        if self.uses.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The others finished meanwhile: give up the slot's reference first, so that ours is the only one.
            // SAFETY: as above, this was the last use.
            unsafe { *self.value.get() = None };
            return (value, true);
        }
        (value, false)
    }

    /// Drops the value, if there is one.
    ///
    /// # Safety
    /// Nobody else uses the slot, now or later.
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: nobody else looks at it, by the contract of this function.
        drop(unsafe { (*self.value.get()).take() });
    }
}

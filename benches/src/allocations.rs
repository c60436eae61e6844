//! An allocator that counts the bytes alive while it is asked to; otherwise it costs one load.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

static ON: AtomicBool = AtomicBool::new(false);
static ALIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, counted.
pub struct Counting;

fn count(change: isize) {
    if ON.load(Ordering::Relaxed) {
        let alive = ALIVE.fetch_add(change, Ordering::Relaxed) + change;
        PEAK.fetch_max(alive, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to `System` with the same arguments, and its answer is returned as it is; counting touches
// atomics alone and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the promises of `GlobalAlloc::alloc`, which are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above; `pointer` came from `System`, since nothing else hands out memory here.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Counts from nothing while `f` runs; gives what it returns and the most bytes that were alive at once.
pub fn counted<T>(f: impl FnOnce() -> T) -> (T, isize) {
    ALIVE.store(0, Ordering::Relaxed);
    PEAK.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::Relaxed);
    let result = f();
    ON.store(false, Ordering::Relaxed);
    (result, PEAK.load(Ordering::Relaxed))
}

/// The bytes alive now, of those allocated since counting began.
pub fn alive() -> isize {
    ALIVE.load(Ordering::Relaxed)
}

//! Stacks, copied by the threads that they belong to: a signal handler that copies registers and words of the stack into
//! the thread's slot. Slots are found by the thread's number in a table of the process, are taken from those that were
//! left, and are never freed: a signal that comes late, or from somebody else, meets a slot that asks for nothing.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use libc::c_int;

/// Threads of a process that can be looked at.
const THREADS_MAX: usize = 1024;
/// Words of a stack that are copied: 64 KiB.
const WORDS: usize = 8192;

/// Nothing is asked for.
const IDLE: u32 = 0;
/// The thread is to copy its stack.
const ASKED: u32 = 1;
/// It does.
const COPYING: u32 = 2;
/// It has.
const COPIED: u32 = 3;

/// The thread at each place; 0 if there is none.
static THREADS: [AtomicI32; THREADS_MAX] = [const { AtomicI32::new(0) }; THREADS_MAX];
/// The slot at each place, once there was a thread.
static SLOTS: [AtomicPtr<Slot>; THREADS_MAX] = [const { AtomicPtr::new(std::ptr::null_mut()) }; THREADS_MAX];
/// Places that were ever taken, and those of them that are free.
static N_PLACES: AtomicUsize = AtomicUsize::new(0);
static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// What the processor was at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Registers {
    /// The next instruction.
    pub(super) pc: u64,
    /// The end of the stack.
    pub(super) sp: u64,
    /// The frame.
    pub(super) fp: u64,
    /// Where to return to, on aarch64.
    pub(super) lr: u64,
}

impl Registers {
    #[cfg(target_arch = "x86_64")]
    fn of(context: &libc::ucontext_t) -> Self {
        let register = |at: c_int| context.uc_mcontext.gregs[at as usize] as u64;
        Self { pc: register(libc::REG_RIP), sp: register(libc::REG_RSP), fp: register(libc::REG_RBP), lr: 0 }
    }

    #[cfg(target_arch = "aarch64")]
    fn of(context: &libc::ucontext_t) -> Self {
        let machine = &context.uc_mcontext;
        Self { pc: machine.pc, sp: machine.sp, fp: machine.regs[29], lr: machine.regs[30] }
    }
}

/// What a thread copies into. Written by the thread that it belongs to and its signal handler, read by who looks once it
/// has been [`COPIED`].
struct Slot {
    state: AtomicU32,
    /// Below this the thread has no stack.
    low: AtomicUsize,
    /// Where the part of the stack begins that is the task's; 0 if none runs.
    root: AtomicUsize,
    /// The kind of layer of the task that runs.
    kind: AtomicU32,
    /// Of which kind the copy is.
    copied_kind: AtomicU32,
    registers: [AtomicU64; 4],
    n_words: AtomicUsize,
    /// Whether the copy reaches the task's root.
    is_whole: AtomicBool,
    words: Box<[AtomicU64]>,
}

impl Slot {
    fn new() -> Self {
        Self {
            state: AtomicU32::new(IDLE),
            low: AtomicUsize::new(usize::MAX),
            root: AtomicUsize::new(0),
            kind: AtomicU32::new(0),
            copied_kind: AtomicU32::new(0),
            registers: [const { AtomicU64::new(0) }; 4],
            n_words: AtomicUsize::new(0),
            is_whole: AtomicBool::new(false),
            words: (0..WORDS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Copies the stack of this thread, if that was asked for. Runs in a signal handler: no allocation, no lock, nothing
    /// that panics.
    fn copy(&self, registers: Registers) {
        if self.state.compare_exchange(ASKED, COPYING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        let (low, root) = (self.low.load(Ordering::Relaxed), self.root.load(Ordering::Relaxed));
        let sp = registers.sp as usize;
        // A task may run on a stack of its own making: of that nothing is known.
        if root <= sp || sp < low || !sp.is_multiple_of(8) {
            self.state.store(IDLE, Ordering::Release);
            return;
        }
        let n_words = (root - sp) / 8;
        let stack: *const u64 = std::ptr::with_exposed_provenance(sp);
        for (i, word) in self.words.iter().take(n_words).enumerate() {
            // SAFETY: aligned, and between the stack pointer and a frame further up in this thread's own stack, both
            // looked at above and in `Watch::begins`: that is mapped, and nobody else writes to it while the thread is
            // here. Volatile, as bytes of frames that the compiler may think of as not there.
            word.store(unsafe { stack.add(i).read_volatile() }, Ordering::Relaxed);
        }
        let Registers { pc, sp, fp, lr } = registers;
        self.registers.iter().zip([pc, sp, fp, lr]).for_each(|(to, register)| to.store(register, Ordering::Relaxed));
        self.n_words.store(n_words.min(WORDS), Ordering::Relaxed);
        self.is_whole.store(n_words <= WORDS, Ordering::Relaxed);
        self.copied_kind.store(self.kind.load(Ordering::Relaxed), Ordering::Relaxed);
        self.state.store(COPIED, Ordering::Release);
    }
}

extern "C" fn on_signal(_: c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the address of this thread's own number of the last error, always there.
    let error = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let kept = unsafe { *error };
    let this = this_thread();
    let place = THREADS.iter().take(N_PLACES.load(Ordering::Acquire)).position(|at| at.load(Ordering::Relaxed) == this);
    if let Some(slot) = place.and_then(|place| SLOTS.get(place)) {
        // SAFETY: null, or a slot: those are never freed.
        let slot = unsafe { slot.load(Ordering::Acquire).as_ref() };
        // SAFETY: the system hands a handler with SA_SIGINFO what was interrupted.
        let context = unsafe { context.cast::<libc::ucontext_t>().as_ref() };
        if let Some((slot, context)) = slot.zip(context) {
            slot.copy(Registers::of(context));
        }
    }
    // SAFETY: as above.
    unsafe { *error = kept };
}

/// The system's number of this thread.
fn this_thread() -> i32 {
    // SAFETY: asks the system for a number; may be called in signal handlers.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    thread as i32
}

/// Makes this process handle SIGPROF, once; it does so until its end: a signal may come late, and would end it.
pub(super) fn install() -> Result<(), String> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    INSTALLED.get_or_init(try_install).clone()
}

fn try_install() -> Result<(), String> {
    let failed = || std::io::Error::last_os_error().to_string();
    // SAFETY: all zeros are a valid `sigaction`.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: writes to a structure of this function.
    if unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &raw mut before) } != 0 {
        return Err(failed());
    }
    if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != libc::SIG_IGN {
        return Err("another part of this program handles SIGPROF".to_owned());
    }
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_signal;
    action.sa_sigaction = handler as usize;
    // On the stack that is there for signals: the task's may be near its end.
    action.sa_flags = libc::SA_RESTART | libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler does what handlers may do: it calls nothing but the system, and touches atomics that are never
    // freed.
    if unsafe { libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut()) } != 0 {
        return Err(failed());
    }
    Ok(())
}

/// Where this thread's stack lies.
fn stack_of_this_thread() -> Option<Range<usize>> {
    // SAFETY: all zeros may be overwritten by `pthread_getattr_np`.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: of this thread, into a structure of this function.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) } != 0 {
        return None;
    }
    let (mut low, mut nbytes) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes were just filled in, and are destroyed once.
    let found = unsafe {
        let found = libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut nbytes);
        libc::pthread_attr_destroy(&raw mut attributes);
        found
    };
    let low = low.expose_provenance();
    (found == 0).then(|| low..low.saturating_add(nbytes))
}

/// What was copied of a thread.
pub(super) struct Sample<'a> {
    pub(super) kind: u32,
    /// Since it was asked for: a thread that gets no processor answers late, and this stands for the time until then.
    pub(super) since: Duration,
    pub(super) registers: Registers,
    /// Whether the copy reaches the task's root.
    pub(super) is_whole: bool,
    words: &'a [AtomicU64],
}

impl Sample<'_> {
    /// A word of the stack, if it was copied.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.registers.sp).filter(|offset| offset.is_multiple_of(8))?;
        Some(self.words.get(usize::try_from(offset / 8).ok()?)?.load(Ordering::Relaxed))
    }
}

/// A place in the table; free again when nobody has it.
pub(super) struct Seat {
    place: usize,
    thread: i32,
    /// Of its thread.
    stack: Range<usize>,
    slot: &'static Slot,
    /// When it was last asked: known to who asks alone.
    asked: Mutex<Instant>,
    has_gone: AtomicBool,
}

impl Drop for Seat {
    fn drop(&mut self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.place);
    }
}

impl Seat {
    fn new() -> Option<Self> {
        let stack = stack_of_this_thread()?;
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match free.pop() {
            Some(place) => place,
            None => {
                let place = N_PLACES.load(Ordering::Relaxed);
                let slot = SLOTS.get(place)?;
                slot.store(Box::into_raw(Box::new(Slot::new())), Ordering::Release);
                N_PLACES.store(place + 1, Ordering::Release);
                place
            }
        };
        drop(free);
        // SAFETY: places that were ever taken have a slot, and those are never freed.
        let slot = unsafe { SLOTS.get(place)?.load(Ordering::Acquire).as_ref() }?;
        slot.low.store(stack.start, Ordering::Relaxed);
        slot.root.store(0, Ordering::Relaxed);
        slot.state.store(IDLE, Ordering::Relaxed);
        let thread = this_thread();
        THREADS[place].store(thread, Ordering::Release);
        let asked = Mutex::new(Instant::now());
        Some(Self { place, thread, stack, slot, asked, has_gone: AtomicBool::new(false) })
    }

    /// Whether its thread is not there any more, or is to be looked at no longer.
    pub(super) fn has_gone(&self) -> bool {
        self.has_gone.load(Ordering::Acquire)
    }

    /// Asks the thread for its stack if it runs a task, unless it was asked already: the copy will be there next time.
    pub(super) fn ask(&self) {
        if self.slot.root.load(Ordering::Relaxed) == 0
            || self.slot.state.compare_exchange(IDLE, ASKED, Ordering::Release, Ordering::Relaxed).is_err()
        {
            return;
        }
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        // SAFETY: of the system alone. A thread that has ended is none any more, or another of this process, whose
        // handler finds nothing to do.
        let sent = unsafe {
            let (process, thread) = (libc::c_long::from(std::process::id()), libc::c_long::from(self.thread));
            libc::syscall(libc::SYS_tgkill, process, thread, libc::c_long::from(libc::SIGPROF))
        };
        if sent != 0 {
            let _ = self.slot.state.compare_exchange(ASKED, IDLE, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// What was copied, if something was.
    pub(super) fn with_sample(&self, see: impl FnOnce(&Sample<'_>)) {
        if self.slot.state.load(Ordering::Acquire) != COPIED {
            return;
        }
        let [pc, sp, fp, lr] = self.slot.registers.each_ref().map(|register| register.load(Ordering::Relaxed));
        see(&Sample {
            since: self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed(),
            kind: self.slot.copied_kind.load(Ordering::Relaxed),
            registers: Registers { pc, sp, fp, lr },
            is_whole: self.slot.is_whole.load(Ordering::Relaxed),
            words: self.slot.words.get(..self.slot.n_words.load(Ordering::Relaxed)).unwrap_or_default(),
        });
        self.slot.state.store(IDLE, Ordering::Release);
    }
}

/// This thread, while it can be looked at.
pub(super) struct Watch {
    seat: Arc<Seat>,
}

impl Watch {
    /// None if there are too many threads.
    pub(super) fn this_thread() -> Option<Self> {
        Some(Self { seat: Arc::new(Seat::new()?) })
    }

    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// A task runs from now on, of a layer of this kind, in frames below `root`; until what is returned is dropped.
    pub(super) fn begins(&self, kind: u32, root: usize) -> Running<'_> {
        // Of another stack nothing is read, whoever runs the task.
        let root = if self.seat.stack.contains(&root) { root } else { 0 };
        self.seat.slot.kind.store(kind, Ordering::Relaxed);
        self.seat.slot.root.store(root, Ordering::Release);
        Running(self.seat.slot)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        THREADS[self.seat.place].store(0, Ordering::Release);
        self.seat.slot.root.store(0, Ordering::Relaxed);
        self.seat.has_gone.store(true, Ordering::Release);
    }
}

/// While a task runs.
pub(super) struct Running<'a>(&'a Slot);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.root.store(0, Ordering::Relaxed);
    }
}

//! What is loaded into this process, and how to unwind stacks through it: copies of the tables that every program has for
//! its exceptions (`.eh_frame`), made while the loader lets nobody unload anything.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, MayAllocateDuringUnwind, Module, UnwindRegsNative, Unwinder,
    UnwinderNative,
};

use super::signal::{Registers, Sample};

type Frames = UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>;

/// Addresses from the innermost function to the task's own.
#[derive(Debug, Default)]
pub(super) struct Stack {
    pub(super) addresses: Vec<u64>,
    /// Whether the last is the task's own.
    pub(super) is_whole: bool,
}

/// A program or library.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Its file; empty for the program itself.
    pub(super) path: PathBuf,
    /// Where it lies.
    pub(super) addresses: Range<u64>,
    /// What its own addresses are counted from.
    pub(super) base: u64,
}

/// What is loaded.
pub(super) struct Modules {
    unwinder: Frames,
    cache: CacheNative<MayAllocateDuringUnwind>,
    /// By their addresses.
    loaded: Vec<Loaded>,
    /// How often something was loaded and unloaded, when it was last looked.
    changes: Option<(u64, u64)>,
}

impl Default for Modules {
    fn default() -> Self {
        Self { unwinder: Frames::new(), cache: CacheNative::new(), loaded: Vec::new(), changes: None }
    }
}

impl Modules {
    /// Looks whether something was loaded or unloaded; whether it was.
    pub(super) fn refresh(&mut self) -> bool {
        if self.changes == Some(changes()) {
            return false;
        }
        let mut found = Found { unwinder: Frames::new(), loaded: Vec::new(), changes: (0, 0) };
        each_loaded(&mut found, |found, info| {
            found.changes = (info.dlpi_adds, info.dlpi_subs);
            found.add(info);
            true
        });
        found.loaded.sort_by_key(|loaded| loaded.addresses.start);
        (self.unwinder, self.loaded, self.changes) = (found.unwinder, found.loaded, Some(found.changes));
        true
    }

    /// What lies at an address.
    pub(super) fn at(&self, address: u64) -> Option<&Loaded> {
        let after = self.loaded.partition_point(|loaded| loaded.addresses.start <= address);
        self.loaded.get(after.checked_sub(1)?).filter(|loaded| loaded.addresses.contains(&address))
    }

    /// The addresses of the functions that a thread was in, at most `max`. The outermost frame is where the worker calls
    /// the task, and no part of it.
    pub(super) fn unwind(&mut self, sample: &Sample<'_>, max: usize) -> Stack {
        let mut stack = Stack::default();
        let mut read = |address| sample.word(address).ok_or(());
        let mut at = FrameAddress::from_instruction_pointer(sample.registers.pc);
        let mut registers = registers(&sample.registers, &self.unwinder);
        loop {
            stack.addresses.push(at.address_for_lookup());
            let next = self.unwinder.unwind_frame(at, &mut registers, &mut self.cache, &mut read);
            let Some(next) = next.ok().flatten().and_then(FrameAddress::from_return_address) else {
                break;
            };
            if stack.addresses.len() == max + 1 {
                return stack;
            }
            at = next;
        }
        stack.is_whole = sample.is_whole && 1 < stack.addresses.len();
        if stack.is_whole {
            stack.addresses.pop();
        }
        stack
    }
}

#[cfg(target_arch = "x86_64")]
fn registers(of: &Registers, _: &Frames) -> UnwindRegsNative {
    UnwindRegsNative::new(of.pc, of.sp, of.fp)
}

#[cfg(target_arch = "aarch64")]
fn registers(of: &Registers, unwinder: &Frames) -> UnwindRegsNative {
    // Return addresses may be signed in bits that addresses do not use.
    let mask = framehop::aarch64::PtrAuthMask::from_max_known_address(unwinder.max_known_code_address());
    UnwindRegsNative::new_with_ptr_auth_mask(mask, of.lr, of.sp, of.fp)
}

/// What is found.
struct Found {
    unwinder: Frames,
    loaded: Vec<Loaded>,
    changes: (u64, u64),
}

impl Found {
    fn add(&mut self, info: &libc::dl_phdr_info) {
        if info.dlpi_phdr.is_null() {
            return;
        }
        // SAFETY: the loader says that there are so many, and keeps them while it calls this.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let loads = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let start = loads().map(|header| header.p_vaddr).min().unwrap_or(0);
        let end = loads().map(|header| header.p_vaddr.saturating_add(header.p_memsz)).max().unwrap_or(0);
        let base = info.dlpi_addr;
        let addresses = base.wrapping_add(start)..base.wrapping_add(end);
        if addresses.is_empty() {
            return;
        }
        let path = if info.dlpi_name.is_null() {
            PathBuf::new()
        } else {
            // SAFETY: a text that the loader keeps while it calls this.
            OsStr::from_bytes(unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes()).into()
        };
        let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME);
        let sections = index.and_then(|index| {
            let readable =
                loads().find(|load| load.p_vaddr <= index.p_vaddr && index.p_vaddr < load.p_vaddr + load.p_filesz)?;
            // SAFETY: the segment is mapped from here to there, readable, while the loader calls this.
            let segment = unsafe { memory(base.wrapping_add(readable.p_vaddr), readable.p_filesz) }?;
            sections(segment, readable.p_vaddr, index.p_vaddr..index.p_vaddr + index.p_memsz)
        });
        let name = path.display().to_string();
        self.unwinder.add_module(Module::new(name, addresses.clone(), base, sections.unwrap_or_default()));
        self.loaded.push(Loaded { path, addresses, base });
    }
}

/// Memory of this process.
///
/// # Safety
/// It is mapped and readable, and nobody writes to it, while what is returned lives.
unsafe fn memory<'a>(address: u64, nbytes: u64) -> Option<&'a [u8]> {
    let start: *const u8 = std::ptr::with_exposed_provenance(usize::try_from(address).ok()?);
    // SAFETY: as above.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, nbytes as usize) })
}

/// Copies of the tables in a segment that lies at `start`, by their index.
fn sections(segment: &[u8], start: u64, index: Range<u64>) -> Option<ExplicitModuleSectionInfo<Vec<u8>>> {
    let inside = |range: &Range<u64>| {
        let at = |address: u64| usize::try_from(address.checked_sub(start)?).ok();
        segment.get(at(range.start)?..at(range.end)?)
    };
    let header = inside(&index)?;
    // Version 1; the tables' address, relative to where it stands, in four bytes: as linkers write it.
    let [1, 0x1b, _, _, a, b, c, d, ..] = *header else { return None };
    let table = (index.start + 4).checked_add_signed(i64::from(i32::from_ne_bytes([a, b, c, d])))?;
    let rest = inside(&(table..start + segment.len() as u64))?;
    let table = table..table + length(rest) as u64;
    Some(ExplicitModuleSectionInfo {
        eh_frame: Some(inside(&table)?.to_vec()),
        eh_frame_svma: Some(table),
        eh_frame_hdr: Some(header.to_vec()),
        eh_frame_hdr_svma: Some(index),
        ..ExplicitModuleSectionInfo::default()
    })
}

/// How long tables are that begin here: entries, each with its length before it, up to one of length zero.
fn length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        match u32::from_ne_bytes([a, b, c, d]) {
            0 => return at + 4,
            // Entries of more than 4 GiB are not written.
            u32::MAX => return at,
            nbytes => at += 4 + nbytes as usize,
        }
    }
    at.min(bytes.len())
}

/// How often something was loaded and unloaded.
fn changes() -> (u64, u64) {
    let mut changes = (0, 0);
    each_loaded(&mut changes, |changes, info| {
        *changes = (info.dlpi_adds, info.dlpi_subs);
        false
    });
    changes
}

/// Calls `see` with each module until it says that this is enough.
fn each_loaded<S>(state: &mut S, see: fn(&mut S, &libc::dl_phdr_info) -> bool) {
    struct Seeing<'a, S> {
        state: &'a mut S,
        see: fn(&mut S, &libc::dl_phdr_info) -> bool,
    }
    unsafe extern "C" fn call<S>(info: *mut libc::dl_phdr_info, _: usize, data: *mut c_void) -> c_int {
        // SAFETY: the loader passes on what `dl_iterate_phdr` was given below, while that waits for it.
        let seeing = unsafe { &mut *data.cast::<Seeing<'_, S>>() };
        // SAFETY: it is there while the loader calls this.
        let goes_on = unsafe { info.as_ref() }.is_some_and(|info| (seeing.see)(seeing.state, info));
        c_int::from(!goes_on)
    }
    let mut seeing = Seeing { state, see };
    // SAFETY: the function takes what it is given here.
    unsafe { libc::dl_iterate_phdr(Some(call::<S>), (&raw mut seeing).cast()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_found_once_with_its_tables() {
        let mut modules = Modules::default();
        assert!(modules.refresh());
        assert!(!modules.refresh());
        let here = what_is_loaded_is_found_once_with_its_tables as fn() as usize as u64;
        let program = modules.at(here).unwrap();
        assert!(program.path.as_os_str().is_empty() && program.addresses.contains(&here), "{program:?}");
        assert!(modules.loaded.iter().any(|loaded| loaded.path.display().to_string().contains("libc")));
        assert!(modules.at(8).is_none());
    }

    #[test]
    fn tables_end_where_they_say_or_where_the_segment_does() {
        let entry = |n: u8| [vec![n, 0, 0, 0], vec![7; usize::from(n)]].concat();
        assert_eq!(length(&[entry(8), entry(4), vec![0; 20]].concat()), 24);
        assert_eq!(length(&[entry(8), vec![200, 0, 0, 0, 1]].concat()), 17);
        assert_eq!(length(&[entry(8), vec![255; 8]].concat()), 12);
        // Not as linkers write it.
        assert!(sections(&[0; 64], 0, 0..20).is_none());
        assert!(sections(&[1, 0x1b, 0, 0, 0, 0, 0, 0x7f], 0, 0..8).is_none());
        assert!(sections(&[1; 8], 100, 0..8).is_none());
    }
}

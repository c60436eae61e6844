//! What a process takes of memory and processor, as the system counts it.

use std::time::Instant;

/// Bytes of memory that a process has for itself alone, 0 if unknown: pages of its executable and of other files are
/// the system's, which takes them back when it needs them.
pub fn own_bytes(process: u32) -> u64 {
    let pages = std::fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let mut pages = pages.split_ascii_whitespace().skip(1).map_while(|n| n.parse::<u64>().ok());
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    resident.saturating_sub(shared) * page_size()
}

fn page_size() -> u64 {
    // SAFETY: asks the system for a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

/// Lets this process open as many files and connections as it ever may; how many that is. Each connection is one, and
/// the usual limit of 1024 is for programs that have few.
pub fn raise_file_limit() -> u64 {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes to a structure of this function.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
            return 0;
        }
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        // SAFETY: reads a structure of this function; a limit that cannot be raised stays.
        let is_raised = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0;
        if is_raised { raised.rlim_cur } else { limit.rlim_cur }
    }
    #[cfg(not(unix))]
    0
}

/// Gives memory that was freed back to the system: allocators keep it for later, and it counts until then.
pub(super) fn give_back_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, from any thread; it touches only what is free.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Processor time of this process between two looks.
pub(super) struct CpuClock {
    at: Instant,
    ticks: u64,
}

impl CpuClock {
    pub(super) fn new() -> Self {
        Self { at: Instant::now(), ticks: cpu_ticks() }
    }

    /// In hundredths of a core.
    pub(super) fn percent(&mut self) -> f32 {
        let (now, ticks) = (Instant::now(), cpu_ticks());
        let passed = now.duration_since(self.at).as_secs_f32().max(1e-3);
        // Linux counts a hundred ticks a second.
        let percent = (ticks.saturating_sub(self.ticks)) as f32 / passed;
        (self.at, self.ticks) = (now, ticks);
        percent
    }
}

/// User and system time of this process, in hundredths of a second; 0 if unknown.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0 };
    fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

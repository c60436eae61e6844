//! What a process takes of memory and processor, as the system counts it.

use std::time::Instant;

/// Bytes of memory that a process has for itself alone, 0 if unknown: pages of its executable and of other files are
/// the system's, which takes them back when it needs them.
pub fn own_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
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

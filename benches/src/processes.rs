//! What processes take of memory, disk and processor, as the system counts it; nothing where it does not tell.

use std::fs::{read_to_string, write};

/// The number in a line of a file of `/proc` that begins with `name`.
fn number(process: u32, file: &str, name: &str) -> f64 {
    let text = read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// Forgets what the processes took at most so far.
pub fn forget_peaks(processes: &[u32]) {
    for process in processes {
        // A system that keeps no such peak tells none either.
        let _ = write(format!("/proc/{process}/clear_refs"), "5");
    }
}

/// The most resident memory of each process since it was forgotten, together: megabytes.
#[must_use]
pub fn peak_megabytes(processes: &[u32]) -> f64 {
    processes.iter().map(|&process| number(process, "status", "VmHWM:") * 1024.0 / 1e6).sum()
}

/// The resident memory of the processes: megabytes.
#[must_use]
pub fn resident_megabytes(processes: &[u32]) -> f64 {
    processes.iter().map(|&process| number(process, "status", "VmRSS:") * 1024.0 / 1e6).sum()
}

/// What the processes have written to disks so far: megabytes.
#[must_use]
pub fn written_megabytes(processes: &[u32]) -> f64 {
    processes.iter().map(|&process| number(process, "io", "write_bytes:") / 1e6).sum()
}

/// Processor time of a process, in steps of a hundredth of a second.
#[must_use]
pub fn cpu_seconds(process: u32) -> f64 {
    let stat = read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0.0 };
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{forget_peaks, peak_megabytes, resident_megabytes};

    #[test]
    fn a_peak_outlives_the_memory_until_it_is_forgotten() {
        let this = [std::process::id()];
        drop(std::hint::black_box(vec![1u8; 100_000_000]));
        assert!(resident_megabytes(&this) + 50.0 < peak_megabytes(&this));
        forget_peaks(&this);
        assert!(peak_megabytes(&this) < resident_megabytes(&this) + 50.0);
    }
}

//! Headings, timings, checks.

use std::fmt::Debug;
use std::time::Instant;

pub(crate) type Outcome<T = ()> = Result<T, dask_core::TaskError>;

/// Prints what is done and how long it took.
pub(crate) fn run<T: Debug>(what: &str, f: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    timed(what, f).map(|(result, _)| result)
}

/// The same; tells the seconds as well.
pub(crate) fn timed<T: Debug>(what: &str, f: impl FnOnce() -> Outcome<T>) -> Outcome<(T, f64)> {
    let started = Instant::now();
    let result = f()?;
    let seconds = started.elapsed().as_secs_f64();
    let shown: String = format!("{result:?}").chars().take(100).collect();
    println!("  {what}\n    {shown}   [{seconds:.3} s]");
    Ok((result, seconds))
}

/// Prints a heading, after the memory of the chapter before.
pub(crate) fn chapter(title: &str) {
    end_chapter();
    println!("\n{title}\n{}", "-".repeat(title.len()));
}

/// Prints the most memory that was resident since this was called last, where the system tells.
pub(crate) fn end_chapter() {
    if let Some(peak) = peak_rss() {
        println!("  peak resident memory: {} MiB", peak >> 20);
    }
    // Linux: makes the peak what is resident now. Where that fails, peaks are those since the start.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

/// Fails unless both are equal.
pub(crate) fn check<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}").into()) }
}

/// Fails unless both are nearly equal.
pub(crate) fn check_close(what: &str, found: f64, expected: f64) -> Outcome {
    let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1.0);
    if close { Ok(()) } else { Err(format!("{what}: found {found}, expected {expected}").into()) }
}

/// The most memory resident since the last reset, in bytes.
fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib << 10)
}

//! Headings, timings, checks.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub(crate) type Outcome<T = ()> = Result<T, dask_core::TaskError>;

/// Whether the peak could be reset when the chapter began.
static PEAK_IS_OF_CHAPTER: AtomicBool = AtomicBool::new(false);

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
    PEAK_IS_OF_CHAPTER.store(std::fs::write("/proc/self/clear_refs", "5").is_ok(), Ordering::Relaxed);
}

/// Fails if more than a quarter of the data was in memory, where it is much larger than what all threads have in hand.
#[cfg(feature = "hdf5")]
pub(crate) fn check_peak(data: u64, chunk: u64) -> Outcome {
    println!("  data: {} MiB", data >> 20);
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    match peak_rss() {
        Some(peak) if PEAK_IS_OF_CHAPTER.load(Ordering::Relaxed) => peak_fits(peak, data, n_threads * chunk),
        _ => Ok(()),
    }
}

#[cfg(any(test, feature = "hdf5"))]
fn peak_fits(peak: u64, data: u64, in_hand: u64) -> Outcome {
    if data >= 64 * in_hand && peak > data / 4 {
        let (peak, data) = (peak >> 20, data >> 20);
        return Err(format!("{peak} MiB were resident for {data} MiB of data, more than a quarter").into());
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::{Outcome, check, check_close, peak_fits, peak_rss};

    fn refused(outcome: Outcome, parts: &[&str]) {
        let message = outcome.expect_err("it passed").to_string();
        parts.iter().for_each(|part| assert!(message.contains(part), "{part:?} is not in {message:?}"));
    }

    #[test]
    fn a_wrong_answer_fails_and_is_named() {
        assert!(check("sum", &5, &5).is_ok());
        refused(check("sum", &5, &6), &["sum: found 5, expected 6"]);
        refused(check("rows", &vec![1, 2], &vec![1, 2, 3]), &["rows: found [1, 2], expected [1, 2, 3]"]);
        assert!(check_close("mean", 1e9 + 0.5, 1e9).is_ok());
        refused(check_close("mean", 1.0 + 1e-8, 1.0), &["mean", "expected 1"]);
        refused(check_close("mean", f64::NAN, 1.0), &["found NaN"]);
        refused(check_close("mean", 1.0, f64::NAN), &["expected NaN"]);
    }

    #[test]
    fn large_data_must_not_be_in_memory() {
        let mib = 1 << 20;
        assert!(peak_fits(100 * mib, 1600 * mib, 16 * mib).is_ok());
        refused(peak_fits(401 * mib, 1600 * mib, 16 * mib), &["401 MiB were resident for 1600 MiB"]);
        // What all threads have in hand may be more than a quarter of small data.
        assert!(peak_fits(401 * mib, 400 * mib, 16 * mib).is_ok());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_the_peak() {
        assert!(peak_rss().is_some_and(|peak| peak > 1 << 20));
    }
}

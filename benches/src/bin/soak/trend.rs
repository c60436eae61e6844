//! Whether memory is flat.
//!
//! A process takes memory while it warms up: pools, buffers, tables that have their size then. So the first quarter of
//! the looks does not count, and the median of the second quarter is compared with that of the last: a leak grows
//! with every round, and shows there; what swings between rounds does not.

use std::fmt;

use dask_dist::shell::process::own_bytes;

const MIB: f64 = (1 << 20) as f64;
/// By how much a process may grow between the second quarter and the last: allocators are not exact.
const GROWTH: f64 = 0.05;
const SLACK: f64 = 4.0 * MIB;
/// Fewer looks say nothing.
const LOOKS_MIN: usize = 16;

/// Bytes that one process had for itself, over time.
pub(crate) struct Series {
    name: String,
    process: u32,
    looks: Vec<(f64, f64)>,
}

impl Series {
    pub(crate) fn new(name: String, process: u32) -> Self {
        Self { name, process, looks: Vec::new() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Notes what the process has now, so many seconds after the start.
    pub(crate) fn look(&mut self, seconds: f64) {
        self.looks.push((seconds, own_bytes(self.process) as f64));
    }

    /// Nothing before there are enough looks.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let quarter = self.looks.len() / 4;
        (LOOKS_MIN <= self.looks.len()).then(|| Verdict {
            early: median(&self.looks[quarter..2 * quarter]),
            late: median(&self.looks[self.looks.len() - quarter..]),
            most: self.looks.iter().map(|look| look.1).fold(0.0, f64::max),
        })
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}), {} looks", self.name, self.process, self.looks.len())
    }
}

/// Bytes, early and late.
pub(crate) struct Verdict {
    early: f64,
    late: f64,
    most: f64,
}

impl Verdict {
    pub(crate) fn is_flat(&self) -> bool {
        self.late <= self.early * (1.0 + GROWTH) + SLACK
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [early, late, most] = [self.early, self.late, self.most].map(|nbytes| nbytes / MIB);
        let word = if self.is_flat() { "flat" } else { "GROWN" };
        write!(f, "{early:.1} MiB in the second quarter, {late:.1} in the last, {most:.1} at most: {word}")
    }
}

fn median(looks: &[(f64, f64)]) -> f64 {
    let mut nbytes: Vec<f64> = looks.iter().map(|look| look.1).collect();
    nbytes.sort_by(f64::total_cmp);
    nbytes.get(nbytes.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(nbytes: impl Fn(usize) -> f64) -> Series {
        let looks = (0..100).map(|i| (i as f64, nbytes(i))).collect();
        Series { name: "scheduler".to_owned(), process: 0, looks }
    }

    fn is_flat(nbytes: impl Fn(usize) -> f64) -> bool {
        series(nbytes).verdict().unwrap().is_flat()
    }

    #[test]
    fn warming_up_and_swinging_are_flat_and_a_leak_is_not() {
        assert!(is_flat(|i| 50.0 * MIB * (i.min(20) as f64 / 20.0)));
        assert!(is_flat(|i| (50.0 + 30.0 * (i % 2) as f64) * MIB));
        assert!(!is_flat(|i| (50.0 + 0.2 * i as f64) * MIB), "0.2 MiB a round are 15 MiB over three quarters");
    }

    #[test]
    fn a_few_looks_say_nothing() {
        let mut short = series(|_| MIB);
        short.looks.truncate(LOOKS_MIN - 1);
        assert!(short.verdict().is_none());
    }
}

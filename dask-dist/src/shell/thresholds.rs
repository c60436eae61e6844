//! Shares of its memory limit at which a worker does something about it.

use dask_core::config::{ConfigError, parsed};

use crate::error::DistError;

/// The keys, in the order in which what they say must rise.
const KEYS: [&str; 4] = [
    "distributed.worker.memory.target",
    "distributed.worker.memory.spill",
    "distributed.worker.memory.pause",
    "distributed.worker.memory.terminate",
];

/// Shares of a worker's memory limit; infinite where nothing is to be done.
///
/// ```
/// use dask_dist::shell::Thresholds;
/// let guard = dask_core::config::set([("distributed.worker.memory.pause", "false")]);
/// let thresholds = Thresholds::configured()?;
/// assert_eq!((thresholds.spill, thresholds.pause), (0.7, f64::INFINITY));
/// assert_eq!(thresholds.terminate_at(1000), Some(950));
/// # drop(guard);
/// # Ok::<(), dask_dist::DistError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Values go to disk, by their own count.
    pub target: f64,
    /// Values go to disk, by the system's count.
    pub spill: f64,
    /// Nothing new starts.
    pub pause: f64,
    /// The nanny ends the process.
    pub terminate: f64,
}

impl Thresholds {
    /// As configured: shares from 0 to 1, each at most the next; `false` or 0 for never.
    ///
    /// # Errors
    /// What is no share; one that is above the next.
    pub fn configured() -> Result<Self, DistError> {
        let mut shares = [f64::INFINITY; 4];
        for (share, key) in shares.iter_mut().zip(KEYS) {
            *share = configured(key)?.unwrap_or(f64::INFINITY);
        }
        let on: Vec<(f64, &str)> = shares.into_iter().zip(KEYS).filter(|(share, _)| share.is_finite()).collect();
        if let Some([(low, first), (high, second)]) = on.array_windows().find(|[(low, _), (high, _)]| high < low) {
            return Err(DistError::Other(format!(
                "{first} is {low} and {second} is {high}: they must rise from target over spill and pause to terminate"
            )));
        }
        let [target, spill, pause, terminate] = shares;
        Ok(Self { target, spill, pause, terminate })
    }

    /// Bytes beyond which the process of a worker with this limit is ended; none if never.
    pub fn terminate_at(&self, limit: u64) -> Option<u64> {
        (self.terminate.is_finite() && limit != 0).then_some((limit as f64 * self.terminate) as u64)
    }
}

fn configured(key: &str) -> Result<Option<f64>, ConfigError> {
    parsed(key, "a share from 0 to 1, such as 0.6, or false for never", |text| {
        if text.eq_ignore_ascii_case("false") {
            return Some(f64::INFINITY);
        }
        let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share))?;
        Some(if share == 0.0 { f64::INFINITY } else { share })
    })
}

#[cfg(test)]
mod tests {
    use dask_core::config::set;

    use super::*;

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        for nonsense in ["7", "-0.1", "nan", "inf", "true", "much"] {
            let guard = set([("distributed.worker.memory.target", nonsense)]);
            let error = Thresholds::configured().unwrap_err().to_string();
            assert!(error.contains(nonsense) && error.contains("a share from 0 to 1"), "{error}");
            drop(guard);
        }
        let guard = set([("distributed.worker.memory.target", "0.9")]);
        let error = Thresholds::configured().unwrap_err().to_string();
        assert!(error.contains("memory.target is 0.9 and distributed.worker.memory.spill is 0.7"), "{error}");
        drop(guard);
    }

    #[test]
    fn what_is_off_is_in_nobodys_way() {
        let guard = set([("distributed.worker.memory.spill", "false"), ("distributed.worker.memory.terminate", "0")]);
        let thresholds = Thresholds::configured().unwrap();
        assert_eq!((thresholds.target, thresholds.spill, thresholds.pause), (0.6, f64::INFINITY, 0.8));
        assert_eq!(thresholds.terminate_at(1 << 30), None);
        drop(guard);
        assert_eq!(Thresholds::configured().unwrap().terminate_at(0), None, "without a limit there is no share of it");
    }
}

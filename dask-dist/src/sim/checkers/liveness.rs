//! It ends: within a span of virtual time, and without running in circles.

use std::time::Duration;

/// Bounds on a run.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Virtual time until all is done.
    pub time: Duration,
    /// Things that happen.
    pub n_happenings: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { time: Duration::from_secs(3600), n_happenings: 50_000_000 }
    }
}

/// Whether it has taken too long.
pub(in crate::sim) fn check(patience: &Patience, now: Duration, n_happenings: u64) -> Result<(), String> {
    if patience.time < now || patience.n_happenings < n_happenings {
        return Err(format!("it does not end: {now:?} and {n_happenings} happenings"));
    }
    Ok(())
}

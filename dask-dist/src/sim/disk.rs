//! A worker's disk: so many bytes a second, one after another, and sometimes full.

use std::time::Duration;

/// A disk.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    bandwidth: f64,
    busy_until: Duration,
    full_until: Duration,
}

impl Disk {
    /// An empty disk.
    pub(super) fn new(bandwidth: f64) -> Self {
        Self { bandwidth, busy_until: Duration::ZERO, full_until: Duration::ZERO }
    }

    /// It takes nothing until then.
    pub(super) fn fill(&mut self, until: Duration) {
        self.full_until = until;
    }

    /// When so many bytes are written or read.
    pub(super) fn moves(&mut self, now: Duration, nbytes: u64) -> Duration {
        self.busy_until = self.busy_until.max(now) + Duration::from_secs_f64(nbytes as f64 / self.bandwidth);
        self.busy_until
    }

    /// Whether it takes nothing now.
    pub(super) fn is_full(&self, now: Duration) -> bool {
        now < self.full_until
    }
}

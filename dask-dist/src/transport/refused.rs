//! News for the operator of those who were not let in.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::DistError;

/// Tells of one a second, so that they cannot fill a disk.
pub(crate) struct Refused {
    /// Who tells.
    who: &'static str,
    /// When it told last, and how many it did not tell of since.
    told: Mutex<(Option<Instant>, u64)>,
}

impl Refused {
    pub(crate) fn new(who: &'static str) -> Self {
        Self { who, told: Mutex::default() }
    }

    pub(crate) fn tell(&self, error: &DistError) {
        // Whoever just went, or only looked whether somebody listens, is no news.
        if matches!(error, DistError::Cut { .. }) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, untold) = &mut *told;
        if last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            *untold += 1;
            return;
        }
        *last = Some(Instant::now());
        let more = std::mem::take(untold);
        drop(told);
        match more {
            0 => crate::log::warn(self.who, format_args!("a connection was refused: {error}")),
            n => crate::log::warn(self.who, format_args!("connections were refused, {n} more untold: {error}")),
        }
    }
}

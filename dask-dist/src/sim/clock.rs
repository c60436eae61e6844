//! Virtual time: what happens when, in order.

use std::collections::BTreeMap;
use std::time::Duration;

/// Things that will happen. Of two at one time, what was planned first happens first.
#[derive(Debug)]
pub(super) struct Clock<E> {
    now: Duration,
    n_planned: u64,
    planned: BTreeMap<(Duration, u64), E>,
}

impl<E> Default for Clock<E> {
    fn default() -> Self {
        Self { now: Duration::ZERO, n_planned: 0, planned: BTreeMap::new() }
    }
}

impl<E> Clock<E> {
    /// Since the start.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    /// `what` happens at `at`, or now if that is over.
    pub(super) fn at(&mut self, at: Duration, what: E) {
        self.n_planned += 1;
        self.planned.insert((at.max(self.now), self.n_planned), what);
    }

    /// `what` happens after a while.
    pub(super) fn after(&mut self, wait: Duration, what: E) {
        self.at(self.now + wait, what);
    }

    /// What does not stay will not happen.
    pub(super) fn retain(&mut self, stays: impl Fn(&E) -> bool) {
        self.planned.retain(|_, what| stays(what));
    }

    /// The next thing; time moves to it.
    pub(super) fn next(&mut self) -> Option<E> {
        let ((at, _), what) = self.planned.pop_first()?;
        self.now = at;
        Some(what)
    }
}

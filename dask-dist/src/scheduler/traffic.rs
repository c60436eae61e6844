//! Between which workers values went, for people: bounded.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Machine;
use crate::protocol::{Noticed, Transfer, WorkerId};

/// Pairs of workers that are remembered, at most: of more, the half with fewest bytes is forgotten.
const PAIRS_MAX: usize = 8192;

/// Between which workers values went, as far as it is remembered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Traffic {
    /// How many pairs are remembered.
    pub pairs: usize,
    /// Those with most bytes, the most first.
    pub transfers: Vec<Transfers>,
}

/// Values that went from one worker to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transfers {
    /// The name of the one that had them.
    pub from: String,
    /// The name of the one that fetched them.
    pub to: String,
    /// Requests that were answered.
    pub requests: u64,
    /// Bytes of values.
    pub bytes: u64,
    /// Seconds from requests to the ends of their answers, of all of them together.
    pub seconds: f64,
    /// When it was last told of: seconds since the start of the scheduler.
    pub last: f64,
}

/// What went from one worker to another.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    n: u64,
    nbytes: u64,
    nanos: u64,
    at: Duration,
}

/// What went, by who had it and who fetched it.
#[derive(Debug, Default)]
pub(super) struct Pairs(BTreeMap<(WorkerId, WorkerId), Sum>);

impl Pairs {
    /// A worker says what it fetched.
    pub(super) fn add(&mut self, now: Duration, to: WorkerId, transfers: &[Transfer]) {
        for new in transfers {
            let sum = self.0.entry((new.from, to)).or_default();
            sum.n = sum.n.saturating_add(u64::from(new.n));
            sum.nbytes = sum.nbytes.saturating_add(new.nbytes);
            sum.nanos = sum.nanos.saturating_add(new.nanos);
            sum.at = now;
        }
        if PAIRS_MAX < self.0.len() {
            self.0 = self.largest(PAIRS_MAX / 2).into_iter().collect();
        }
    }

    /// The `max` with most bytes, the most first.
    fn largest(&self, max: usize) -> Vec<((WorkerId, WorkerId), Sum)> {
        let mut all: Vec<_> = self.0.iter().map(|(&pair, &sum)| (pair, sum)).collect();
        all.sort_by_key(|(pair, sum)| (Reverse(sum.nbytes), *pair));
        all.truncate(max);
        all
    }
}

impl Machine {
    /// What a worker saw of itself, as far as it can be.
    pub(super) fn note_noticed(&mut self, id: WorkerId, noticed: &Noticed) {
        let (now, n_kinds, n_workers) = (self.now, self.layers.groups().len(), self.workers.n_ever());
        let are_known = noticed.transfers.iter().all(|transfer| transfer.from.idx() < n_workers);
        if let Some(recorder) = self.recorder.as_mut().filter(|_| are_known) {
            recorder.saw(&noticed.samples, n_kinds);
            recorder.pairs.add(now, id, &noticed.transfers);
            recorder.profiles.add(&noticed.profile, n_kinds);
        }
    }

    /// Between which workers values went: the `max` pairs with most bytes.
    pub fn traffic(&self, max: usize) -> Traffic {
        let Some(recorder) = &self.recorder else { return Traffic::default() };
        let name = |id: WorkerId| self.workers[id].hello.name.clone();
        let transfers = recorder.pairs.largest(max).into_iter().map(|((from, to), sum)| Transfers {
            from: name(from),
            to: name(to),
            requests: sum.n,
            bytes: sum.nbytes,
            seconds: Duration::from_nanos(sum.nanos).as_secs_f64(),
            last: sum.at.as_secs_f64(),
        });
        Traffic { pairs: recorder.pairs.0.len(), transfers: transfers.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_is_added_up_and_the_largest_are_remembered_whatever_is_said() {
        let (mut pairs, now) = (Pairs::default(), Duration::from_secs(1));
        let from = |id, nbytes| Transfer { from: WorkerId(id), n: 1, nbytes, nanos: u64::MAX };
        (0..2).for_each(|_| pairs.add(now, WorkerId(0), &[from(1, 10), from(2, 5)]));
        let [((source, _), sum)] = pairs.largest(1)[..] else { panic!("{pairs:?}") };
        assert_eq!((source, sum.n, sum.nbytes, sum.nanos, pairs.0.len()), (WorkerId(1), 2, 20, u64::MAX, 2));
        // As many as can be, and then large ones.
        let n = PAIRS_MAX as u32;
        for i in 0..3 * n {
            pairs.add(now, WorkerId(5), &[from(i, if i % n == n - 1 { u64::MAX } else { 1 })]);
        }
        assert!(pairs.0.len() <= PAIRS_MAX, "{}", pairs.0.len());
        let largest: Vec<WorkerId> = pairs.largest(3).iter().map(|((source, _), _)| *source).collect();
        assert_eq!(largest, [1, 2, 3].map(|i| WorkerId(i * n - 1)));
    }
}

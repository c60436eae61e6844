//! How long the turns of the scheduler's loop take: nobody is heard in the middle of one.

use std::time::Duration;

use crate::scheduler::Turns;

/// The longest turn is remembered for one to two of these.
const SPAN: Duration = Duration::from_secs(60);
/// Of two powers of two, so many steps: a quantile is at most a quarter too large.
const STEPS: u64 = 4;
/// Up to centuries.
const PLACES: usize = 64 * STEPS as usize;

/// Notes turns.
#[derive(Debug)]
pub(super) struct Clock {
    /// Turns by their nanoseconds, see [`place`].
    counts: Box<[u64; PLACES]>,
    n: u64,
    total: Duration,
    /// When this span began.
    since: Duration,
    /// The longest of this span, and of the one before it.
    longest: [Duration; 2],
}

impl Default for Clock {
    fn default() -> Self {
        let counts = Box::new([0; PLACES]);
        Self { counts, n: 0, total: Duration::ZERO, since: Duration::ZERO, longest: [Duration::ZERO; 2] }
    }
}

/// Where a duration is counted.
fn place(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let octave = u64::from(nanos.ilog2());
    (STEPS * (octave - 1) + (nanos >> (octave - 2)) % STEPS) as usize
}

/// The largest that is counted at a place.
fn most(place: usize) -> u64 {
    let place = place as u64;
    if place < STEPS {
        return place;
    }
    let (octave, step) = (place / STEPS + 1, place % STEPS);
    ((STEPS + step + 1) << (octave - 2)) - 1
}

impl Clock {
    /// A turn; times are since the start.
    pub(super) fn note(&mut self, began: Duration, ended: Duration) {
        self.pass(ended);
        let took = ended.saturating_sub(began);
        self.n += 1;
        self.total += took;
        self.counts[place(took.as_nanos() as u64)] += 1;
        self.longest[0] = self.longest[0].max(took);
    }

    fn pass(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.since);
        if SPAN <= passed {
            let before = if passed < 2 * SPAN { self.longest[0] } else { Duration::ZERO };
            (self.longest, self.since) = ([Duration::ZERO, before], now);
        }
    }

    /// A time that this share of the turns did not exceed; zero if there were none.
    fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.n as f64).ceil().max(1.0) as u64;
        let mut so_far = 0;
        let reaches = |n: &u64| {
            so_far += n;
            rank <= so_far
        };
        self.counts.iter().position(reaches).map_or(Duration::ZERO, |place| Duration::from_nanos(most(place)))
    }

    /// What there is to tell.
    pub(super) fn told(&mut self, now: Duration) -> Turns {
        self.pass(now);
        Turns {
            n: self.n,
            total: self.total,
            p50: self.quantile(0.5),
            p99: self.quantile(0.99),
            longest: self.longest[0].max(self.longest[1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_turn_is_remembered_for_a_while() {
        let (mut clock, at) = (Clock::default(), Duration::from_secs);
        clock.note(at(0), at(3));
        clock.note(at(5), at(6));
        assert_eq!((clock.told(at(7)).n, clock.told(at(7)).longest), (2, at(3)));
        clock.note(at(69), at(70));
        assert_eq!((clock.told(at(71)).n, clock.told(at(71)).longest), (3, at(3)));
        assert_eq!(clock.told(at(130)).longest, at(1));
        assert_eq!(clock.told(at(1000)).longest, Duration::ZERO);
        assert_eq!(clock.told(at(1000)).total, at(5));
    }

    #[test]
    fn a_turn_is_counted_where_it_is_at_most_a_quarter_too_long() {
        for nanos in (0..5000).chain((0..60).map(|power| (1 << power) + 12_345)).chain([1 << 62]) {
            let most = most(place(nanos));
            assert!(nanos <= most && most <= nanos + nanos / 4, "{nanos} is counted as {most}");
        }
        assert!(place(u64::MAX) < PLACES);
        assert_eq!((place(most(77)), place(most(77) + 1)), (77, 78));
    }

    #[test]
    fn quantiles_are_those_of_the_sorted() {
        let mut clock = Clock::default();
        assert_eq!(clock.told(Duration::ZERO).p99, Duration::ZERO);
        (1..=1000).for_each(|i| clock.note(Duration::ZERO, Duration::from_micros(i)));
        let told = clock.told(Duration::ZERO);
        assert!((500..=625).contains(&told.p50.as_micros()), "{told:?}");
        assert!((990..=1238).contains(&told.p99.as_micros()), "{told:?}");
    }
}

//! A network: latency, bandwidth of each end, delays drawn by a seed, ends that are cut off for a while.
//!
//! What one end sends another arrives in order, as over TCP. A partition holds messages back until it heals, as
//! retransmission does.

use std::collections::BTreeMap;
use std::time::Duration;

use super::dice::Dice;

/// Somebody on the network: a worker's number, or one of the two below.
pub(super) type End = u32;
/// The scheduler.
pub(super) const SCHEDULER: End = u32::MAX;
/// The client.
pub(super) const CLIENT: End = u32::MAX - 1;

/// How fast.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    /// From one end to another, at least.
    pub latency: Duration,
    /// Up to so much is added, drawn for each message.
    pub jitter: Duration,
    /// Bytes a second that an end sends, and that it receives.
    pub bandwidth: f64,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { latency: Duration::from_micros(100), jitter: Duration::from_micros(50), bandwidth: 1e9 }
    }
}

/// The network.
#[derive(Debug)]
pub(super) struct Network {
    settings: NetworkSettings,
    dice: Dice,
    /// When the last message between two ends arrives.
    last: BTreeMap<(End, End), Duration>,
    /// The same for values.
    last_bulk: BTreeMap<(End, End), Duration>,
    sends_until: BTreeMap<End, Duration>,
    receives_until: BTreeMap<End, Duration>,
    /// Cut off from everybody who is not cut off with it.
    cut_until: BTreeMap<End, (u64, Duration)>,
    n_cuts: u64,
    slow_until: Duration,
    slow_by: u32,
}

impl Network {
    /// A network without faults.
    pub(super) fn new(settings: NetworkSettings, seed: u64) -> Self {
        Self {
            settings,
            dice: Dice::new(seed, 1),
            last: BTreeMap::new(),
            last_bulk: BTreeMap::new(),
            sends_until: BTreeMap::new(),
            receives_until: BTreeMap::new(),
            cut_until: BTreeMap::new(),
            n_cuts: 0,
            slow_until: Duration::ZERO,
            slow_by: 1,
        }
    }

    /// These see each other only, until then.
    pub(super) fn cut(&mut self, ends: &[End], until: Duration) {
        self.n_cuts += 1;
        for &end in ends {
            self.cut_until.insert(end, (self.n_cuts, until));
        }
    }

    /// Everything takes `by` times longer, until then.
    pub(super) fn slow(&mut self, by: u32, until: Duration) {
        (self.slow_by, self.slow_until) = (by, until);
    }

    /// When a control message arrives.
    pub(super) fn message(&mut self, now: Duration, from: End, to: End) -> Duration {
        let at = self.healed(now, from, to) + self.delay(now);
        in_order(&mut self.last, from, to, at)
    }

    /// When a value arrives: both ends have one line each.
    pub(super) fn bulk(&mut self, now: Duration, from: End, to: End, nbytes: u64) -> Duration {
        let takes = Duration::from_secs_f64(nbytes as f64 / self.settings.bandwidth);
        let start = self.healed(now, from, to);
        let sent = start.max(self.sends_until.get(&from).copied().unwrap_or_default()) + takes;
        let received = sent.max(self.receives_until.get(&to).copied().unwrap_or_default() + takes);
        self.sends_until.insert(from, sent);
        self.receives_until.insert(to, received);
        let at = received + self.delay(now);
        in_order(&mut self.last_bulk, from, to, at)
    }

    /// When all that an end was to send has left.
    pub(super) fn sent(&self, now: Duration, from: End) -> Duration {
        self.sends_until.get(&from).copied().unwrap_or_default().max(now)
    }

    fn delay(&mut self, now: Duration) -> Duration {
        let jitter = self.settings.jitter.mul_f64(self.dice.unit());
        (self.settings.latency + jitter) * if now < self.slow_until { self.slow_by } else { 1 }
    }

    /// When the two see each other.
    fn healed(&self, now: Duration, a: End, b: End) -> Duration {
        let cut = |end| self.cut_until.get(&end).filter(|(_, until)| now < *until).copied();
        match (cut(a), cut(b)) {
            (Some((one, _)), Some((other, _))) if one == other => now,
            (one, other) => [one, other].into_iter().flatten().map(|(_, until)| until).fold(now, Duration::max),
        }
    }
}

fn in_order(last: &mut BTreeMap<(End, End), Duration>, from: End, to: End, at: Duration) -> Duration {
    let last = last.entry((from, to)).or_default();
    *last = at.max(*last);
    *last
}

//! What goes wrong, and when: a plan that a seed decides.

use std::time::Duration;

use super::dice::Dice;

/// Something that goes wrong. Workers are named by a number that is taken modulo those that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A worker's process ends; another comes later.
    Kill(u64),
    /// The connection between a worker and the scheduler is reset; the worker comes back with what it has.
    Cut(u64),
    /// A worker does nothing for a while, and then goes on as if nothing had been.
    Hang(u64, Duration),
    /// A worker does nothing any more, and its connections stand; another comes later.
    Freeze(u64),
    /// A worker, and perhaps its neighbour, are cut off from the rest for a while.
    Partition(u64, bool, Duration),
    /// Every message takes so many times longer for a while.
    Delay(u32, Duration),
    /// Connections between workers break for a while: requests fail.
    Resets(Duration),
    /// Reports of a worker come twice, the second time late, for a while.
    Duplicates(Duration),
    /// A worker's disk takes nothing for a while.
    FullDisk(u64, Duration),
    /// What a worker has on disk cannot be read for a while.
    BadDisk(u64, Duration),
    /// A worker leaves in order, and ends when it was told or after a while.
    Leave(u64),
    /// A worker more.
    Join,
    /// The second client goes without a word.
    ClientGone,
}

/// `n` faults within `span`.
pub fn plan(seed: u64, n: usize, span: Duration) -> Vec<(Duration, Fault)> {
    let mut dice = Dice::new(seed, 2);
    let mut all: Vec<(Duration, Fault)> = (0..n)
        .map(|_| {
            let at = span.mul_f64(dice.unit());
            let (who, long) = (dice.any(), Duration::from_millis(dice.between(1, 8000)));
            let fault = match dice.below(16) {
                0..=2 => Fault::Kill(who),
                3 => Fault::Cut(who),
                4 if dice.one_in(2) => Fault::Freeze(who),
                4 | 5 => Fault::Hang(who, long),
                6 | 7 => Fault::Partition(who, dice.one_in(2), long),
                8 => Fault::Delay(dice.between(2, 2000) as u32, long),
                9 | 10 => Fault::Resets(long),
                11 => Fault::Duplicates(long),
                12 => Fault::FullDisk(who, long),
                13 => Fault::BadDisk(who, long),
                14 => Fault::Leave(who),
                _ if dice.one_in(2) => Fault::Join,
                _ => Fault::ClientGone,
            };
            (at, fault)
        })
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

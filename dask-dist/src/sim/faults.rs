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
    /// The second client cancels some of its futures; the first wants them all the same, and has them tried again.
    Cancel(u64),
    /// The first client wants its values on so many workers.
    Replicate(u32),
    /// The first client wants values spread evenly.
    Rebalance,
    /// The first client publishes what it has.
    Publish,
    /// The scheduler's process ends and is started again with its journal; workers bring what they have, and clients
    /// connect and ask again.
    Restart,
}

/// A kind of [`Fault`], see there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as the faults")]
pub enum Kind {
    Kill,
    Cut,
    Hang,
    Freeze,
    Partition,
    Delay,
    Resets,
    Duplicates,
    FullDisk,
    BadDisk,
    Leave,
    Join,
    ClientGone,
    Cancel,
    Replicate,
    Rebalance,
    Publish,
    Restart,
}

/// All of them, the more likely ones more than once.
pub const ANY: [Kind; 24] = {
    use Kind::*;
    [
        Kill, Kill, Kill, Cut, Hang, Hang, Freeze, Partition, Partition, Delay, Resets, Resets, Duplicates, FullDisk,
        BadDisk, Leave, Join, ClientGone, Cancel, Replicate, Replicate, Rebalance, Publish, Restart,
    ]
};

/// `n` faults of these kinds within `span`.
pub fn plan(kinds: &[Kind], seed: u64, n: usize, span: Duration) -> Vec<(Duration, Fault)> {
    let mut dice = Dice::new(seed, 2);
    let mut all: Vec<(Duration, Fault)> = (0..n)
        .map(|_| {
            let at = span.mul_f64(dice.unit());
            let (who, long) = (dice.any(), Duration::from_millis(dice.between(1, 8000)));
            let fault = match kinds[dice.below(kinds.len() as u64) as usize] {
                Kind::Kill => Fault::Kill(who),
                Kind::Cut => Fault::Cut(who),
                Kind::Hang => Fault::Hang(who, long),
                Kind::Freeze => Fault::Freeze(who),
                Kind::Partition => Fault::Partition(who, dice.one_in(2), long),
                Kind::Delay => Fault::Delay(dice.between(2, 2000) as u32, long),
                Kind::Resets => Fault::Resets(long),
                Kind::Duplicates => Fault::Duplicates(long),
                Kind::FullDisk => Fault::FullDisk(who, long),
                Kind::BadDisk => Fault::BadDisk(who, long),
                Kind::Leave => Fault::Leave(who),
                Kind::Join => Fault::Join,
                Kind::ClientGone => Fault::ClientGone,
                Kind::Cancel => Fault::Cancel(who),
                Kind::Replicate => Fault::Replicate(dice.below(4) as u32),
                Kind::Rebalance => Fault::Rebalance,
                Kind::Publish => Fault::Publish,
                Kind::Restart => Fault::Restart,
            };
            (at, fault)
        })
        .collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

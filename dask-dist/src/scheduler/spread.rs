//! One value that many workers are about to fetch: in a tree, planned as they are told to.
//!
//! A holder sends on one line. If everybody who needs a value is named its holder of the moment, the last of `n` waits
//! for `n` transfers. Here those are named too who are about to have the value: each who is to fetch it is told whom to
//! ask first, which is whoever can begin to send it first, by the same estimates that tasks are placed by. As each
//! who has it sends on, twice as many have it after every transfer:
//!
//! ```text
//!   H ─┬─ 1 ─┬─ 3 ─── 7        H sends to 1, 2, 4; 1 sends to 3, 5; 2 to 6; 3 to 7:
//!      │     └─ 5              seven in three transfers, and H sends three times
//!      ├─ 2 ─── 6
//!      └─ 4
//! ```
//!
//! Who is asked for what it does not have yet answers when it has it (`worker/asked.rs`); who was named in vain, because
//! it died or was given something else to do, is passed over for a holder. Nobody waits in a circle: each who is to fetch
//! a value has a turn, turns only grow, and one waits for a smaller turn only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::Duration;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::Machine;
use super::workers::Status;
use crate::protocol::{Dependency, First, WorkerId};

/// Fewer fetches of one value than this are no crowd: where neighbours need each other's values, as stencils do, planning
/// for who comes next only scatters copies.
const CROWD: u64 = 8;
/// A value is worth a tree if its holder would send it for so many times the time of a request.
const WORTH: u64 = 8;
/// Holders named beside the one to be asked first.
const FALLBACKS: usize = 3;
/// Whoever has not got a value so long after it should have, and as long again as several transfers take, will not.
const GRACE: Duration = Duration::from_secs(1);
const GRACE_TRANSFERS: u64 = 8;

/// The values that are spread.
#[derive(Default)]
pub(super) struct Spreads {
    by_slot: HashMap<u32, Spread, FixedState>,
    /// The last turn that was given.
    turn: u64,
    /// Values that clients were told to send somewhere, and who is to have them then.
    later: BTreeMap<u32, Vec<WorkerId>>,
}

/// One value.
#[derive(Default)]
struct Spread {
    /// Who has it or will, and from when on its line is free to send it; and some who do not, found out when met.
    sources: BinaryHeap<Reverse<(u64, u64, WorkerId)>>,
    /// Who was told to fetch it and has not got it, and the turn of each.
    coming: BTreeMap<WorkerId, u64>,
}

impl Spreads {
    /// It is not spread any more: nobody has it.
    #[inline]
    pub(super) fn end(&mut self, slot: u32) {
        if !self.by_slot.is_empty() {
            self.by_slot.remove(&slot);
        }
    }

    /// When a value has come, these are to have it too.
    pub(super) fn spread_later(&mut self, slot: u32, to: Vec<WorkerId>) {
        self.later.insert(slot, to);
    }

    /// Nothing is known of the value any more.
    #[inline]
    pub(super) fn forget(&mut self, slot: u32) {
        self.later.remove(&slot);
    }

    /// A worker has the value.
    #[inline]
    pub(super) fn arrived(&mut self, slot: u32, on: WorkerId, now: u64) {
        if !self.by_slot.is_empty()
            && let Some(spread) = self.by_slot.get_mut(&slot)
            && spread.coming.remove(&on).is_none()
        {
            spread.sources.push(Reverse((now, 0, on)));
        }
    }

    /// A worker that was to fetch the value did not get it.
    pub(super) fn failed(&mut self, slot: u32, on: WorkerId) {
        if let Some(spread) = self.by_slot.get_mut(&slot) {
            spread.coming.remove(&on);
        }
    }

    /// The values that are spread, and who is to get them: for checks.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, bool)> {
        self.by_slot.iter().map(|(&slot, spread)| (slot, spread.coming.values().all(|&turn| turn <= self.turn)))
    }
}

impl Machine {
    /// Whether so many fetches of so large a value are worth a tree.
    #[inline]
    pub(super) fn is_crowd(&self, nbytes: u64, n_fetches: u64) -> bool {
        let patience = WORTH * self.settings.latency.as_nanos() as u64;
        CROWD <= n_fetches && patience < self.moving(nbytes).saturating_mul(n_fetches)
    }

    /// So many workers are about to be told to fetch a value, which is spread in a tree if they are a crowd; whether it is.
    #[inline]
    pub(super) fn begin_spread(&mut self, slot: u32, n_fetches: u64) -> bool {
        if !self.spreads.by_slot.is_empty() && self.spreads.by_slot.contains_key(&slot) {
            return true;
        }
        let is_crowd = self.is_crowd(self.tasks[slot].nbytes, n_fetches);
        if is_crowd {
            let holders = &self.tasks[slot].holders;
            let sources = holders.iter().map(|&id| Reverse((self.workers[id].sends_until, 0, id))).collect();
            self.spreads.by_slot.insert(slot, Spread { sources, coming: BTreeMap::new() });
        }
        is_crowd
    }

    /// A value that a client was to send has come: to those who are to have it too.
    #[inline]
    pub(super) fn spread_scattered(&mut self, slot: u32) {
        if self.spreads.later.is_empty() {
            return;
        }
        let others = self.spreads.later.remove(&slot).unwrap_or_default();
        self.begin_spread(slot, others.len() as u64);
        for to in others {
            if self.workers.get(to).is_some_and(|worker| worker.status == Status::Running) {
                self.start_move(slot, None, to, None);
            }
        }
    }

    /// When the next could begin to send a value that is spread, in nanoseconds.
    #[inline]
    pub(super) fn spread_free(&self, slot: u32) -> Option<u64> {
        if self.spreads.by_slot.is_empty() {
            return None;
        }
        self.spreads.by_slot.get(&slot)?.sources.peek().map(|Reverse((at, ..))| *at)
    }

    /// A worker is to fetch a value that is spread: from whom, and from whom instead. Both are introduced.
    pub(super) fn spread_to(&mut self, slot: u32, to: WorkerId) -> Dependency {
        let (task, nbytes) = (self.tasks.reference(slot), self.tasks[slot].nbytes);
        let first = self.first_source(slot, to);
        let holders = &self.tasks[slot].holders;
        let mut named: SmallVec<[WorkerId; 2]> = SmallVec::new();
        named.extend(first.map(|first| first.from).filter(|from| holders.contains(from)));
        // Others for others.
        let n = holders.len();
        let start = self.spreads.turn as usize % n.max(1);
        let others = (0..n.min(FALLBACKS + 1)).map(|i| holders[(start + i) % n]);
        for other in others {
            if named.len() < FALLBACKS && !named.contains(&other) {
                named.push(other);
            }
        }
        let from = first.map(|first| first.from);
        for id in named.iter().copied().chain(from.filter(|from| !named.contains(from))) {
            if id != to && self.workers.get_mut(to).learn(id) {
                self.outbox.peer(to, id, &self.workers[id].hello.address);
            }
        }
        Dependency { task, nbytes, holders: named, first }
    }

    /// Whom a worker is to ask first: who can begin to send the value first. Nobody in particular if it was told already.
    fn first_source(&mut self, slot: u32, to: WorkerId) -> Option<First> {
        let takes = self.moving(self.tasks[slot].nbytes);
        let latency = self.settings.latency.as_nanos() as u64;
        let now = self.now.as_nanos() as u64;
        let late = now.saturating_sub(GRACE.as_nanos() as u64 + GRACE_TRANSFERS * takes);
        let holders = &self.tasks[slot].holders;
        let spread = self.spreads.by_slot.get_mut(&slot)?;
        if spread.coming.contains_key(&to) {
            return None;
        }
        // What is said of lines is as of when it was said: a few that are busy since are put back.
        let mut tries = 8;
        let (start, turn, from) = loop {
            let Reverse((at, turn, from)) = spread.sources.pop()?;
            let is_coming = spread.coming.get(&from) == Some(&turn);
            let is_there = self.workers.get(from).is_some_and(|worker| worker.status != Status::Gone);
            if !is_there || is_coming && at < late {
                spread.coming.remove(&from);
                continue;
            }
            if from == to || !is_coming && !holders.contains(&from) {
                continue;
            }
            let free = at.max(self.workers[from].sends_until);
            let is_next = spread.sources.peek().is_none_or(|Reverse((next, ..))| free <= *next);
            tries -= 1;
            if is_next || tries == 0 {
                break (free.max(now), turn, from);
            }
            spread.sources.push(Reverse((free, turn, from)));
        };
        self.spreads.turn += 1;
        let mine = self.spreads.turn;
        let sent = start + takes;
        self.workers.get_mut(from).sends_until = sent;
        let line = &mut self.workers.get_mut(to).receives_until;
        *line = sent.max(*line + takes);
        spread.sources.push(Reverse((sent, turn, from)));
        spread.sources.push(Reverse((*line + latency, mine, to)));
        spread.coming.insert(to, mine);
        // Those that came and went.
        if 2 * (holders.len() + spread.coming.len()) + 64 < spread.sources.len() {
            let mut all: Vec<_> = std::mem::take(&mut spread.sources).into_vec();
            all.retain(|Reverse((_, turn, id))| spread.coming.get(id) == Some(turn) || holders.contains(id));
            all.sort_unstable_by_key(|Reverse((at, _, id))| (*id, *at));
            all.dedup_by_key(|Reverse((.., id))| *id);
            spread.sources = all.into();
        }
        Some(First { from, turn: mine })
    }
}

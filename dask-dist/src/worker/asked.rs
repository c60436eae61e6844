//! Peers that ask for a value which this worker is about to have: they are answered when it has come.
//!
//! The scheduler names to each of many who need a value another one of them (`scheduler/spread.rs`). That one may have
//! only asked for it itself, and so does not say that the value is missing, but lets the peer wait, until it has come or
//! will not. Nobody waits for ever: one waits for a smaller turn only, and for a request that is under way; and whoever
//! did not get the value from the one that it was to ask first asks those next that have it, who answer at once.
//!
//! Large values are sent to such peers a few at a time, by turns: one that has a value can send it on, while all of them
//! together would have it only when the last has.

use std::collections::BTreeSet;

use super::{Action, Machine};
use crate::protocol::TaskRef;

/// Peers that wait for one value, at most: the others go to those that have it.
const ASKERS_MAX: usize = 64;
/// Values from this size on are sent by turns, in bytes.
const BY_TURNS: u64 = 1 << 20;
/// So many of them at a time.
const GIVES_MAX: usize = 2;
/// Peers that wait for their turn, at most: others are answered at once.
const WAITING_MAX: usize = 4096;

/// Large values that are sent to peers by turns.
#[derive(Debug, Default)]
pub(super) struct Gives {
    /// On their way out.
    open: BTreeSet<u64>,
    /// Peers' turns, and their questions. Empty while there is room.
    waiting: BTreeSet<(u64, u64)>,
}

impl Gives {
    fn give(&mut self, ask: u64, turn: u64, nbytes: u64, actions: &mut Vec<Action>) {
        if BY_TURNS <= nbytes && self.waiting.len() < WAITING_MAX {
            if self.open.len() == GIVES_MAX {
                self.waiting.insert((turn, ask));
                return;
            }
            self.open.insert(ask);
        }
        actions.push(Action::Answer { ask, here: true });
    }

    /// The first invariant that does not hold.
    pub(super) fn broken_invariant(&self) -> Option<String> {
        let n = self.open.len();
        let is_broken = GIVES_MAX < n || n < GIVES_MAX && !self.waiting.is_empty();
        is_broken.then(|| format!("{n} values are sent by turns, and {} wait for theirs", self.waiting.len()))
    }
}

impl Machine {
    /// A peer asks for what it was told is here, or will be.
    pub(super) fn asked(&mut self, ask: u64, task: TaskRef, turn: u64, actions: &mut Vec<Action>) {
        if let Some(held) = self.held.get(&task) {
            return self.gives.give(ask, turn, held.nbytes, actions);
        }
        match self.wants.get_mut(&task) {
            Some(want) if want.is_on_its_way() && want.turn < turn && want.askers.len() < ASKERS_MAX => {
                want.askers.push((ask, turn));
            }
            _ => actions.push(Action::Answer { ask, here: false }),
        }
    }

    /// Peers that waited for a value are told that it is here, by turns, or that it will not come.
    pub(super) fn answer(&mut self, askers: &[(u64, u64)], come: Option<u64>, actions: &mut Vec<Action>) {
        let mut askers = askers.to_vec();
        askers.sort_unstable_by_key(|&(ask, turn)| (turn, ask));
        for (ask, turn) in askers {
            match come {
                Some(nbytes) => self.gives.give(ask, turn, nbytes, actions),
                None => actions.push(Action::Answer { ask, here: false }),
            }
        }
    }

    /// A peer has been sent what it asked for, or is gone.
    pub(super) fn sent(&mut self, ask: u64, actions: &mut Vec<Action>) {
        if self.gives.open.remove(&ask)
            && let Some((_, next)) = self.gives.waiting.pop_first()
        {
            self.gives.open.insert(next);
            // If it has gone meanwhile, the store knows.
            actions.push(Action::Answer { ask: next, here: true });
        }
    }
}

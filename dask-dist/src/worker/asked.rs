//! Peers that ask for a value which this worker is about to have: they are answered when it has come.
//!
//! The scheduler names to each of many who need a value another one of them (`scheduler/spread.rs`). That one may have
//! only asked for it itself, and so does not say that the value is missing, but lets the peer wait, until it has come or
//! will not. Nobody waits for ever: one waits for a smaller turn only, and for a request that is under way; and whoever
//! did not get the value from the one that it was to ask first asks those next that have it, who answer at once.

use super::{Action, Machine};
use crate::protocol::TaskRef;

/// Peers that wait for one value, at most: the others go to those that have it.
const ASKERS_MAX: usize = 64;

impl Machine {
    /// A peer asks for what it was told is here, or will be.
    pub(super) fn asked(&mut self, ask: u64, task: TaskRef, turn: u64, actions: &mut Vec<Action>) {
        let here = self.held.contains_key(&task);
        match self.wants.get_mut(&task) {
            Some(want) if !here && want.is_on_its_way() && want.turn < turn && want.askers.len() < ASKERS_MAX => {
                want.askers.push((ask, turn));
            }
            _ => actions.push(Action::Answer { ask, here }),
        }
    }
}

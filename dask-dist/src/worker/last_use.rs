//! Inputs that only one task needs go with it: their memory is free before the next task begins, and not a message later.

use super::{Action, Machine};
use crate::protocol::TaskRef;

impl Machine {
    /// A task has a value. The inputs that nobody else needs are dropped, unless another task uses them here after all;
    /// which, as bits.
    pub(super) fn drop_last_used(&mut self, inputs: &[TaskRef], last_use: u64, actions: &mut Vec<Action>) -> u64 {
        let mut dropped = 0;
        for (i, &input) in inputs.iter().enumerate().take(64).filter(|(i, _)| last_use & 1 << i != 0) {
            if self.held.get(&input).is_some_and(|held| held.pins == 0) && self.forget_value(input) {
                actions.push(Action::Drop(vec![input]));
                dropped |= 1 << i;
            }
        }
        dropped
    }

    /// More than one task needs these values.
    pub(super) fn keep(&mut self, values: &[TaskRef]) {
        for attempt in self.attempts.values_mut().filter(|attempt| attempt.last_use != 0) {
            for (i, _) in attempt.inputs.iter().enumerate().take(64).filter(|(_, input)| values.contains(input)) {
                attempt.last_use &= !(1 << i);
            }
        }
    }
}

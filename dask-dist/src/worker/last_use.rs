//! Inputs that only one task needs go with it: their memory is free before the next task begins, and not a message later.

use super::{Action, Machine};
use crate::protocol::{ComputeTask, TaskRef};

/// The inputs of a task that may be dropped with it, each with its bit.
fn bits(inputs: &[TaskRef]) -> impl Iterator<Item = (u64, TaskRef)> {
    inputs.iter().take(ComputeTask::LAST_USE_MAX).enumerate().map(|(i, &input)| (1 << i, input))
}

impl Machine {
    /// A task has a value. The inputs that nobody else needs are dropped, unless another task uses them here after all;
    /// which, as bits.
    pub(super) fn drop_last_used(&mut self, inputs: &[TaskRef], last_use: u64, actions: &mut Vec<Action>) -> u64 {
        if last_use == 0 {
            return 0;
        }
        let (mut dropped, mut gone) = (0, Vec::new());
        for (bit, input) in bits(inputs).filter(|(bit, _)| last_use & bit != 0) {
            if self.held.get(&input).is_some_and(|held| held.pins == 0) && self.forget_value(input) {
                gone.push(input);
                dropped |= bit;
            }
        }
        if !gone.is_empty() {
            actions.push(Action::Drop(gone));
        }
        dropped
    }

    /// More than one task needs these values.
    pub(super) fn keep(&mut self, values: &[TaskRef]) {
        for attempt in self.attempts.values_mut().filter(|attempt| attempt.last_use != 0) {
            for (bit, _) in bits(&attempt.inputs).filter(|(_, input)| values.contains(input)) {
                attempt.last_use &= !bit;
            }
        }
    }
}

//! All invariants, checked from scratch.

use std::collections::BTreeMap;

use super::Machine;
use super::memory::Place;
use super::run::AttemptState;
use crate::protocol::{RunId, TaskRef};

impl Machine {
    /// The first invariant that does not hold, in words. Looks at everything: for tests.
    pub fn broken_invariant(&self) -> Option<String> {
        let mut pins: BTreeMap<TaskRef, u32> = BTreeMap::new();
        let mut on_way: BTreeMap<(TaskRef, RunId), u32> = BTreeMap::new();
        let waiting = self.wants.values().flat_map(|want| &want.waiting);
        let waiting = waiting.chain(self.held.values().flat_map(|held| &held.waiting));
        let waiting = waiting.chain(self.attempts.values().flat_map(|attempt| &attempt.then));
        waiting.for_each(|&attempt| *on_way.entry(attempt).or_default() += 1);
        let (mut running, mut gathered) = (0, 0);
        for (task, attempt) in &self.attempts {
            if attempt.gathered {
                gathered += 1;
                attempt.inputs.iter().for_each(|input| *pins.entry(*input).or_default() += 1);
            }
            match attempt.state {
                AttemptState::Waiting | AttemptState::Gathering if attempt.missing == 0 => {
                    return Some(format!("{task:?} waits for nothing"));
                }
                // What went to disk, or was freed, since it was counted as here is noticed when the task is to start.
                AttemptState::Waiting | AttemptState::Gathering => {
                    let on_way = on_way.get(&(*task, attempt.run)).copied().unwrap_or(0);
                    if attempt.missing != on_way {
                        return Some(format!(
                            "{task:?} waits for {} inputs, {on_way} are on their way",
                            attempt.missing
                        ));
                    }
                }
                AttemptState::Ready => {}
                AttemptState::Running | AttemptState::Seceded | AttemptState::Useless { .. } => {
                    running += u32::from(matches!(
                        attempt.state,
                        AttemptState::Running | AttemptState::Useless { seceded: false }
                    ));
                    attempt.inputs.iter().for_each(|input| *pins.entry(*input).or_default() += 1);
                }
            }
        }
        if gathered != self.gathered {
            return Some(format!("{} tasks gathered, counted {gathered}", self.gathered));
        }
        if running != self.running {
            return Some(format!("{} threads in use, counted {running}", self.running));
        }
        let (mut in_memory, mut on_disk, mut spilling) = (0, 0, 0);
        for (task, held) in &self.held {
            if held.pins != pins.get(task).copied().unwrap_or(0) {
                return Some(format!("{task:?} is used by {} tasks, counted {:?}", held.pins, pins.get(task)));
            }
            if self.idle.contains(&(held.used, *task)) != held.is_idle() {
                return Some(format!("{task:?} ({:?}) stands wrongly among the idle values", held.place));
            }
            match held.place {
                Place::Memory => in_memory += held.nbytes,
                Place::Spilling => {
                    in_memory += held.nbytes;
                    spilling += held.nbytes;
                }
                Place::Disk | Place::Restoring => on_disk += held.nbytes,
            }
        }
        if (in_memory, on_disk, spilling) != (self.in_memory, self.on_disk, self.spilling) {
            return Some(format!(
                "bytes in memory, on disk, on the way there: {:?}, counted {:?}",
                (self.in_memory, self.on_disk, self.spilling),
                (in_memory, on_disk, spilling)
            ));
        }
        for (task, held) in &self.held {
            let waits = |attempt: &(TaskRef, RunId)| held.waiting.contains(attempt);
            let mut users = self.attempts.iter().filter(|(_, attempt)| attempt.inputs.contains(task));
            let not_here = held.place == Place::Disk || held.place == Place::Restoring;
            if held.pins != 0
                && not_here
                && !users.all(|(user, attempt)| !attempt.gathered || waits(&(*user, attempt.run)))
            {
                return Some(format!("{task:?} is {:?}, and used by a task that does not wait for it", held.place));
            }
            if held.place != Place::Restoring && !held.waiting.is_empty() {
                return Some(format!("{task:?} is {:?}, and {:?} wait for it", held.place, held.waiting));
            }
        }
        if let Some(broken) = self.gives.broken_invariant() {
            return Some(broken);
        }
        for (task, want) in &self.wants {
            let to_fetch = if want.first.is_some() { &self.to_await } else { &self.to_fetch };
            let listed = to_fetch.contains((want.priority, *task), want.sources());
            if want.askers.iter().any(|&(_, turn)| turn <= want.turn) {
                return Some(format!("{task:?} is waited for by {:?}, out of turn {}", want.askers, want.turn));
            }
            if !want.askers.is_empty() && (!want.is_on_its_way() || self.held.contains_key(task)) {
                return Some(format!("{task:?} is waited for, and is not on its way"));
            }
            if listed == want.request.is_some() {
                return Some(format!("{task:?} is wanted, and {} asked for", if listed { "also" } else { "not" }));
            }
            if want.request.is_some_and(|request| !self.requests.contains_key(&request)) {
                return Some(format!("{task:?} waits for a request that is over"));
            }
        }
        None
    }
}

//! Names what makes no progress, and why: once every [`stuck_after`](super::Settings::stuck_after).

use std::time::Duration;

use super::Machine;
use super::outbox::Action;
use crate::protocol::WorkerId;

/// Told in one tick, at most.
const TOLD_MAX: usize = 8;
/// Of a worker's tasks, those sent first are looked at.
const LOOKS: usize = 64;

impl Machine {
    /// Reports what has not moved for long; `before` is when it was last asked.
    pub(super) fn watch(&mut self, before: Duration) {
        let mut told = Vec::new();
        self.stuck_tasks(before, &mut told);
        self.stuck_demands(before, &mut told);
        self.stuck_queue(before, &mut told);
        told.truncate(TOLD_MAX);
        for warning in told {
            self.note_news(|| warning.clone());
            self.outbox.act(Action::Warn(warning));
        }
    }

    /// Whether something that began at `since` has just lasted `patience`, or twice that, and so on.
    fn is_due(&self, since: Duration, before: Duration, patience: Duration) -> bool {
        let lasts = |until: Duration| until.saturating_sub(since).as_nanos() / patience.as_nanos().max(1);
        lasts(before.max(since)) < lasts(self.now)
    }

    /// Tasks that run for long, and ten times longer than others of their kind.
    fn stuck_tasks(&self, before: Duration, told: &mut Vec<String>) {
        for &id in self.workers.present.as_slice() {
            if TOLD_MAX <= told.len() {
                return;
            }
            for slot in self.tasks_at(id).take(LOOKS).filter(|&slot| self.tasks[slot].missing == 0) {
                let task = &self.tasks[slot];
                let usual = Duration::from_nanos(self.layers.group(task.layer).nanos as u64);
                let patience = self.settings.stuck_after.max(usual.saturating_mul(10));
                if self.is_due(Duration::from_nanos(task.since), before, patience) {
                    let (key, story) = (self.key(slot), self.story(slot));
                    told.push(format!("{key}: {story}; others of its kind take {usual:?}"));
                }
            }
        }
    }

    /// Tasks that ask for what no worker has.
    fn stuck_demands(&self, before: Duration, told: &mut Vec<String>) {
        for (since, slot, n) in self.unmet_demands() {
            if self.is_due(since, before, self.settings.stuck_after) {
                told.push(format!("{n} tasks, among them {}: {}", self.key(slot), self.story(slot)));
            }
        }
    }

    /// Tasks that wait while nobody takes any.
    fn stuck_queue(&mut self, before: Duration, told: &mut Vec<String>) {
        let Some(slot) = self.peek().filter(|_| self.workers.running.as_slice().is_empty()) else {
            self.idle_since = None;
            return;
        };
        let since = *self.idle_since.get_or_insert(self.now);
        if !self.is_due(since, before, self.settings.stuck_after) {
            return;
        }
        let there = self.workers.present.as_slice().iter().take(8);
        let named = |&id: &WorkerId| format!("{} is {}", self.workers[id].hello.name, self.workers[id].status.name());
        let there: Vec<String> = there.map(named).collect();
        let there = if there.is_empty() { "no worker is there".to_owned() } else { there.join(", ") };
        let n = self.queue.len();
        told.push(format!("{n} tasks, among them {}: no worker takes any: {there}", self.key(slot)));
    }
}

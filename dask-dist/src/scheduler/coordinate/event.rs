//! Events: set or not, and who waits until they are.

use super::{Coordinator, Waiter};
use crate::protocol::Told;

/// Nobody waits for one that is set.
#[derive(Default)]
pub(super) struct Event {
    pub(super) is_set: bool,
    waiting: Vec<Waiter>,
}

impl Event {
    pub(super) fn forget(&mut self, gone: impl Fn(Waiter) -> bool) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|&waiter| !gone(waiter));
        before - self.waiting.len()
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.is_set && self.waiting.is_empty()
    }
}

impl Coordinator {
    pub(super) fn await_event(&mut self, who: Waiter, name: String) {
        let event = self.events.entry(name).or_default();
        if event.is_set {
            self.tell(who, Told::Ok);
        } else {
            event.waiting.push(who);
        }
    }

    pub(super) fn set_event(&mut self, who: Waiter, name: String, set: bool) {
        let event = self.events.entry(name.clone()).or_default();
        event.is_set = set;
        let woken = if set { std::mem::take(&mut event.waiting) } else { Vec::new() };
        if event.is_idle() {
            self.events.remove(&name);
        }
        woken.into_iter().for_each(|waiter| self.tell(waiter, Told::Ok));
        self.tell(who, Told::Ok);
    }
}

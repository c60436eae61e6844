//! Variables: the last content, and who waits for the first.

use super::{Coordinator, Effect, Stored, Waiter};
use crate::protocol::{FutureId, Told};

/// Nobody waits for one that has content.
#[derive(Default)]
pub(super) struct Variable {
    content: Option<Stored>,
    waiting: Vec<(Waiter, FutureId)>,
}

impl Variable {
    pub(super) fn forget(&mut self, gone: impl Fn(Waiter) -> bool) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|(waiter, _)| !gone(*waiter));
        before - self.waiting.len()
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.content.is_none() && self.waiting.is_empty()
    }
}

impl Coordinator {
    pub(super) fn assign(&mut self, who: Waiter, name: String, item: Stored) {
        self.keep(&item);
        let variable = self.variables.entry(name).or_default();
        let before = variable.content.replace(item.clone());
        for (to, future) in std::mem::take(&mut variable.waiting) {
            self.effects.push(Effect::Deliver { to, future, queue: None, item: item.clone() });
        }
        before.iter().for_each(|item| self.let_go(item));
        self.tell(who, Told::Ok);
    }

    pub(super) fn read(&mut self, who: Waiter, name: String, future: FutureId) {
        let variable = self.variables.entry(name).or_default();
        match variable.content.clone() {
            Some(item) => self.effects.push(Effect::Deliver { to: who, future, queue: None, item }),
            None => variable.waiting.push((who, future)),
        }
    }

    pub(super) fn delete(&mut self, who: Waiter, name: &str) {
        let before = self.variables.get_mut(name).and_then(|variable| variable.content.take());
        before.iter().for_each(|item| self.let_go(item));
        if self.variables.get(name).is_some_and(Variable::is_idle) {
            self.variables.remove(name);
        }
        self.tell(who, Told::Ok);
    }
}

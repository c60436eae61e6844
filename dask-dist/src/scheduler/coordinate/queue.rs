//! Queues: first in, first out, for items as for those who wait.

use std::collections::VecDeque;

use super::{Coordinator, Effect, Stored, Waiter};
use crate::protocol::{FutureId, Told};

/// Takers wait only while it is empty, putters only while it is full.
#[derive(Default)]
pub(super) struct Queue {
    /// 0 is no limit.
    max: Option<u32>,
    items: VecDeque<Stored>,
    takers: VecDeque<(Waiter, FutureId)>,
    putters: VecDeque<(Waiter, Stored)>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    fn has_room(&self) -> bool {
        self.max.is_none_or(|max| max == 0 || self.items.len() < max as usize)
    }

    /// How many were forgotten; what they wanted to put in goes to `dropped`.
    pub(super) fn forget(&mut self, gone: impl Fn(Waiter) -> bool, dropped: &mut Vec<Stored>) -> usize {
        let before = self.takers.len() + self.putters.len();
        self.takers.retain(|(waiter, _)| !gone(*waiter));
        let (left, kept): (VecDeque<_>, VecDeque<_>) = self.putters.drain(..).partition(|(waiter, _)| gone(*waiter));
        self.putters = kept;
        dropped.extend(left.into_iter().map(|(_, item)| item));
        before - self.takers.len() - self.putters.len()
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.takers.len() + self.putters.len()
    }

    /// Its limit is remembered as long as it is.
    pub(super) fn is_idle(&self) -> bool {
        self.max.is_none_or(|max| max == 0)
            && self.items.is_empty()
            && self.takers.is_empty()
            && self.putters.is_empty()
    }
}

impl Coordinator {
    pub(super) fn put(&mut self, who: Waiter, name: String, max: Option<u32>, item: Stored) {
        let queue = self.queues.entry(name.clone()).or_default();
        if let (Some(known), Some(max)) = (queue.max, max)
            && known != max
        {
            return self.tell(who, Told::Refused(format!("the queue {name:?} holds {known} items, not {max}")));
        }
        queue.max = queue.max.or(max);
        queue.putters.push_back((who, item.clone()));
        self.keep(&item);
        self.advance(&name);
    }

    pub(super) fn take(&mut self, who: Waiter, name: String, future: FutureId, wait: bool) {
        let queue = self.queues.entry(name.clone()).or_default();
        if !wait && queue.items.is_empty() {
            self.tell(who, Told::Nothing);
        } else {
            queue.takers.push_back((who, future));
        }
        self.advance(&name);
    }

    pub(super) fn give_back(&mut self, who: Waiter, name: String, item: Stored) {
        self.keep(&item);
        self.queues.entry(name.clone()).or_default().items.push_front(item);
        self.tell(who, Told::Ok);
        self.advance(&name);
    }

    /// Items go to takers, and what waited comes in.
    fn advance(&mut self, name: &str) {
        while let Some(queue) = self.queues.get_mut(name) {
            if queue.has_room()
                && let Some((who, item)) = queue.putters.pop_front()
            {
                queue.items.push_back(item);
                self.tell(who, Told::Ok);
            } else if !queue.items.is_empty()
                && let Some((to, future)) = queue.takers.pop_front()
                && let Some(item) = queue.items.pop_front()
            {
                let slot_of = item.clone();
                self.effects.push(Effect::Deliver { to, future, queue: Some(name.to_owned()), item });
                self.let_go(&slot_of);
            } else {
                break;
            }
        }
        if self.queues.get(name).is_some_and(Queue::is_idle) {
            self.queues.remove(name);
        }
    }
}

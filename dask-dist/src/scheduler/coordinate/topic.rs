//! Topics: whoever subscribes hears what is published from then on, in order.

use std::collections::VecDeque;

use super::{Coordinator, Effect, Stored, Waiter};
use crate::protocol::{ClientId, FutureId, Packed, Told};

/// A subscriber that is slower loses the oldest messages.
const BACKLOG_MAX: usize = 10_000;

/// Nobody waits while there is a message.
pub(super) struct Subscription {
    pub(super) client: ClientId,
    topic: String,
    backlog: VecDeque<Packed>,
    pub(super) waiting: Option<Waiter>,
}

fn deliver(to: Waiter, message: Packed) -> Effect {
    Effect::Deliver { to, future: FutureId(0), queue: None, item: Stored::Value(message) }
}

impl Coordinator {
    pub(super) fn subscribe(&mut self, who: Waiter, topic: String) {
        let number = self.new_number();
        let new = Subscription { client: who.client, topic, backlog: VecDeque::new(), waiting: None };
        self.subscriptions.insert(number, new);
        self.tell(who, Told::Subscribed(number));
    }

    pub(super) fn unsubscribe(&mut self, who: Waiter, subscription: u64) {
        if self.subscriptions.get(&subscription).is_some_and(|known| known.client == who.client)
            && let Some(waiter) = self.subscriptions.remove(&subscription).and_then(|known| known.waiting)
        {
            self.tell(waiter, Told::Nothing);
        }
        self.tell(who, Told::Ok);
    }

    pub(super) fn publish_message(&mut self, who: Waiter, topic: &str, message: &Packed) {
        let mut n = 0;
        for subscription in self.subscriptions.values_mut().filter(|known| known.topic == topic) {
            n += 1;
            match subscription.waiting.take() {
                Some(waiter) => self.effects.push(deliver(waiter, message.clone())),
                None => {
                    if subscription.backlog.len() == BACKLOG_MAX {
                        subscription.backlog.pop_front();
                    }
                    subscription.backlog.push_back(message.clone());
                }
            }
        }
        self.tell(who, Told::Count(n));
    }

    pub(super) fn next_message(&mut self, who: Waiter, subscription: u64) {
        let known = self.subscriptions.get_mut(&subscription).filter(|known| known.client == who.client);
        let Some(known) = known else {
            return self.tell(who, Told::Refused("the subscription has ended: subscribe again".to_owned()));
        };
        match known.backlog.pop_front() {
            Some(message) => self.effects.push(deliver(who, message)),
            None if known.waiting.is_some() => {
                let why = "somebody waits for the next message of this subscription already".to_owned();
                self.tell(who, Told::Refused(why));
            }
            None => known.waiting = Some(who),
        }
    }
}

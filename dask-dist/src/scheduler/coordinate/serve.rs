//! The scheduler's side: futures become slots, slots become wishes.

use super::{Effect, Stored, Waiter};
use crate::protocol::{Ask, ClientId, Given, Item, ToClient, Told};
use crate::scheduler::Machine;

/// For what, and how large, if it is a value that the scheduler would keep. What is given back was kept before.
fn size(ask: &Ask<Item>) -> Option<(&str, u64)> {
    let (of, packed) = match ask {
        Ask::Assign { name, item: Item::Value(packed) } | Ask::Put { name, item: Item::Value(packed), .. } => {
            (name, packed)
        }
        Ask::Publish { topic, message } => (topic, message),
        _ => return None,
    };
    Some((of, (packed.bytes.len() + packed.buffers.iter().map(Vec::len).sum::<usize>()) as u64))
}

impl Machine {
    pub(in crate::scheduler) fn coordinate(&mut self, client: ClientId, request: u64, ask: Ask<Item>) {
        let who = Waiter { client, request };
        if let Some((of, nbytes)) = size(&ask).filter(|(_, nbytes)| self.settings.item_max < *nbytes) {
            let why = format!(
                "an item of {nbytes} bytes for {of:?} exceeds the limit of {} (`distributed.scheduler.item-limit`): scatter \
                 the value and give the future, or several smaller ones",
                self.settings.item_max
            );
            return self.outbox.tell(client, ToClient::Coordinated { request, told: Told::Refused(why) });
        }
        match self.stored(client, ask) {
            Some(ask) => self.coordinator.handle(who, ask),
            None => {
                let told = Told::Refused("the future was released or cancelled".to_owned());
                self.outbox.tell(client, ToClient::Coordinated { request, told });
            }
        }
        self.follow_coordinator();
    }

    /// How many clients hold a lease, subscribe to something, or wait for something of others.
    pub fn n_coordinating(&self) -> usize {
        self.coordinator.n_involved()
    }

    /// Does what the coordinator has decided.
    pub(in crate::scheduler) fn follow_coordinator(&mut self) {
        for effect in self.coordinator.effects() {
            match effect {
                Effect::Tell(Waiter { client, request }, told) => {
                    self.outbox.tell(client, ToClient::Coordinated { request, told });
                }
                Effect::Keep(slot) => self.tasks[slot].wanted += 1,
                Effect::Drop(slot) => self.want_less(slot),
                Effect::Deliver { to, queue, item: Stored::Value(value), .. } => {
                    let told = Told::Item { queue, item: Given::Value(value) };
                    self.outbox.tell(to.client, ToClient::Coordinated { request: to.request, told });
                }
                Effect::Deliver { to, future, queue, item: Stored::Future { slot, type_name, shape } } => {
                    let told = Told::Item { queue, item: Given::Future { key: self.key(slot), type_name, shape } };
                    self.outbox.tell(to.client, ToClient::Coordinated { request: to.request, told });
                    self.add_wish(slot, (to.client, future));
                    self.tell_state(slot, (to.client, future));
                }
            }
        }
    }

    /// Nothing if it speaks of a future that is not there.
    fn stored(&self, client: ClientId, ask: Ask<Item>) -> Option<Ask<Stored>> {
        let item = |item| match item {
            Item::Value(value) => Some(Stored::Value(value)),
            Item::Future { future, type_name, shape } => {
                let slot = self.slots_of(client, &[future]).next()?;
                Some(Stored::Future { slot, type_name, shape })
            }
        };
        Some(match ask {
            Ask::Assign { name, item: content } => Ask::Assign { name, item: item(content)? },
            Ask::Put { name, max, item: content } => Ask::Put { name, max, item: item(content)? },
            Ask::GiveBack { name, item: content } => Ask::GiveBack { name, item: item(content)? },
            Ask::Acquire { name, max, worker, wait } => Ask::Acquire { name, max, worker, wait },
            Ask::Release { lease } => Ask::Release { lease },
            Ask::Await { name } => Ask::Await { name },
            Ask::Set { name, set } => Ask::Set { name, set },
            Ask::IsSet { name } => Ask::IsSet { name },
            Ask::Read { name, future } => Ask::Read { name, future },
            Ask::Delete { name } => Ask::Delete { name },
            Ask::Take { name, future, wait } => Ask::Take { name, future, wait },
            Ask::Length { name } => Ask::Length { name },
            Ask::Subscribe { topic } => Ask::Subscribe { topic },
            Ask::Unsubscribe { subscription } => Ask::Unsubscribe { subscription },
            Ask::Publish { topic, message } => Ask::Publish { topic, message },
            Ask::Next { subscription } => Ask::Next { subscription },
            Ask::Withdraw { of } => Ask::Withdraw { of },
        })
    }
}

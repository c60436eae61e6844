//! Locks, events, variables, queues and topics: who has what, and who waits for what, first come, first served.
//!
//! A machine of its own inside the scheduler's: asks in, [`Effect`]s out. What it stores may be a task's result (by
//! slot): it then asks for the task to be kept, and to be let go.

mod event; // set or not
mod lease; // so many at a time
mod queue; // first in, first out
mod serve; // the scheduler's side: slots and wishes
#[cfg(test)]
mod tests;
mod topic; // one to many
mod variable; // the last content

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::{Ask, ClientId, FutureId, Packed, Told};
use event::Event;
use lease::Semaphore;
use queue::Queue;
use topic::Subscription;
use variable::Variable;

/// An open request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) client: ClientId,
    pub(super) request: u64,
}

/// What is in a variable or a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Value(Packed),
    Future { slot: u32, type_name: String, shape: Vec<u32> },
}

/// What the scheduler has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Tell(Waiter, Told),
    /// Hand it out, under this name if it is a future.
    Deliver {
        to: Waiter,
        future: FutureId,
        queue: Option<String>,
        item: Stored,
    },
    /// The task is wanted once more.
    Keep(u32),
    /// And once less.
    Drop(u32),
}

#[derive(Default)]
pub(super) struct Coordinator {
    semaphores: BTreeMap<String, Semaphore>,
    events: BTreeMap<String, Event>,
    variables: BTreeMap<String, Variable>,
    queues: BTreeMap<String, Queue>,
    subscriptions: BTreeMap<u64, Subscription>,
    /// Counts leases and subscriptions.
    n_given: u64,
    effects: Vec<Effect>,
}

impl Coordinator {
    /// One request; its answer may come much later.
    pub(super) fn handle(&mut self, who: Waiter, ask: Ask<Stored>) {
        match ask {
            Ask::Acquire { name, max, worker, wait } => self.acquire(who, name, max, worker, wait),
            Ask::Release { lease } => self.release(who, lease),
            Ask::Await { name } => self.await_event(who, name),
            Ask::Set { name, set } => self.set_event(who, name, set),
            Ask::IsSet { name } => {
                let is_set = self.events.get(&name).is_some_and(|event| event.is_set);
                self.tell(who, Told::Count(u64::from(is_set)));
            }
            Ask::Assign { name, item } => self.assign(who, name, item),
            Ask::Read { name, future } => self.read(who, name, future),
            Ask::Delete { name } => self.delete(who, &name),
            Ask::Put { name, max, item } => self.put(who, name, max, item),
            Ask::Take { name, future, wait } => self.take(who, name, future, wait),
            Ask::GiveBack { name, item } => self.give_back(who, name, item),
            Ask::Length { name } => {
                let n = self.queues.get(&name).map_or(0, Queue::len);
                self.tell(who, Told::Count(n as u64));
            }
            Ask::Subscribe { topic } => self.subscribe(who, topic),
            Ask::Unsubscribe { subscription } => self.unsubscribe(who, subscription),
            Ask::Publish { topic, message } => self.publish_message(who, &topic, &message),
            Ask::Next { subscription } => self.next_message(who, subscription),
            Ask::Withdraw { of } => {
                let open = Waiter { client: who.client, request: of };
                if self.forget_waiters(|waiter| waiter == open) {
                    self.tell(open, Told::Nothing);
                }
                self.tell(who, Told::Ok);
            }
        }
    }

    /// A client has gone: what it held is free, and it waits for nothing.
    pub(super) fn client_gone(&mut self, client: ClientId) {
        self.forget_waiters(|waiter| waiter.client == client);
        self.subscriptions.retain(|_, subscription| subscription.client != client);
        self.expire_leases(|lease| lease.holder.client == client);
    }

    /// A worker has gone, and with it the tasks that held leases.
    pub(super) fn worker_gone(&mut self, address: &str) {
        let lost = self.forget_acquirers(address);
        for waiter in lost {
            self.tell(waiter, Told::Refused(format!("the worker at {address}, whose task asked, is gone")));
        }
        self.expire_leases(|lease| lease.worker.as_deref() == Some(address));
    }

    /// Leases of clients not heard of since `since` are free.
    pub(super) fn expire(&mut self, since: Duration, seen: impl Fn(ClientId) -> Duration) {
        self.expire_leases(|lease| seen(lease.holder.client) < since);
    }

    /// What has to be done, in order.
    pub(super) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// How many hold a lease, subscribe to something or wait.
    pub(super) fn n_involved(&self) -> usize {
        self.semaphores.values().map(Semaphore::n_involved).sum::<usize>()
            + self.events.values().map(Event::n_waiting).sum::<usize>()
            + self.variables.values().map(Variable::n_waiting).sum::<usize>()
            + self.queues.values().map(Queue::n_waiting).sum::<usize>()
            + self.subscriptions.len()
    }

    fn tell(&mut self, who: Waiter, told: Told) {
        self.effects.push(Effect::Tell(who, told));
    }

    fn new_number(&mut self) -> u64 {
        self.n_given += 1;
        self.n_given
    }

    fn keep(&mut self, item: &Stored) {
        if let Stored::Future { slot, .. } = item {
            self.effects.push(Effect::Keep(*slot));
        }
    }

    fn let_go(&mut self, item: &Stored) {
        if let Stored::Future { slot, .. } = item {
            self.effects.push(Effect::Drop(*slot));
        }
    }

    /// Whether there were such.
    fn forget_waiters(&mut self, gone: impl Fn(Waiter) -> bool) -> bool {
        let mut n = 0;
        for semaphore in self.semaphores.values_mut() {
            n += semaphore.forget(&gone);
        }
        for event in self.events.values_mut() {
            n += event.forget(&gone);
        }
        for variable in self.variables.values_mut() {
            n += variable.forget(&gone);
        }
        for subscription in self.subscriptions.values_mut() {
            n += usize::from(subscription.waiting.take_if(|waiter| gone(*waiter)).is_some());
        }
        let mut dropped = Vec::new();
        for queue in self.queues.values_mut() {
            n += queue.forget(&gone, &mut dropped);
        }
        dropped.iter().for_each(|item| self.let_go(item));
        self.semaphores.retain(|_, semaphore| !semaphore.is_idle());
        self.events.retain(|_, event| !event.is_idle());
        self.variables.retain(|_, variable| !variable.is_idle());
        self.queues.retain(|_, queue| !queue.is_idle());
        n != 0
    }
}

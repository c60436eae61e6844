//! Leases: at most so many of a name at a time; a lock is a semaphore of one.

use std::collections::{BTreeMap, VecDeque};

use super::{Coordinator, Waiter};
use crate::protocol::Told;

pub(super) struct Lease {
    pub(super) holder: Waiter,
    /// Whose task has it.
    pub(super) worker: Option<String>,
}

/// Nobody waits while a lease is free.
pub(super) struct Semaphore {
    max: u32,
    held: BTreeMap<u64, Lease>,
    waiting: VecDeque<Lease>,
}

impl Semaphore {
    pub(super) fn forget(&mut self, gone: impl Fn(Waiter) -> bool) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| !gone(waiting.holder));
        before - self.waiting.len()
    }

    pub(super) fn n_involved(&self) -> usize {
        self.held.len() + self.waiting.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.waiting.is_empty()
    }
}

impl Coordinator {
    pub(super) fn acquire(&mut self, who: Waiter, name: String, max: u32, worker: Option<String>, wait: bool) {
        if max == 0 {
            return self.tell(who, Told::Refused(format!("a semaphore of 0 leases, {name:?}, would never be free")));
        }
        let new = || Semaphore { max, held: BTreeMap::new(), waiting: VecDeque::new() };
        let semaphore = self.semaphores.entry(name.clone()).or_insert_with(new);
        if semaphore.max != max {
            let why = format!("the semaphore {name:?} is in use with {} leases, not {max}", semaphore.max);
            return self.tell(who, Told::Refused(why));
        }
        if !wait && max as usize <= semaphore.held.len() {
            return self.tell(who, Told::Nothing);
        }
        semaphore.waiting.push_back(Lease { holder: who, worker });
        self.grant(&name);
    }

    pub(super) fn release(&mut self, who: Waiter, lease: u64) {
        let holds = |semaphore: &Semaphore| semaphore.held.get(&lease).is_some_and(|l| l.holder.client == who.client);
        let found = self.semaphores.iter_mut().find(|(_, semaphore)| holds(semaphore));
        let Some((name, semaphore)) = found else {
            let why = "the lease has expired, or was released before: what it protected may be another's".to_owned();
            return self.tell(who, Told::Refused(why));
        };
        semaphore.held.remove(&lease);
        let name = name.clone();
        self.tell(who, Told::Ok);
        self.grant(&name);
    }

    /// Free leases go to those who have waited longest.
    fn grant(&mut self, name: &str) {
        while let Some(semaphore) = self.semaphores.get_mut(name) {
            if semaphore.max as usize <= semaphore.held.len() {
                return;
            }
            let Some(next) = semaphore.waiting.pop_front() else {
                if semaphore.is_idle() {
                    self.semaphores.remove(name);
                }
                return;
            };
            self.n_given += 1;
            let (number, holder) = (self.n_given, next.holder);
            semaphore.held.insert(number, next);
            self.tell(holder, Told::Lease(number));
        }
    }

    /// Takes back leases whose holders are gone.
    pub(super) fn expire_leases(&mut self, gone: impl Fn(&Lease) -> bool) {
        let mut freed = Vec::new();
        for (name, semaphore) in &mut self.semaphores {
            let before = semaphore.held.len();
            semaphore.held.retain(|_, lease| !gone(lease));
            if semaphore.held.len() < before {
                freed.push(name.clone());
            }
        }
        freed.iter().for_each(|name| self.grant(name));
    }

    /// Tasks of that worker wait no more.
    pub(super) fn forget_acquirers(&mut self, address: &str) -> Vec<Waiter> {
        let mut gone = Vec::new();
        for semaphore in self.semaphores.values_mut() {
            semaphore.waiting.retain(|waiting| {
                let is_gone = waiting.worker.as_deref() == Some(address);
                gone.extend(is_gone.then_some(waiting.holder));
                !is_gone
            });
        }
        gone
    }
}

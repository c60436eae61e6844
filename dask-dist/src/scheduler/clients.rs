//! Clients, their futures, and who waits for which task.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use dask_core::Value;
use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::Machine;
use super::outbox::Action;
use super::walk::Walk;
use super::workers::{has_bit, set_bit};
use crate::protocol::{ClientId, FromClient, FutureId, ToClient, WorkerId};

/// A client that is connected.
#[derive(Default)]
pub(super) struct Client {
    pub(super) futures: HashMap<FutureId, u32, FixedState>,
    knows: Vec<u64>,
    pub(super) seen: Duration,
    /// A count that it asked for, if that takes several steps.
    pub(super) walk: Option<Box<Walk>>,
}

impl Client {
    /// Whether it was told where a worker is.
    pub(super) fn has_learnt(&self, worker: WorkerId) -> bool {
        has_bit(&self.knows, worker.0)
    }
}

/// Who wants a task: a client and its future.
pub(super) type Wish = (ClientId, FutureId);

#[derive(Default)]
pub(super) struct Clients {
    pub(super) all: BTreeMap<ClientId, Client>,
    pub(super) next: u32,
    /// Who is told of a task, by slot.
    pub(super) wishes: HashMap<u32, SmallVec<[Wish; 1]>, FixedState>,
    pub(super) published: BTreeMap<String, Published>,
    /// Wanted until they are made, whoever asked.
    pub(super) fired: HashMap<u32, u32, FixedState>,
}

/// Values under a name.
pub(super) struct Published {
    pub(super) slots: Vec<u32>,
    pub(super) about: Vec<u8>,
}

impl Machine {
    /// A client has come.
    pub fn add_client(&mut self, now: Duration) -> ClientId {
        let id = ClientId(self.clients.next);
        self.clients.next += 1;
        self.clients.all.insert(id, Client { seen: now, ..Client::default() });
        self.note_news(|| format!("client {} has come", id.0));
        id
    }

    /// A client has gone: what only it wanted is released.
    pub(super) fn remove_client(&mut self, id: ClientId) {
        let Some(client) = self.clients.all.remove(&id) else { return };
        self.note_news(|| format!("client {} has gone", id.0));
        let mut futures: Vec<_> = client.futures.into_iter().collect();
        futures.sort_unstable();
        for (future, slot) in futures {
            self.drop_wish(slot, (id, future));
        }
        self.coordinator.client_gone(id);
        self.follow_coordinator();
        self.outbox.act(Action::CutClient(id));
    }

    pub(super) fn hear_client(&mut self, id: ClientId, message: FromClient) {
        let Some(client) = self.clients.all.get_mut(&id) else { return };
        client.seen = self.now;
        match message {
            FromClient::Submit(submit) => {
                let why = "the functions are missing".to_owned();
                self.outbox.tell(id, ToClient::SubmitRefused { first_future: submit.first_future, why });
            }
            FromClient::Release(futures) => {
                for future in futures {
                    let slot = self.clients.all.get_mut(&id).and_then(|client| client.futures.remove(&future));
                    if let Some(slot) = slot {
                        self.drop_wish(slot, (id, future));
                    }
                }
            }
            FromClient::Cancel(futures) => self.cancel(id, &futures),
            FromClient::Retry(futures) => self.retry(id, &futures),
            FromClient::Scatter { future, name, nbytes, broadcast, workers } => {
                self.scatter(id, future, name, nbytes, broadcast, &workers);
            }
            FromClient::Missing { future, at } => {
                let slot = self.clients.all.get(&id).and_then(|client| client.futures.get(&future).copied());
                if let Some(slot) = slot {
                    self.missing_at(slot, &at);
                    // If somebody else has it, say so; if not, `Lost` was said.
                    if let Some(&holder) = self.tasks[slot].holders.first() {
                        self.say_done(slot, (id, future), holder, None);
                    }
                }
            }
            FromClient::WhoHas { request, futures } => self.who_has(id, request, futures),
            FromClient::HasWhat { request } => {
                let contents = self.workers.present.as_slice().iter().map(|&worker| {
                    let keys = self.held_by(worker).into_iter().map(|slot| self.key(slot)).collect();
                    (self.workers[worker].hello.address.clone(), keys)
                });
                let contents = contents.collect();
                self.outbox.tell(id, ToClient::Contents { request, contents });
            }
            FromClient::Replicate { request, futures, n } => self.replicate(id, request, &futures, n),
            FromClient::Rebalance { request } => self.rebalance(id, request),
            FromClient::Workers { request } => {
                let workers = self.worker_infos();
                self.outbox.tell(id, ToClient::Workers { request, workers });
            }
            // Whoever runs the machine makes reports; nobody could.
            FromClient::Report { request } => {
                let why = "there is no record to report: start the scheduler, or the local cluster, with a dashboard";
                self.outbox.tell(id, ToClient::Refused { request, why: why.to_owned() });
            }
            FromClient::Demand { request } => {
                let demand = self.demand();
                self.outbox.tell(id, ToClient::Demand { request, demand });
            }
            FromClient::Retire { request, workers } => {
                self.leave(&workers);
                self.outbox.tell(id, ToClient::Ok { request });
            }
            FromClient::Publish { request, name, futures, about } => self.publish(id, request, name, &futures, about),
            FromClient::Unpublish { request, name } => match self.clients.published.remove(&name) {
                Some(published) => {
                    for slot in published.slots {
                        self.want_less(slot);
                    }
                    self.record_published(&name);
                    self.outbox.tell(id, ToClient::Ok { request });
                }
                None => self.no_dataset(id, request, &name),
            },
            FromClient::Dataset { request, name, first_future } => self.dataset(id, request, &name, first_future),
            FromClient::Datasets { request } => {
                let names = self.clients.published.keys().cloned().collect();
                self.outbox.tell(id, ToClient::Datasets { request, names });
            }
            FromClient::Story { request, futures } => {
                let slots: Vec<u32> = self.slots_of(id, &futures).collect();
                let stories = slots.into_iter().map(|slot| (self.key(slot), self.story(slot))).collect();
                self.outbox.tell(id, ToClient::Stories { request, stories });
            }
            FromClient::Progress { request, futures } => self.walk(id, request, &futures),
            FromClient::FireAndForget(futures) => {
                for slot in self.slots_of(id, &futures).collect::<Vec<_>>() {
                    if self.tasks[slot].state.is_active() {
                        self.tasks[slot].wanted += 1;
                        *self.clients.fired.entry(slot).or_default() += 1;
                    }
                }
            }
            FromClient::Coordinate { request, ask } => self.coordinate(id, request, ask),
            FromClient::Obituary { .. } | FromClient::Heartbeat => {}
        }
    }

    pub(super) fn slots_of(&self, id: ClientId, futures: &[FutureId]) -> impl Iterator<Item = u32> {
        let client = self.clients.all.get(&id);
        futures.iter().filter_map(move |future| client?.futures.get(future).copied())
    }

    /// From now on `wish` is told of the task. Whoever calls says what there is to say now.
    pub(super) fn add_wish(&mut self, slot: u32, wish: Wish) {
        self.tasks[slot].wanted += 1;
        self.needed_more(slot);
        self.clients.wishes.entry(slot).or_default().push(wish);
        let before = self.clients.all.get_mut(&wish.0).and_then(|client| client.futures.insert(wish.1, slot));
        // A number that is used again: it is a wish for the new alone.
        if let Some(before) = before {
            self.drop_wish(before, wish);
        }
    }

    fn drop_wish(&mut self, slot: u32, wish: Wish) {
        let Some(wishes) = self.clients.wishes.get_mut(&slot) else { return };
        let Some(at) = wishes.iter().position(|known| *known == wish) else { return };
        wishes.remove(at);
        if wishes.is_empty() {
            self.clients.wishes.remove(&slot);
        }
        self.want_less(slot);
    }

    /// One wish less; perhaps nobody needs the task now.
    pub(super) fn want_less(&mut self, slot: u32) {
        self.tasks[slot].wanted -= 1;
        self.release_if_useless(slot);
    }

    /// What there is to say of a task to one who has just come to want it.
    pub(super) fn tell_state(&mut self, slot: u32, wish: Wish) {
        match self.tasks[slot].state {
            super::task::State::Memory => {
                let holder = self.tasks[slot].holders[0];
                self.say_done(slot, wish, holder, None);
            }
            super::task::State::Erred => self.say_failed(slot, wish),
            _ => {}
        }
    }

    pub(super) fn say_done(&mut self, slot: u32, (client, future): Wish, holder: WorkerId, value: Option<&Value>) {
        self.introduce(client, holder);
        let (task, nbytes) = (self.tasks.reference(slot), self.tasks[slot].nbytes);
        match value {
            Some(value) => self.outbox.give(client, ToClient::DoneWith { future, task, nbytes, holder }, value.clone()),
            None => self.outbox.tell(client, ToClient::Done { future, task, nbytes, holder }),
        }
    }

    pub(super) fn say_failed(&mut self, slot: u32, (client, future): Wish) {
        if let Some(told) = self.failure_of(slot) {
            let (key, layers, failure) = (told.key, told.layers, told.failure);
            self.outbox.tell(client, ToClient::Failed { future, key, layers, failure });
        }
    }

    /// Tells a client where a worker is, once.
    pub(super) fn introduce(&mut self, client: ClientId, worker: WorkerId) {
        let Some(known) = self.clients.all.get_mut(&client) else { return };
        if set_bit(&mut known.knows, worker.0) {
            let address = self.workers[worker].hello.address.clone();
            self.outbox.tell(client, ToClient::Peers(vec![(worker, address)]));
        }
    }

    fn who_has(&mut self, id: ClientId, request: u64, mut futures: Vec<FutureId>) {
        let Some(client) = self.clients.all.get(&id) else { return };
        if futures.is_empty() {
            futures = client.futures.keys().copied().collect();
            futures.sort_unstable();
        }
        let mut holders = Vec::with_capacity(futures.len());
        for future in futures {
            let Some(slot) = self.clients.all.get(&id).and_then(|c| c.futures.get(&future).copied()) else { continue };
            let who = self.tasks[slot].holders.to_vec();
            who.iter().for_each(|&worker| self.introduce(id, worker));
            holders.push((future, self.key(slot), self.tasks[slot].nbytes, who));
        }
        self.outbox.tell(id, ToClient::Holders { request, holders });
    }

    fn publish(&mut self, id: ClientId, request: u64, name: String, futures: &[FutureId], about: Vec<u8>) {
        let slots: Vec<u32> = self.slots_of(id, futures).collect();
        if slots.len() != futures.len() {
            let why = "some of the futures were released or cancelled".to_owned();
            self.outbox.tell(id, ToClient::Refused { request, why });
        } else if self.clients.published.contains_key(&name) {
            let why = format!("a dataset is called {name:?} already: unpublish it first");
            self.outbox.tell(id, ToClient::Refused { request, why });
        } else {
            slots.iter().for_each(|&slot| self.tasks[slot].wanted += 1);
            self.clients.published.insert(name.clone(), Published { slots, about });
            self.record_published(&name);
            self.outbox.tell(id, ToClient::Ok { request });
        }
    }

    fn dataset(&mut self, id: ClientId, request: u64, name: &str, first_future: FutureId) {
        let Some(published) = self.clients.published.get(name) else { return self.no_dataset(id, request, name) };
        let (slots, about) = (published.slots.clone(), published.about.clone());
        let keys = slots.iter().map(|&slot| self.key(slot)).collect();
        self.outbox.tell(id, ToClient::Dataset { request, keys, about });
        for (future, slot) in (first_future.0..).zip(slots) {
            let wish = (id, FutureId(future));
            self.add_wish(slot, wish);
            self.tell_state(slot, wish);
        }
    }

    fn no_dataset(&mut self, id: ClientId, request: u64, name: &str) {
        let known: Vec<&str> = self.clients.published.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "nothing is published".to_owned() } else { known.join(", ") };
        let why = format!("no dataset is called {name:?}; there is: {known}");
        self.outbox.tell(id, ToClient::Refused { request, why });
    }
}

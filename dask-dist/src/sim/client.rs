//! Who wants the results, fetches them and checks them.

use std::collections::{BTreeMap, BTreeSet};

use super::network::{CLIENT, SCHEDULER};
use super::{Happening, Sim, checkers};
use crate::protocol::{ClientId, Failure, FromClient, FutureId, TaskRef, ToClient, WorkerId};
use crate::scheduler::Event;

/// How far a future is.
#[derive(Clone, Debug)]
enum Wish {
    Waits,
    /// Said to be there.
    Done(TaskRef, WorkerId),
    Failed(Failure),
    /// Seen, and right.
    Seen,
}

/// Futures of published values are numbered from here on.
const PUBLISHED: u64 = 1 << 32;

/// A client.
pub(super) struct Client {
    pub(super) id: ClientId,
    wishes: Vec<Wish>,
    /// Futures of what it published, and has asked for after a restart; with the wish that each is the value of.
    published: BTreeMap<FutureId, (usize, Wish)>,
    /// Names that it published values under, and which wishes those are.
    names: BTreeMap<String, Vec<usize>>,
    n_requests: u64,
    /// Requests that are to be answered.
    open: BTreeSet<u64>,
    pub(super) gone: bool,
    /// It wants nothing any more.
    released: bool,
    /// Something has changed since the results were looked at.
    news: bool,
}

impl Client {
    pub(super) fn new(id: ClientId, n: usize) -> Self {
        Self {
            id,
            wishes: vec![Wish::Waits; n],
            published: BTreeMap::new(),
            names: BTreeMap::new(),
            n_requests: 0,
            open: BTreeSet::new(),
            gone: false,
            released: false,
            news: false,
        }
    }

    /// Its names are forgotten.
    fn unpublish(&mut self) -> Vec<FromClient> {
        let names = self.names.keys().cloned().collect::<Vec<_>>();
        names.into_iter().map(|name| FromClient::Unpublish { request: self.request(), name }).collect()
    }

    /// A number for a request that is to be answered.
    fn request(&mut self) -> u64 {
        self.n_requests += 1;
        self.open.insert(self.n_requests);
        self.n_requests
    }
}

impl Sim {
    pub(super) fn submit(&mut self, client: u32) {
        match self.workload.submission(0) {
            Ok((submit, functions)) => {
                let id = self.clients[client as usize].id;
                self.scheduler.handle(self.clock.now(), Event::Submit { client: id, submit, functions });
                self.flush();
            }
            Err(error) => self.broken = Some(error.to_string()),
        }
    }

    /// Nothing is wanted any more.
    pub(super) fn release(&mut self, client: u32) {
        let of = &mut self.clients[client as usize];
        of.released = true;
        let n = of.wishes.len() as u64;
        let futures = (0..n).map(FutureId).chain(of.published.keys().copied()).collect();
        let mut messages = vec![FromClient::Release(futures)];
        messages.extend(of.unpublish());
        self.say(client, messages);
    }

    /// The first client wants its values elsewhere too.
    pub(super) fn replicate(&mut self, n: u32) {
        let of = &mut self.clients[0];
        let (request, futures) = (of.request(), (0..of.wishes.len() as u64).map(FutureId).collect());
        self.say(0, vec![FromClient::Replicate { request, futures, n }]);
    }

    /// The first client wants values spread evenly.
    pub(super) fn rebalance(&mut self) {
        let request = self.clients[0].request();
        self.say(0, vec![FromClient::Rebalance { request }]);
    }

    /// The first client gives what it has a name.
    pub(super) fn publish(&mut self) {
        let of = &mut self.clients[0];
        if of.released {
            return;
        }
        let there: Vec<usize> = (0..of.wishes.len()).filter(|&at| matches!(of.wishes[at], Wish::Seen)).collect();
        let name = format!("some-{}", of.n_requests);
        let (request, futures) = (of.request(), there.iter().map(|&at| FutureId(at as u64)).collect());
        of.names.insert(name.clone(), there);
        self.say(0, vec![FromClient::Publish { request, name, futures, about: Vec::new() }]);
    }

    /// The second client cancels some of its futures.
    pub(super) fn cancel(&mut self, which: u64) {
        if let Some(of) = self.clients.get(1).filter(|of| !of.gone) {
            let futures = (0..of.wishes.len() as u64).filter(|at| which >> (at % 64) & 1 == 1).map(FutureId).collect();
            self.outcome.n_cancels += 1;
            self.say(1, vec![FromClient::Cancel(futures)]);
        }
    }

    /// Clients of a scheduler that was started again ask again: for their graph, and the first for what it published.
    pub(super) fn connect_again(&mut self) {
        let now = self.clock.now();
        for client in 0..self.clients.len() {
            if self.clients[client].gone {
                continue;
            }
            let of = &mut self.clients[client];
            of.id = self.scheduler.add_client(now);
            of.wishes.fill(Wish::Waits);
            of.open.clear();
            of.published.clear();
            // Whether the last was written down before the end is not known.
            let known = self.scheduler.published_names();
            of.names.retain(|name, _| known.contains(name));
            if of.released {
                let messages = of.unpublish();
                self.say(client as u32, messages);
                continue;
            }
            let mut messages = Vec::new();
            for (name, wishes) in of.names.clone() {
                let first_future = FutureId(PUBLISHED + of.published.len() as u64);
                let futures = (first_future.0..).map(FutureId).zip(wishes);
                of.published.extend(futures.map(|(future, at)| (future, (at, Wish::Waits))));
                messages.push(FromClient::Dataset { request: of.request(), name, first_future });
            }
            self.submit(client as u32);
            self.say(client as u32, messages);
        }
    }

    pub(super) fn say(&mut self, client: u32, messages: Vec<FromClient>) {
        let at = self.network.message(self.clock.now(), CLIENT, SCHEDULER);
        self.clock.at(at, Happening::FromClient(client, messages));
    }

    pub(super) fn hear_client(&mut self, client: u32, messages: Vec<FromClient>) {
        let client = &self.clients[client as usize];
        if client.gone {
            return;
        }
        for message in messages {
            self.scheduler.handle(self.clock.now(), Event::Client(client.id, message));
        }
        self.flush();
    }

    pub(super) fn lose_client(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client)
            && !client.gone
        {
            client.gone = true;
            self.scheduler.handle(self.clock.now(), Event::ClientLost(client.id));
            self.flush();
        }
    }

    pub(super) fn tell_client(&mut self, client: u32, messages: Vec<ToClient>) {
        let of = &mut self.clients[client as usize];
        of.news = true;
        for message in messages {
            let (future, wish) = match message {
                ToClient::Done { future, task, holder, .. } => (future, Wish::Done(task, holder)),
                ToClient::Failed { future, failure, .. } => (future, Wish::Failed(failure)),
                ToClient::Lost { future } => (future, Wish::Waits),
                ToClient::SubmitRefused { why, .. } => {
                    self.broken = Some(format!("the graph was refused: {why}"));
                    continue;
                }
                ToClient::Ok { request } | ToClient::Dataset { request, .. } => {
                    of.open.remove(&request);
                    continue;
                }
                ToClient::Refused { request, why } => {
                    of.open.remove(&request);
                    self.broken = Some(format!("a request was refused: {why}"));
                    continue;
                }
                _ => continue,
            };
            let known = match of.published.get_mut(&future) {
                Some((_, wish)) => wish,
                None => &mut of.wishes[future.0 as usize],
            };
            if !matches!(known, Wish::Seen) {
                *known = wish;
            }
        }
    }

    /// Fetches what is said to be there; whether all has been seen.
    pub(super) fn results_are_there(&mut self) -> Result<bool, String> {
        let mut all = true;
        for client in 0..self.clients.len() {
            if self.clients[client].gone {
                continue;
            }
            if std::mem::take(&mut self.clients[client].news) {
                self.look(client)?;
            }
            let of = &self.clients[client];
            let mut wishes = of.wishes.iter().chain(of.published.values().map(|(_, wish)| wish));
            all &= wishes.all(|wish| matches!(wish, Wish::Seen | Wish::Failed(_))) && of.open.is_empty();
        }
        Ok(all)
    }

    fn look(&mut self, client: usize) -> Result<(), String> {
        let (mut missing, mut again, mut n_failed) = (Vec::new(), Vec::new(), 0);
        let of = &mut self.clients[client];
        let outputs = &self.workload.outputs;
        let wanted = (0u64..).map(FutureId).zip(0..).zip(&mut of.wishes).map(|((future, at), wish)| (future, at, wish));
        let published = of.published.iter_mut().map(|(&future, (at, wish))| (future, *at, wish));
        for (future, at, wish) in wanted.chain(published) {
            let (stage, position) = outputs[at];
            let expected = self.expected[stage][position as usize];
            match wish {
                Wish::Done(task, holder) => {
                    if let Some(stored) = self.hosts[holder.idx()].store.get(task) {
                        checkers::results::check_value(Some(stored.value), expected)?;
                        *wish = Wish::Seen;
                    } else {
                        missing.push(FromClient::Missing { future, at: vec![*holder] });
                        *wish = Wish::Waits;
                    }
                }
                // Somebody else did not want it any more.
                Wish::Failed(Failure::Cancelled) if client == 0 && self.outcome.n_cancels != 0 => {
                    again.push(future);
                    *wish = Wish::Waits;
                }
                Wish::Failed(failure) => {
                    let causes = checkers::results::Causes {
                        n_deaths: self.outcome.n_deaths,
                        allowed: self.settings.scheduler.allowed_failures,
                        n_cancels: self.outcome.n_cancels,
                        n_restarts: self.outcome.n_restarts,
                    };
                    checkers::results::check_failure(failure, expected, &causes)?;
                    n_failed += 1;
                }
                Wish::Waits | Wish::Seen => {}
            }
        }
        if client == 0 {
            self.outcome.n_failed = n_failed;
        }
        if !again.is_empty() {
            missing.push(FromClient::Retry(again));
        }
        if !missing.is_empty() {
            self.say(client as u32, missing);
        }
        Ok(())
    }
}

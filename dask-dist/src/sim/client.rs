//! Who wants the results, fetches them and checks them.

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

/// A client.
pub(super) struct Client {
    pub(super) id: ClientId,
    wishes: Vec<Wish>,
    pub(super) gone: bool,
    /// Something has changed since the results were looked at.
    news: bool,
}

impl Client {
    pub(super) fn new(id: ClientId, n: usize) -> Self {
        Self { id, wishes: vec![Wish::Waits; n], gone: false, news: false }
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

    pub(super) fn release(&mut self, client: u32) {
        let n = self.clients[client as usize].wishes.len() as u64;
        self.say(client, vec![FromClient::Release((0..n).map(FutureId).collect())]);
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
                _ => continue,
            };
            let known = &mut of.wishes[future.0 as usize];
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
            all &= self.clients[client].wishes.iter().all(|wish| matches!(wish, Wish::Seen | Wish::Failed(_)));
        }
        Ok(all)
    }

    fn look(&mut self, client: usize) -> Result<(), String> {
        let (mut missing, mut n_failed) = (Vec::new(), 0);
        for (at, &(stage, position)) in self.workload.outputs.iter().enumerate() {
            let expected = self.expected[stage][position as usize];
            let wish = &mut self.clients[client].wishes[at];
            match wish {
                Wish::Done(task, holder) => {
                    if let Some(stored) = self.hosts[holder.idx()].store.get(task) {
                        checkers::results::check_value(Some(stored.value), expected)?;
                        *wish = Wish::Seen;
                    } else {
                        missing.push(FromClient::Missing { future: FutureId(at as u64), at: vec![*holder] });
                        *wish = Wish::Waits;
                    }
                }
                Wish::Failed(failure) => {
                    let allowed = self.settings.scheduler.allowed_failures;
                    checkers::results::check_failure(failure, expected, self.outcome.n_deaths, allowed)?;
                    n_failed += 1;
                }
                Wish::Waits | Wish::Seen => {}
            }
        }
        if client == 0 {
            self.outcome.n_failed = n_failed;
        }
        if !missing.is_empty() {
            self.say(client as u32, missing);
        }
        Ok(())
    }
}

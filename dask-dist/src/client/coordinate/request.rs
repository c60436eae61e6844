//! A request that waits for its turn. If nobody waits for the answer any more, it is withdrawn, and what was given is
//! given back.

use std::sync::Arc;

use dask_core::{Error, Result};
use tokio::sync::oneshot::Receiver;

use super::super::connection::{Connection, Reply};
use crate::DistError;
use crate::client::wish::Wish;
use crate::protocol::{Ask, FromClient, Given, Item, Told};

/// The answer, and the future that came with it.
pub(super) type Answered = (Told, Option<Arc<Wish>>);

pub(super) struct Request {
    connection: Arc<Connection>,
    number: u64,
    answer: Option<Receiver<Result<Reply>>>,
    error: Option<Error>,
}

impl Request {
    /// Asks at once.
    pub(super) fn new(connection: &Arc<Connection>, ask: Ask<Item>) -> Self {
        let (number, sent, answer) = connection.ask_coordinate(ask);
        Self { connection: connection.clone(), number, answer: Some(answer), error: sent.err() }
    }

    /// Waits for the answer; an error if it was refused.
    pub(super) async fn told(mut self) -> Result<Answered> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let lost = || DistError::NoAnswer { what: "an answer of the scheduler's" };
        // Stays here while it is waited for, so that dropping this withdraws it.
        let reply = match &mut self.answer {
            Some(answer) => answer.await,
            None => return Err(lost().into()),
        };
        self.answer = None;
        match reply.map_err(|_| lost())?? {
            Reply::Coordinated { told: Told::Refused(why), .. } => Err(DistError::Declined { why }.into()),
            Reply::Coordinated { told, wish } => Ok((told, wish)),
            _ => Err(lost().into()),
        }
    }

    /// As [`told`](Request::told), where there is nothing to be told.
    pub(super) async fn done(self) -> Result<()> {
        self.told().await.map(drop)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let Some(mut answer) = self.answer.take() else { return };
        answer.close();
        match answer.try_recv() {
            Ok(Ok(Reply::Coordinated { told, wish })) => give_back(&self.connection, told, wish.as_ref()),
            Ok(_) => {}
            Err(_) => {
                let withdraw = |request| FromClient::Coordinate { request, ask: Ask::Withdraw { of: self.number } };
                drop(self.connection.ask(withdraw));
            }
        }
    }
}

/// Nobody has taken this.
pub(in crate::client) fn give_back(connection: &Arc<Connection>, told: Told, wish: Option<&Arc<Wish>>) {
    let ask = match told {
        Told::Lease(lease) => Ask::Release { lease },
        Told::Subscribed(subscription) => Ask::Unsubscribe { subscription },
        Told::Item { queue: Some(name), item: Given::Value(value) } => Ask::GiveBack { name, item: Item::Value(value) },
        Told::Item { queue: Some(name), item: Given::Future { type_name, shape, .. } } => match wish {
            Some(wish) => Ask::GiveBack { name, item: Item::Future { future: wish.id, type_name, shape } },
            None => return,
        },
        _ => return,
    };
    // The answer is of no interest.
    drop(connection.ask(|request| FromClient::Coordinate { request, ask }));
}

//! Topics.

use std::sync::Arc;

use dask_core::Data;

use super::item::{pack, value};
use super::request::Request;
use crate::DistError;
use crate::client::connection::Connection;
use crate::client::{Answer, Client};
use crate::protocol::{Ask, FromClient, Told};

/// Tells all subscribers of a topic.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let heard = client.subscribe("losses").wait()?;
/// assert_eq!(client.publisher("losses").send(0.5f64).wait()?, 1);
/// assert_eq!(heard.next::<f64>().wait()?, 0.5);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Client,
    topic: String,
}

/// Hears what is published from its start on. Of messages that are not fetched the last 10,000 are kept.
pub struct Subscription {
    connection: Arc<Connection>,
    number: u64,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subscription({})", self.number)
    }
}

impl Client {
    /// Publishes on a topic.
    pub fn publisher(&self, topic: &str) -> Publisher {
        Publisher { client: self.clone(), topic: topic.to_owned() }
    }

    /// Subscribes to a topic.
    pub fn subscribe(&self, topic: &str) -> Answer<Subscription> {
        let connection = self.connection.clone();
        let request = Request::new(&connection, Ask::Subscribe { topic: topic.to_owned() });
        Answer::new(&self.connection, async move {
            match request.told().await?.0 {
                Told::Subscribed(number) => Ok(Subscription { connection, number }),
                _ => Err(DistError::NoAnswer { what: "a subscription" }.into()),
            }
        })
    }
}

impl Publisher {
    /// Sends a value to all subscribers of now; how many there are.
    pub fn send<T: Data>(&self, message: T) -> Answer<u64> {
        let message = match pack(&self.topic, message) {
            Ok(message) => message,
            Err(error) => return Answer::ready(error),
        };
        let request = Request::new(&self.client.connection, Ask::Publish { topic: self.topic.clone(), message });
        Answer::new(&self.client.connection, async move {
            match request.told().await?.0 {
                Told::Count(n) => Ok(n),
                _ => Err(DistError::NoAnswer { what: "the number of subscribers" }.into()),
            }
        })
    }
}

impl Subscription {
    /// The next message; one waits at a time. Fails if it is of another type.
    pub fn next<T: Data + Clone>(&self) -> Answer<T> {
        let request = Request::new(&self.connection, Ask::Next { subscription: self.number });
        Answer::new(&self.connection, async move {
            value(request.told().await?).await?.ok_or_else(|| DistError::NoAnswer { what: "a message" }.into())
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let ask = Ask::Unsubscribe { subscription: self.number };
        // A scheduler that is gone has no subscriptions.
        drop(self.connection.ask(|request| FromClient::Coordinate { request, ask }));
    }
}

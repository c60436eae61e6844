//! Events.

use super::request::Request;
use crate::DistError;
use crate::client::{Answer, Client};
use crate::protocol::{Ask, Told};

/// Set or not, over the whole cluster.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let go = client.event("go");
/// let waiting = go.wait_set();
/// go.set().wait()?;
/// waiting.wait()?;
/// assert!(go.is_set().wait()?);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    client: Client,
    name: String,
}

impl Client {
    /// The event of this name; not set at first.
    pub fn event(&self, name: &str) -> Event {
        Event { client: self.clone(), name: name.to_owned() }
    }
}

impl Event {
    fn ask(&self, ask: Ask<crate::protocol::Item>) -> Answer<()> {
        Answer::new(&self.client.connection, Request::new(&self.client.connection, ask).done())
    }

    /// Waits until it is set.
    pub fn wait_set(&self) -> Answer<()> {
        self.ask(Ask::Await { name: self.name.clone() })
    }

    /// Sets it: all who wait go on.
    pub fn set(&self) -> Answer<()> {
        self.ask(Ask::Set { name: self.name.clone(), set: true })
    }

    /// Clears it.
    pub fn clear(&self) -> Answer<()> {
        self.ask(Ask::Set { name: self.name.clone(), set: false })
    }

    /// Whether it is set.
    pub fn is_set(&self) -> Answer<bool> {
        let request = Request::new(&self.client.connection, Ask::IsSet { name: self.name.clone() });
        Answer::new(&self.client.connection, async move {
            match request.told().await?.0 {
                Told::Count(n) => Ok(n != 0),
                _ => Err(DistError::NoAnswer { what: "whether an event is set" }.into()),
            }
        })
    }
}

//! Variables.

use dask_core::Data;

use super::item::{future, pack, refer, value};
use super::request::Request;
use crate::DistError;
use crate::client::{Answer, Client, Future};
use crate::protocol::{Ask, Item};

/// One content for the whole cluster: a small value, or a future, which is kept while it is in there.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let best = client.variable("best");
/// best.set(3i64).wait()?;
/// assert_eq!(best.get::<i64>().wait()?, 3);
/// best.set_future(&client.submit(|x: i64| x * x, (5,))?).wait()?;
/// assert_eq!(best.get_future::<i64>().wait()?.result()?, 25);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Variable {
    client: Client,
    name: String,
}

impl Client {
    /// The variable of this name; empty at first.
    pub fn variable(&self, name: &str) -> Variable {
        Variable { client: self.clone(), name: name.to_owned() }
    }
}

impl Variable {
    fn assign(&self, item: dask_core::Result<Item>) -> Answer<()> {
        match item {
            Ok(item) => self.ask(Ask::Assign { name: self.name.clone(), item }),
            Err(error) => Answer::ready(error),
        }
    }

    fn ask(&self, ask: Ask<Item>) -> Answer<()> {
        Answer::new(&self.client.connection, Request::new(&self.client.connection, ask).done())
    }

    fn read(&self) -> Request {
        let future = self.client.connection.new_ids(1);
        Request::new(&self.client.connection, Ask::Read { name: self.name.clone(), future })
    }

    /// Sets it to a value.
    pub fn set<T: Data>(&self, value: T) -> Answer<()> {
        self.assign(pack(&self.name, value).map(Item::Value))
    }

    /// Sets it to a future, made or not.
    pub fn set_future<T>(&self, future: &Future<T>) -> Answer<()> {
        self.assign(refer(&self.client, future))
    }

    /// The value, when there is one; that of the future if it is one. Fails if it is of another type.
    pub fn get<T: Data + Clone>(&self) -> Answer<T> {
        let request = self.read();
        Answer::new(&self.client.connection, async move {
            let found = value(request.told().await?).await?;
            found.ok_or_else(|| DistError::NoAnswer { what: "a variable" }.into())
        })
    }

    /// The future, when there is one. Fails if it is something else.
    pub fn get_future<T: 'static>(&self) -> Answer<Future<T>> {
        let (request, connection) = (self.read(), self.client.connection.clone());
        let what = format!("variable {:?}", self.name);
        Answer::new(&self.client.connection, async move {
            let found = future(&connection, &what, request.told().await?)?;
            found.ok_or_else(|| DistError::NoAnswer { what: "a variable" }.into())
        })
    }

    /// Empties it.
    pub fn delete(&self) -> Answer<()> {
        self.ask(Ask::Delete { name: self.name.clone() })
    }
}

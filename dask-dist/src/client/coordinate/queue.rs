//! Queues.

use dask_core::{Data, Result};

use super::item::{future, pack, refer, value};
use super::request::Request;
use crate::DistError;
use crate::client::{Answer, Client, Future};
use crate::protocol::{Ask, Item, Told};

/// First in, first out, over the whole cluster: small values, and futures, which are kept while they are in there.
///
/// An answer that is dropped before it has come, as after [`within`](Answer::within), takes nothing out; if the item
/// was on its way, it goes back to the front.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let queue = client.queue("jobs", 10);
/// queue.put(1i64).wait()?;
/// queue.put_future(&client.submit(|x: i64| x + 1, (1,))?).wait()?;
/// assert_eq!((queue.get::<i64>().wait()?, queue.get::<i64>().wait()?), (1, 2));
/// assert_eq!(queue.try_get::<i64>().wait()?, None);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    name: String,
    max: u32,
}

impl Client {
    /// The queue of this name, which holds at most `max` items; any number if 0. All who put must say the same.
    pub fn queue(&self, name: &str, max: u32) -> Queue {
        Queue { client: self.clone(), name: name.to_owned(), max }
    }
}

impl Queue {
    fn put_item(&self, item: Result<Item>) -> Answer<()> {
        let connection = &self.client.connection;
        match item {
            Ok(item) => {
                let ask = Ask::Put { name: self.name.clone(), max: Some(self.max), item };
                Answer::new(connection, Request::new(connection, ask).done())
            }
            Err(error) => Answer::ready(error),
        }
    }

    fn take(&self, wait: bool) -> Request {
        let future = self.client.connection.new_ids(1);
        Request::new(&self.client.connection, Ask::Take { name: self.name.clone(), future, wait })
    }

    /// Puts a value in, when there is room.
    pub fn put<T: Data>(&self, value: T) -> Answer<()> {
        self.put_item(pack(&self.name, value).map(Item::Value))
    }

    /// Puts a future in, made or not, when there is room.
    pub fn put_future<T>(&self, future: &Future<T>) -> Answer<()> {
        self.put_item(refer(&self.client, future))
    }

    /// Takes the oldest item, when there is one; its value if it is a future.
    pub fn get<T: Data + Clone>(&self) -> Answer<T> {
        let request = self.take(true);
        Answer::new(&self.client.connection, async move {
            value(request.told().await?).await?.ok_or_else(|| DistError::NoAnswer { what: "an item" }.into())
        })
    }

    /// Takes the oldest item, if there is one now.
    pub fn try_get<T: Data + Clone>(&self) -> Answer<Option<T>> {
        let request = self.take(false);
        Answer::new(&self.client.connection, async move { value(request.told().await?).await })
    }

    /// Takes the oldest item, which must be a future, when there is one; anything else stays in there.
    pub fn get_future<T: 'static>(&self) -> Answer<Future<T>> {
        let (request, connection) = (self.take(true), self.client.connection.clone());
        let what = format!("an item of queue {:?}", self.name);
        Answer::new(&self.client.connection, async move {
            let found = future(&connection, &what, request.told().await?)?;
            found.ok_or_else(|| DistError::NoAnswer { what: "an item" }.into())
        })
    }

    /// How many items are in it.
    pub fn n_items(&self) -> Answer<u64> {
        let request = Request::new(&self.client.connection, Ask::Length { name: self.name.clone() });
        Answer::new(&self.client.connection, async move {
            match request.told().await?.0 {
                Told::Count(n) => Ok(n),
                _ => Err(DistError::NoAnswer { what: "the length of a queue" }.into()),
            }
        })
    }
}

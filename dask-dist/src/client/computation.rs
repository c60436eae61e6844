//! A collection that is being computed on the cluster.

use std::sync::Arc;

use dask_core::{Collection, Result};

use super::Client;
use super::answer::{Answer, block_on};
use super::as_completed::ended;
use super::connection::Connection;
use super::gather::gather;
use super::wish::{Progress, Wish};
use crate::protocol::FromClient;

/// A collection that is being computed on the cluster, where its blocks stay until this is dropped.
///
/// ```
/// use dask_core::delayed;
/// use dask_dist::Client;
/// fn inc(x: i64) -> i64 { x + 1 }
///
/// let client = Client::local()?;
/// let pair = client.compute(&(delayed!(inc(1)), delayed!(inc(2))))?;
/// assert_eq!(pair.result()?, (2, 3));
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Computation<C> {
    collection: C,
    wishes: Vec<Arc<Wish>>,
    connection: Arc<Connection>,
}

impl<C> Computation<C> {
    pub(super) fn new(collection: C, wishes: Vec<Arc<Wish>>, client: &Client) -> Self {
        Self { collection, wishes, connection: client.connection.clone() }
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(super) fn wishes(&self) -> &[Arc<Wish>] {
        &self.wishes
    }

    /// How many blocks have ended, well or badly, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        let ended = self.wishes.iter().filter(|wish| !matches!(wish.progress(), Progress::Pending)).count();
        (ended, self.wishes.len())
    }

    /// Stops it, whoever else wants its blocks.
    ///
    /// # Errors
    /// If the scheduler is gone.
    pub fn cancel(&self) -> Result<()> {
        self.wishes.iter().for_each(|wish| wish.cancel());
        self.connection.send(FromClient::Cancel(self.wishes.iter().map(|wish| wish.id).collect()), Vec::new())
    }

    /// Waits until all blocks have ended, well or badly.
    pub fn ended(&self) -> Answer<()> {
        let wishes = self.wishes.clone();
        Answer::new(&self.connection, async move {
            ended(wishes).await;
            Ok(())
        })
    }
}

impl<C: Collection> Computation<C> {
    /// The result; waits for it on this thread.
    ///
    /// # Errors
    /// The first block that failed, with the key of the task; if it was cancelled; if the scheduler is gone.
    pub fn result(&self) -> Result<C::Output> {
        self.collection.assemble(block_on(gather(self.wishes.clone()))?)
    }
}

impl<C: Collection + Send + 'static> IntoFuture for Computation<C>
where
    C::Output: Send + 'static,
{
    type Output = Result<C::Output>;
    type IntoFuture = Answer<C::Output>;
    fn into_future(self) -> Answer<C::Output> {
        let values = gather(self.wishes);
        let collection = self.collection;
        Answer::new(&self.connection, async move {
            let values = values.await?;
            collection.assemble(values)
        })
    }
}

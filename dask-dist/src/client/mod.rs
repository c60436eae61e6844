//! The client: futures of results on a cluster, and collections that compute there.
//!
//! A thread of its own talks to the scheduler and to the workers that have data. Everything can be waited for on a
//! thread or awaited in any async runtime; see [`Answer`].

mod actor; // a state on one worker
mod answer; // what will be known later
mod argument; // futures and actors as arguments
mod as_completed; // futures in the order in which they end
mod as_scheduler; // collections compute on the cluster
mod computation; // a collection that is being computed
mod connection; // the thread, the table of wishes, questions
mod coordinate; // locks, events, variables, queues, topics
mod current; // the client inside a task
mod datasets; // results under a name
mod future; // a typed result
mod gather; // results brought here
mod manage; // questions about the cluster
mod options; // priorities, retries, restrictions
mod peers; // links to workers
mod remote; // a result as a value of a collection
mod report; // what is known, as a page
mod scatter; // values sent to workers
mod submit; // work for the cluster
mod watch; // how far work is, for observers
mod wish; // what is known of one result

use std::any::Any;
use std::sync::Arc;

use dask_core::Result;

pub use actor::{Actor, ActorFuture, Method};
pub use answer::Answer;
pub use as_completed::{AsCompleted, as_completed};
pub use computation::Computation;
pub use coordinate::{Event, Lease, Lock, Publisher, Queue, Semaphore, Subscription, Variable};
pub use future::{Future, Status};
pub use options::Options;
#[cfg(feature = "dashboard")]
pub(crate) use report::write_page;
pub use scatter::Spread;

use crate::DistError;
use crate::shell::comm_settings;
use crate::transport::{Address, CommSettings, Role};
use connection::Connection;
use wish::Wish;

/// A connection to a cluster. Clones are the same client; it ends when the last clone, future and persisted
/// collection of it is dropped, or with [`close`](Client::close).
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let squares = client.map(|x: i64| x * x, 0..10)?;
/// let total = client.submit(|squares: Vec<i64>| squares.iter().sum::<i64>(), (squares,))?;
/// assert_eq!(total.result()?, 285);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    connection: Arc<Connection>,
    options: Arc<Options>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.connection.address())
    }
}

impl Client {
    /// Connects to a scheduler, such as `tcp://127.0.0.1:8786`.
    ///
    /// # Errors
    /// An address that is none; nobody there; a scheduler of another version.
    pub fn connect(address: &str) -> Result<Self> {
        Self::connect_with(address, comm_settings(Role::Client)?)
    }

    /// As [`connect`](Client::connect), with limits, patience and [`Security`](crate::Security) of its own rather than
    /// as configured.
    ///
    /// ```
    /// use dask_dist::transport::CommSettings;
    /// use dask_dist::{Client, LocalCluster, Security};
    /// let security = Security::default().token("correct horse battery staple")?;
    /// let cluster = LocalCluster::builder().workers(1).processes(true).security(security.clone()).start()?;
    /// let address = cluster.address().to_string();
    /// assert!(Client::connect(&address).is_err());
    /// let client = Client::connect_with(&address, CommSettings { security, ..CommSettings::default() })?;
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`connect`](Client::connect); no trust between the two.
    pub fn connect_with(address: &str, settings: CommSettings) -> Result<Self> {
        Self::open(address.parse::<Address>()?, settings)
    }

    /// As [`connect`](Client::connect), to be awaited.
    ///
    /// # Errors
    /// As [`connect`](Client::connect).
    pub async fn connect_async(address: &str) -> Result<Self> {
        let address = address.parse::<Address>()?;
        Ok(Self::of(Connection::open(address, comm_settings(Role::Client)?).await?))
    }

    /// A cluster of workers on threads of this process, one a core; it ends with the client. See
    /// [`LocalCluster`](crate::LocalCluster) for more.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub fn local() -> Result<Self> {
        let cluster = crate::LocalCluster::builder().start()?;
        let client = cluster.client()?;
        client.keep(cluster);
        Ok(client)
    }

    pub(crate) fn open(address: Address, settings: CommSettings) -> Result<Self> {
        Ok(Self::of(answer::block_on(Connection::open(address, settings))?))
    }

    fn of(connection: Arc<Connection>) -> Self {
        Self { connection, options: Arc::default() }
    }

    /// The same client, for work that is treated in another way.
    #[must_use]
    pub fn with(&self, options: Options) -> Self {
        Self { connection: self.connection.clone(), options: Arc::new(options) }
    }

    /// The scheduler's address.
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    /// Ends the connection now: futures that are pending fail, and the cluster forgets what only this client wanted.
    pub fn close(self) {
        self.connection.close();
    }

    /// Keeps something until the connection ends: the cluster it leads to.
    pub(crate) fn keep(&self, cluster: impl Any + Send) {
        self.connection.keep(Box::new(cluster));
    }

    fn check_ours(&self, wish: &Arc<Wish>) -> Result<()> {
        if Arc::ptr_eq(&wish.connection, &self.connection) {
            return Ok(());
        }
        Err(DistError::OtherClient { key: Box::new(wish.key.clone()) }.into())
    }
}

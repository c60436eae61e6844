//! Locks and semaphores.

use std::sync::Arc;

use dask_core::Result;

use super::request::Request;
use crate::DistError;
use crate::client::connection::Connection;
use crate::client::{Answer, Client};
use crate::protocol::{Ask, FromClient, Told};
use crate::shell::current_worker;

/// At most so many leases at a time, over the whole cluster.
#[derive(Clone, Debug)]
pub struct Semaphore {
    client: Client,
    name: String,
    max: u32,
}

/// One at a time, over the whole cluster.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let lock = client.lock("the printer");
/// let held = lock.acquire().wait()?;
/// assert!(lock.try_acquire().wait()?.is_none());
/// held.release().wait()?;
/// assert!(lock.try_acquire().wait()?.is_some());
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lock(Semaphore);

/// What was acquired; released when dropped. It expires with its holder: the client's connection, the worker whose
/// task acquired it, or heartbeats that do not come (`Settings::lease_timeout` of the scheduler).
#[must_use = "dropped, it is released"]
pub struct Lease {
    connection: Arc<Connection>,
    number: u64,
    is_released: bool,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({})", self.number)
    }
}

impl Lease {
    /// Larger than that of every earlier lease of the scheduler: what is protected can refuse those who come late.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Gives it back. Fails if it had expired: somebody else may have had it meanwhile.
    pub fn release(mut self) -> Answer<()> {
        self.is_released = true;
        let request = Request::new(&self.connection, Ask::Release { lease: self.number });
        Answer::new(&self.connection, request.done())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_released {
            let ask = Ask::Release { lease: self.number };
            // It may have expired, and then there is nothing to be done.
            drop(self.connection.ask(|request| FromClient::Coordinate { request, ask }));
        }
    }
}

impl Client {
    /// The lock of this name.
    pub fn lock(&self, name: &str) -> Lock {
        Lock(Semaphore { client: self.clone(), name: format!("lock {name}"), max: 1 })
    }

    /// The semaphore of this name, with so many leases; all who use it at a time must say the same number.
    pub fn semaphore(&self, name: &str, n_leases: u32) -> Semaphore {
        Semaphore { client: self.clone(), name: format!("semaphore {name}"), max: n_leases }
    }
}

impl Semaphore {
    fn ask(&self, wait: bool) -> Answer<Option<Lease>> {
        let worker = current_worker().map(|worker| worker.worker);
        let ask = Ask::Acquire { name: self.name.clone(), max: self.max, worker, wait };
        let connection = self.client.connection.clone();
        let request = Request::new(&connection, ask);
        Answer::new(&self.client.connection, async move {
            match request.told().await?.0 {
                Told::Lease(number) => Ok(Some(Lease { connection, number, is_released: false })),
                Told::Nothing => Ok(None),
                _ => Err(DistError::NoAnswer { what: "a lease" }.into()),
            }
        })
    }

    /// Waits for a lease; in the order of asking. With [`within`](Answer::within) a limit, after which it is not
    /// acquired.
    pub fn acquire(&self) -> Answer<Lease> {
        let asked = self.ask(true);
        Answer::new(&self.client.connection, async move {
            asked.await?.ok_or_else(|| DistError::NoAnswer { what: "a lease" }.into())
        })
    }

    /// A lease, if one is free now.
    pub fn try_acquire(&self) -> Answer<Option<Lease>> {
        self.ask(false)
    }
}

impl Lock {
    /// Waits for it; see [`Semaphore::acquire`].
    pub fn acquire(&self) -> Answer<Lease> {
        self.0.acquire()
    }

    /// It, if it is free now.
    pub fn try_acquire(&self) -> Answer<Option<Lease>> {
        self.0.try_acquire()
    }

    /// Runs `f` while holding it.
    ///
    /// # Errors
    /// If it cannot be acquired, or has expired meanwhile.
    pub fn with<T>(&self, f: impl FnOnce() -> T) -> Result<T> {
        let lease = self.acquire().wait()?;
        let value = f();
        lease.release().wait()?;
        Ok(value)
    }
}

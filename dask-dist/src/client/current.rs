//! The client of the cluster on which a task runs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dask_core::Result;

use super::Client;
use crate::DistError;
use crate::shell::current_worker;

/// The clients of the workers of this process, by the worker's address: made when a task first asks for one.
static OF_WORKERS: Mutex<Option<HashMap<String, Client>>> = Mutex::new(None);

impl Client {
    /// Inside a task: a client of the cluster on which it runs, the same for all tasks of the worker. What it submits
    /// is computed by the same workers; a task that waits for results leaves the worker's threads meanwhile (see
    /// [`secede`](crate::shell::secede)), so that they can be computed.
    ///
    /// ```
    /// use dask_dist::Client;
    /// fn fibonacci(n: u64) -> u64 {
    ///     if n < 2 {
    ///         return n;
    ///     }
    ///     let client = Client::current().expect("inside a task");
    ///     let parts = client.map(fibonacci, [n - 1, n - 2]).expect("a cluster that is there");
    ///     client.gather(&parts).wait().expect("parts that do not fail").into_iter().sum()
    /// }
    ///
    /// let client = Client::local()?;
    /// assert_eq!(client.submit(fibonacci, (6,))?.result()?, 8);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Outside a task of a cluster; if the scheduler cannot be reached.
    pub fn current() -> Result<Self> {
        let worker = current_worker().ok_or(DistError::NotInTask)?;
        let mut clients = OF_WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = clients.get_or_insert_default();
        if let Some(client) = clients.get(&worker.worker).filter(|client| !client.connection.is_gone()) {
            return Ok(client.clone());
        }
        // Those of clusters that have ended go.
        clients.retain(|_, client| !client.connection.is_gone());
        let client = Self::connect_with(&worker.scheduler, worker.comm)?;
        clients.insert(worker.worker, client.clone());
        Ok(client)
    }
}

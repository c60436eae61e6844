//! More workers, or fewer, without losing values.

use std::sync::PoisonError;
use std::time::Duration;

use dask_core::Result;

use super::LocalCluster;
use crate::DistError;
use crate::client::Client;
use crate::protocol::WorkerInfo;

/// How often it is looked whether workers have gone.
const EVERY: Duration = Duration::from_millis(2);

impl LocalCluster {
    /// Starts workers, or asks the idlest to leave, until there are `n`; waits for it. Those that leave finish what
    /// they run and hand over what only they hold.
    ///
    /// ```
    /// use dask_dist::LocalCluster;
    /// let mut cluster = LocalCluster::builder().workers(3).start()?;
    /// let client = cluster.client()?;
    /// let squares = client.map(|x: i64| x * x, 0..10)?;
    /// cluster.scale(1)?;
    /// assert_eq!(client.gather(&squares).wait()?.iter().sum::<i64>(), 285);
    /// cluster.scale(2)?;
    /// assert_eq!(cluster.n_workers(), 2);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `n` is 0; if workers do not start; if the scheduler is gone.
    pub fn scale(&mut self, n: usize) -> Result<()> {
        if n == 0 {
            let why = "a cluster without workers can hold no values: scale to 1 or more, or close it".to_owned();
            return Err(DistError::Other(why).into());
        }
        let client = self.client()?;
        let mut workers = client.workers().wait()?;
        for _ in workers.len()..n {
            self.start_worker()?;
        }
        self.wait_for_workers(n)?;
        let n_leaving = workers.len().saturating_sub(n);
        workers.sort_unstable_by_key(|worker| (worker.n_processing, worker.n_held, worker.id));
        workers.truncate(n_leaving);
        self.retire(&client, &workers)
    }

    /// Asks one worker to leave, by its name, and waits until it has: it finishes what it runs and hands over what
    /// only it holds.
    ///
    /// # Errors
    /// If there is no such worker, or it is the last one; if the scheduler is gone.
    pub fn retire_worker(&mut self, name: &str) -> Result<()> {
        let client = self.client()?;
        let workers = client.workers().wait()?;
        let Some(worker) = workers.iter().find(|worker| worker.name == name) else {
            let names: Vec<&str> = workers.iter().map(|worker| worker.name.as_str()).collect();
            return Err(
                DistError::Other(format!("no worker is called {name:?}; there is: {}", names.join(", "))).into()
            );
        };
        if workers.len() == 1 {
            let why = format!("{name:?} is the last worker, nobody can take its values: start another one first");
            return Err(DistError::Other(why).into());
        }
        self.retire(&client, std::slice::from_ref(worker))
    }

    /// Asks these to leave and waits until they have.
    fn retire(&self, client: &Client, leaving: &[WorkerInfo]) -> Result<()> {
        if leaving.is_empty() {
            return Ok(());
        }
        let processes = leaving.iter().map(|worker| worker.process);
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).extend(processes);
        client.retire(leaving.iter().map(|worker| worker.id)).wait()?;
        while client.workers().wait()?.iter().any(|worker| leaving.iter().any(|gone| gone.id == worker.id)) {
            std::thread::sleep(EVERY);
        }
        Ok(())
    }
}

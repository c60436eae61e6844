//! More workers, or fewer, without losing values.

use std::sync::PoisonError;
use std::time::Duration;

use dask_core::Result;

use super::{Adapting, Adaptive, Deploy, LocalCluster};
use crate::DistError;
use crate::client::Client;
use crate::protocol::WorkerInfo;

/// How often it is looked whether workers have gone.
const EVERY: Duration = Duration::from_millis(2);

impl LocalCluster {
    /// Starts workers, or asks the idlest to leave, until there are `n`; waits for it. Those that leave finish what
    /// they run and hand over what only they hold; those on which actors live, which would end, leave last.
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
        workers.sort_unstable_by_key(|worker| (worker.n_actors, worker.n_processing, worker.n_held, worker.id));
        workers.truncate(n_leaving);
        self.retire_and_wait(&client, &workers)
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
        self.retire_and_wait(&client, std::slice::from_ref(worker))
    }

    /// Scales the cluster by what there is to do, between so many workers, until what this returns is dropped; how
    /// eagerly is [configured](Adaptive).
    ///
    /// # Errors
    /// A maximum below the minimum or of 0; if the scheduler is gone.
    pub fn adapt(self, minimum: usize, maximum: usize) -> Result<Adapting<Self>> {
        self.adapt_with(Adaptive { minimum, maximum, ..Adaptive::configured()? })
    }

    /// As [`adapt`](LocalCluster::adapt), with everything said.
    ///
    /// # Errors
    /// As [`adapt`](LocalCluster::adapt).
    pub fn adapt_with(self, adaptive: Adaptive) -> Result<Adapting<Self>> {
        let client = self.client()?;
        adaptive.run(client, self)
    }

    fn asks(&mut self) -> Result<Client> {
        match &self.asks {
            Some(client) => Ok(client.clone()),
            None => Ok(self.asks.insert(self.client()?).clone()),
        }
    }

    /// Asks these to leave and waits until they have.
    fn retire_and_wait(&self, client: &Client, leaving: &[WorkerInfo]) -> Result<()> {
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

impl Deploy for LocalCluster {
    fn start(&mut self, n: usize) -> Result<()> {
        for _ in 0..n {
            let before = self.processes();
            let name = self.next_name();
            self.start_worker()?;
            let process = self.processes().into_iter().find(|process| !before.contains(process));
            self.coming.push((name, process));
        }
        Ok(())
    }

    fn retire(&mut self, names: &[String]) -> Result<()> {
        let client = self.asks()?;
        let mut leaving = client.workers().wait()?;
        leaving.retain(|worker| names.contains(&worker.name));
        let mut retired: Vec<u32> = leaving.iter().map(|worker| worker.process).collect();
        // A process that has not come yet is ended; a thread comes soon, and is retired then.
        let (gone, coming) = std::mem::take(&mut self.coming).into_iter().partition(|(name, process)| {
            process.is_some() && names.contains(name) && !leaving.iter().any(|worker| worker.name == *name)
        });
        self.coming = coming;
        let gone: Vec<(String, Option<u32>)> = gone;
        retired.extend(gone.into_iter().filter_map(|(_, process)| process));
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).extend(&retired);
        for process in retired.iter().filter(|process| !leaving.iter().any(|worker| worker.process == **process)) {
            self.kill(*process);
        }
        client.retire(leaving.iter().map(|worker| worker.id)).wait()
    }

    fn list(&mut self) -> Result<Vec<String>> {
        let workers = self.asks()?.workers().wait()?;
        let mut coming = std::mem::take(&mut self.coming);
        coming.retain(|(name, process)| {
            let has_come = workers.iter().any(|worker| worker.name == *name);
            !has_come && !process.is_some_and(|process| self.has_ended(process))
        });
        self.coming = coming;
        let present = workers.into_iter().filter(|worker| worker.status != "leaving").map(|worker| worker.name);
        Ok(present.chain(self.coming.iter().map(|(name, _)| name.clone())).collect())
    }
}

//! Questions about the cluster, and wishes about where values are.

use std::collections::BTreeMap;
use std::sync::Arc;

use dask_core::delayed::{Function, task_fn};
use dask_core::{Data, Error, Key, Result, Value};

use super::answer::Answer;
use super::as_completed::ended;
use super::connection::Reply;
use super::submit::encode_function;
use super::wish::Wish;
use super::{Client, Future};
use crate::DistError;
use crate::protocol::{Demand, FromClient, FutureId, ToClient, WorkerId, WorkerInfo};

impl Client {
    pub(super) fn ask_for<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(u64) -> FromClient,
        read: impl FnOnce(ToClient) -> Option<T> + Send + 'static,
    ) -> Answer<T> {
        let asked = self.connection.ask(question);
        Answer::new(&self.connection, async move {
            let found = match asked.reply().await? {
                Reply::Message(message) => read(message),
                Reply::Dataset { .. } | Reply::Coordinated { .. } => None,
            };
            found.ok_or_else(|| DistError::NoAnswer { what }.into())
        })
    }

    pub(super) fn ask_ok(&self, question: impl FnOnce(u64) -> FromClient) -> Answer<()> {
        self.ask_for("a confirmation", question, |reply| matches!(reply, ToClient::Ok { .. }).then_some(()))
    }

    /// The workers of the cluster.
    pub fn workers(&self) -> Answer<Vec<WorkerInfo>> {
        self.ask_for(
            "the list of workers",
            |request| FromClient::Workers { request },
            |reply| match reply {
                ToClient::Workers { workers, .. } => Some(workers),
                _ => None,
            },
        )
    }

    /// How much work there is, and who is there to do it.
    pub fn demand(&self) -> Answer<Demand> {
        self.ask_for(
            "the work that is there",
            |request| FromClient::Demand { request },
            |reply| match reply {
                ToClient::Demand { demand, .. } => Some(demand),
                _ => None,
            },
        )
    }

    /// Waits until there are at least `n` workers.
    pub fn wait_for_workers(&self, n: usize) -> Answer<()> {
        const EVERY: std::time::Duration = std::time::Duration::from_millis(20);
        let client = self.clone();
        Answer::new(&self.connection, async move {
            while client.workers().await?.len() < n {
                // The runtime of the connection keeps the time, whoever awaits this.
                client.connection.runtime().spawn(async { tokio::time::sleep(EVERY).await }).await.ok();
            }
            Ok(())
        })
    }

    /// Where values are: the addresses of the workers that hold each key.
    pub fn who_has<'a, T: 'a>(
        &self,
        futures: impl IntoIterator<Item = &'a Future<T>>,
    ) -> Answer<BTreeMap<Key, Vec<String>>> {
        let futures: Vec<FutureId> = futures.into_iter().map(|future| future.wish().id).collect();
        let workers = self.workers();
        let holders = self.ask_for(
            "holders",
            |request| FromClient::WhoHas { request, futures },
            |reply| match reply {
                ToClient::Holders { holders, .. } => Some(holders),
                _ => None,
            },
        );
        Answer::new(&self.connection, async move {
            let addresses: BTreeMap<WorkerId, String> =
                workers.await?.into_iter().map(|worker| (worker.id, worker.address)).collect();
            let named = |worker: WorkerId| addresses.get(&worker).cloned().unwrap_or_else(|| format!("{worker:?}"));
            let holders = holders.await?.into_iter();
            Ok(holders.map(|(_, key, _, at)| (key, at.into_iter().map(named).collect())).collect())
        })
    }

    /// What is where: the keys of the values that each worker holds, by its address.
    ///
    /// ```
    /// let client = dask_dist::Client::local()?;
    /// let future = client.submit(|x: i64| x + 1, (1,))?;
    /// future.result()?;
    /// let contents = client.has_what().wait()?;
    /// assert!(contents.values().any(|keys| keys.contains(future.key())));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn has_what(&self) -> Answer<BTreeMap<String, Vec<Key>>> {
        self.ask_for(
            "what workers hold",
            |request| FromClient::HasWhat { request },
            |reply| match reply {
                ToClient::Contents { contents, .. } => Some(contents.into_iter().collect()),
                _ => None,
            },
        )
    }

    /// Copies values until at least `n` workers hold each; all workers if `n` is 0. Waits for those that are not there
    /// yet.
    ///
    /// ```
    /// let client = dask_dist::Client::local()?;
    /// let future = client.submit(|x: i64| x + 1, (1,))?;
    /// client.replicate([&future], 0).wait()?;
    /// assert_eq!(client.who_has([&future]).wait()?[future.key()].len(), client.workers().wait()?.len());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// Fails if one of them has failed.
    pub fn replicate<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a Future<T>>, n: u32) -> Answer<()> {
        let wishes: Vec<Arc<Wish>> = futures.into_iter().map(|future| future.wish().clone()).collect();
        let client = self.clone();
        Answer::new(&self.connection, async move {
            ended(wishes.clone()).await;
            if let Some(error) = wishes.iter().find_map(|wish| wish.error()) {
                return Err(error);
            }
            let futures = wishes.iter().map(|wish| wish.id).collect();
            client.ask_ok(|request| FromClient::Replicate { request, futures, n }).await
        })
    }

    /// Moves values from full workers to empty ones.
    pub fn rebalance(&self) -> Answer<()> {
        self.ask_ok(|request| FromClient::Rebalance { request })
    }

    /// Asks workers to leave; what only they hold is moved first.
    pub fn retire(&self, workers: impl IntoIterator<Item = WorkerId>) -> Answer<()> {
        let workers = workers.into_iter().collect();
        self.ask_ok(|request| FromClient::Retire { request, workers })
    }

    /// Why do these take so long? The state of each, in words.
    pub fn story<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a Future<T>>) -> Answer<Vec<(Key, String)>> {
        let futures = futures.into_iter().map(|future| future.wish().id).collect();
        self.ask_for(
            "stories",
            |request| FromClient::Story { request, futures },
            |reply| match reply {
                ToClient::Stories { stories, .. } => Some(stories),
                _ => None,
            },
        )
    }

    /// Runs a function on every worker, beside its tasks: what it returned, or why it did not, by address.
    ///
    /// ```
    /// let client = dask_dist::Client::local()?;
    /// let pids = client.run(std::process::id).wait()?;
    /// assert_eq!(pids.len(), client.workers().wait()?.len());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// Fails at once if the function cannot travel.
    pub fn run<F, T>(&self, f: F) -> Answer<BTreeMap<String, Result<T>>>
    where
        F: Function<(), T>,
        T: Data + Clone,
    {
        let task = task_fn::<(), F, T>(f);
        let function = match encode_function(&*task) {
            Ok(function) => function,
            Err(source) => {
                let key = Box::new(Key::new(&*task.describe()));
                return Answer::ready(Error::CannotTravel { key, source });
            }
        };
        let (workers, connection) = (self.workers(), self.connection.clone());
        Answer::new(&self.connection, async move {
            let workers = workers.await?;
            connection.peers.introduce(workers.iter().map(|worker| (worker.id, worker.address.clone())));
            let running: Vec<_> = workers
                .into_iter()
                .map(|worker| (worker.address, connection.peers.run(&connection, worker.id, function.clone())))
                .collect();
            let mut results = BTreeMap::new();
            for (address, ran) in running {
                let gone = || DistError::NoAnswer { what: "a function" }.into();
                let result = ran.await.unwrap_or_else(|_| Err(gone())).and_then(Value::take::<T>);
                results.insert(address, result);
            }
            Ok(results)
        })
    }
}

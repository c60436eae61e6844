//! Observers of work on the cluster: how many of the tasks that it needs have ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dask_core::{Observer, Progress, Result};

use super::answer::Answer;
use super::as_completed::ended;
use super::connection::{Connection, Reply};
use super::wish::Wish;
use super::{Client, Computation, Future};
use crate::DistError;
use crate::protocol::{FromClient, FutureId, ToClient};

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);
/// Counting takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// Tells observers how far some wishes are, until it is dropped; then nothing more is told.
pub(super) struct Watch {
    is_over: Arc<Mutex<bool>>,
    asking: tokio::task::JoinHandle<()>,
}

impl Watch {
    pub(super) fn start(wishes: &[Arc<Wish>], observers: Vec<Arc<dyn Observer>>) -> Option<Self> {
        let connection = wishes.first()?.connection.clone();
        let futures: Vec<FutureId> = wishes.iter().map(|wish| wish.id).collect();
        let is_over = Arc::new(Mutex::new(false));
        let over = is_over.clone();
        let runtime = connection.runtime().clone();
        // It does not keep the connection alive: whoever waits does.
        let connection = Arc::downgrade(&connection);
        let asking = runtime.spawn(async move {
            loop {
                let start = Instant::now();
                let Some(connection) = connection.upgrade() else { return };
                let Ok(progress) = progress(&connection, &futures).await else { return };
                drop(connection);
                {
                    let over = over.lock().unwrap_or_else(PoisonError::into_inner);
                    if *over {
                        return;
                    }
                    observers.iter().for_each(|observer| observer.progressed(progress));
                }
                tokio::time::sleep(EVERY.max(start.elapsed() * SHARE)).await;
            }
        });
        Some(Self { is_over, asking })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.asking.abort();
    }
}

/// Asks the scheduler, in as many steps as it takes.
async fn progress(connection: &Arc<Connection>, futures: &[FutureId]) -> Result<Progress> {
    let mut futures = futures.to_vec();
    loop {
        let asked = connection.ask(|request| FromClient::Progress { request, futures: std::mem::take(&mut futures) });
        match asked.reply().await? {
            Reply::Message(ToClient::Progress { more: true, .. }) => {}
            Reply::Message(ToClient::Progress { ended, failed, all, .. }) => {
                return Ok(Progress { ended, failed, all, is_over: false });
            }
            _ => return Err(DistError::NoAnswer { what: "progress" }.into()),
        }
    }
}

/// Waits until all have ended, and tells the observer how far they are meanwhile, and how it ended.
fn watched(connection: &Arc<Connection>, wishes: Vec<Arc<Wish>>, observer: Arc<dyn Observer>) -> Answer<()> {
    let of = connection.clone();
    Answer::new(connection, async move {
        let watch = Watch::start(&wishes, vec![observer.clone()]);
        ended(wishes.clone()).await;
        drop(watch);
        let ids: Vec<FutureId> = wishes.iter().map(|wish| wish.id).collect();
        let n_failed = wishes.iter().filter(|wish| wish.error().is_some()).count() as u64;
        let n = ids.len() as u64;
        // If the scheduler is gone, at least this is known.
        let known = Progress { ended: n, failed: n_failed, all: n, is_over: true };
        let last = if ids.is_empty() { Ok(known) } else { progress(&of, &ids).await };
        let last = last.map_or(known, |last| Progress { failed: last.failed.max(n_failed), is_over: true, ..last });
        observer.progressed(last);
        Ok(())
    })
}

impl Client {
    /// Waits until all have ended, well or badly; meanwhile `observer` is told how many of the tasks that they need have
    /// ended ([`Observer::progressed`]): a progress bar of `dask-sched` shows it.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use dask_core::{Observer, Progress};
    /// #[derive(Default)]
    /// struct Last(Mutex<Progress>);
    /// impl Observer for Last {
    ///     fn progressed(&self, progress: Progress) { *self.0.lock().unwrap() = progress; }
    /// }
    /// let client = dask_dist::Client::local()?;
    /// let last = Arc::new(Last::default());
    /// let parts = client.map(|x: i64| x + 1, 0..10)?;
    /// let total = client.submit(|parts: Vec<i64>| parts.iter().sum::<i64>(), (parts,))?;
    /// client.watch([&total], last.clone()).wait()?;
    /// // Ten parts, the list of them, and the total.
    /// assert_eq!(*last.0.lock().unwrap(), Progress { ended: 12, failed: 0, all: 12, is_over: true });
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn watch<'a, T: 'a>(
        &self,
        futures: impl IntoIterator<Item = &'a Future<T>>,
        observer: Arc<dyn Observer>,
    ) -> Answer<()> {
        let mut wishes = Vec::new();
        for future in futures {
            if let Err(error) = self.check_ours(future.wish()) {
                return Answer::ready(error);
            }
            wishes.push(future.wish().clone());
        }
        watched(&self.connection, wishes, observer)
    }
}

impl<C> Computation<C> {
    /// Waits until all blocks have ended; as [`Client::watch`].
    pub fn watch(&self, observer: Arc<dyn Observer>) -> Answer<()> {
        watched(self.connection(), self.wishes().to_vec(), observer)
    }
}

//! A typed result on the cluster, made or still in the making.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use dask_core::layer::Materialized;
use dask_core::{Data, Delayed, Error, Key, LayerRef, Result, Tokenize, Tokenizer};

use super::answer::Answer;
use super::as_completed::ended;
use super::gather::gather;
use super::remote::RemoteFuture;
use super::wish::{Progress, Wish};
use crate::protocol::FromClient;

/// What is known of a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not made yet.
    Pending,
    /// A worker has it.
    Finished,
    /// Its task, or one that it depends on, failed.
    Error,
    /// It was cancelled.
    Cancelled,
}

/// A result on the cluster. Clones are the same future; when the last one is dropped, the cluster may forget the
/// result. It may be an argument of further calls: the value then never comes here.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let x = client.submit(|a: i64| a + 1, (1,))?;
/// let y = client.submit(|a: i64, b: i64| a * b, (&x, 10))?;
/// assert_eq!(y.result()?, 20);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Future<T> {
    shared: Arc<Shared>,
    _type: PhantomData<fn() -> T>,
}

struct Shared {
    wish: Arc<Wish>,
    /// The grid of the layer of which this is the first task.
    shape: Vec<u32>,
    /// What stands for it in graphs; one layer, so that it may stand in a graph twice.
    layer: OnceLock<LayerRef>,
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), _type: PhantomData }
    }
}

impl<T> std::fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Future({}, {:?})", self.key(), self.status())
    }
}

impl<T> Future<T> {
    pub(super) fn new(wish: Arc<Wish>, shape: &[u32]) -> Self {
        let shared = Shared { wish, shape: shape.to_vec(), layer: OnceLock::new() };
        Self { shared: Arc::new(shared), _type: PhantomData }
    }

    pub(super) fn wish(&self) -> &Arc<Wish> {
        &self.shared.wish
    }

    pub(super) fn shape(&self) -> &[u32] {
        &self.shared.shape
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.shared.wish.key
    }

    /// What is known of it now.
    pub fn status(&self) -> Status {
        match self.shared.wish.progress() {
            Progress::Pending => Status::Pending,
            Progress::Done { .. } => Status::Finished,
            Progress::Failed(error) if is_cancelled(&error) => Status::Cancelled,
            Progress::Failed(_) => Status::Error,
            Progress::Cancelled => Status::Cancelled,
        }
    }

    /// Whether it has ended, well or badly.
    pub fn is_done(&self) -> bool {
        self.status() != Status::Pending
    }

    /// Why there is no result; `None` once there is one.
    pub fn exception(&self) -> Answer<Option<Error>> {
        let wish = self.shared.wish.clone();
        let connection = wish.connection.clone();
        Answer::new(&connection, async move {
            ended(vec![wish.clone()]).await;
            Ok(wish.error())
        })
    }

    /// Stops it, whoever else wants it; what depends on it fails too.
    ///
    /// # Errors
    /// If the scheduler is gone.
    pub fn cancel(&self) -> Result<()> {
        let wish = &self.shared.wish;
        wish.cancel();
        wish.connection.send(FromClient::Cancel(vec![wish.id]), Vec::new())
    }

    /// Tries again what failed, its own task or the one it depends on.
    ///
    /// # Errors
    /// If the scheduler is gone.
    pub fn retry(&self) -> Result<()> {
        let wish = &self.shared.wish;
        wish.again();
        wish.connection.send(FromClient::Retry(vec![wish.id]), Vec::new())
    }

    /// Lets the cluster make it even if nobody waits for it any more.
    ///
    /// # Errors
    /// If the scheduler is gone.
    pub fn fire_and_forget(self) -> Result<()> {
        let wish = &self.shared.wish;
        wish.connection.send(FromClient::FireAndForget(vec![wish.id]), Vec::new())
    }

    /// The layer that stands for it in graphs.
    pub(super) fn layer(&self) -> LayerRef {
        let make = || {
            let value = RemoteFuture::value(&self.shared.wish);
            let n: u32 = self.shared.shape.iter().product();
            let values = (0..n).map(|_| value.clone());
            Materialized::values(self.key().name().clone(), &self.shared.shape, values)
        };
        self.shared.layer.get_or_init(make).clone()
    }

    /// As a lazy value, for graphs of delayed calls. Computed with another scheduler, it is fetched.
    pub fn to_delayed(&self) -> Delayed<T> {
        Delayed::from_layer(self.layer())
    }
}

impl<T: Data + Clone> Future<T> {
    /// The value; waits for it on this thread. In async code `.await` the future instead.
    ///
    /// # Errors
    /// Why the task, or one it depends on, failed, with its key; if it was cancelled; if the scheduler is gone.
    pub fn result(&self) -> Result<T> {
        self.answer().wait()
    }

    /// The value, as an answer that can be given a [limit of time](Answer::within).
    pub fn answer(&self) -> Answer<T> {
        let values = gather(vec![self.shared.wish.clone()]);
        Answer::new(&self.shared.wish.connection, async move {
            match values.await?.into_iter().next() {
                Some(value) => value.take(),
                None => Err(crate::DistError::NoAnswer { what: "a value" }.into()),
            }
        })
    }
}

impl<T: Data + Clone> IntoFuture for Future<T> {
    type Output = Result<T>;
    type IntoFuture = Answer<T>;
    fn into_future(self) -> Answer<T> {
        self.answer()
    }
}

impl<T: Data + Clone> IntoFuture for &Future<T> {
    type Output = Result<T>;
    type IntoFuture = Answer<T>;
    fn into_future(self) -> Answer<T> {
        self.answer()
    }
}

impl<T> Tokenize for Future<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.add(self.key());
    }
}

/// Whether an error says that the task was cancelled.
pub(super) fn is_cancelled(error: &Error) -> bool {
    match error {
        Error::Cancelled => true,
        Error::Other(source) => {
            matches!(source.downcast_ref::<crate::DistError>(), Some(crate::DistError::CancelledFuture { .. }))
        }
        _ => false,
    }
}

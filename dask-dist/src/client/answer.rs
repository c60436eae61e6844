//! What will be known later: waited for on a thread, or awaited in any async runtime.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use dask_core::{Error, Result};

use super::connection::Connection;
use crate::DistError;

/// An answer of the cluster that may take a while: [`wait`](Answer::wait) for it, or `.await` it, in any runtime.
///
/// ```
/// use std::time::Duration;
/// let client = dask_dist::Client::local()?;
/// let workers = client.workers().within(Duration::from_secs(60)).wait()?;
/// assert!(!workers.is_empty());
/// # Ok::<(), dask_core::Error>(())
/// ```
#[must_use = "it is an answer that nobody waits for: call `wait()`, or `.await` it"]
pub struct Answer<T> {
    work: Pin<Box<dyn std::future::Future<Output = Result<T>> + Send>>,
    /// Whose runtime keeps the time.
    connection: Option<Arc<Connection>>,
}

impl<T: Send + 'static> Answer<T> {
    pub(super) fn new(
        connection: &Arc<Connection>,
        work: impl std::future::Future<Output = Result<T>> + Send + 'static,
    ) -> Self {
        Self { work: Box::pin(work), connection: Some(connection.clone()) }
    }

    /// An error that is known at once.
    pub(super) fn ready(error: Error) -> Self {
        Self { work: Box::pin(std::future::ready(Err(error))), connection: None }
    }

    /// Waits on this thread. Inside async code `.await` it instead.
    ///
    /// # Errors
    /// What went wrong with what was asked for.
    pub fn wait(self) -> Result<T> {
        block_on(self)
    }

    /// Gives up after this time; what was asked for goes on.
    pub fn within(self, limit: Duration) -> Self {
        let Self { mut work, connection: Some(connection) } = self else { return self };
        let (late, mut is_late) = tokio::sync::oneshot::channel::<()>();
        connection.runtime().spawn(async move {
            tokio::time::sleep(limit).await;
            late.send(()).ok();
        });
        let wait = std::future::poll_fn(move |context| {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            match Pin::new(&mut is_late).poll(context) {
                Poll::Ready(Ok(())) => Poll::Ready(Err(DistError::TimedOut { after: limit }.into())),
                // The connection was closed: the work itself says so.
                _ => Poll::Pending,
            }
        });
        Self { work: Box::pin(FusedWait(wait)), connection: Some(connection) }
    }
}

/// Keeps the type of a closure-made future `Send` and nameable in one place.
struct FusedWait<F>(F);

impl<F: std::future::Future + Unpin> std::future::Future for FusedWait<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> std::future::Future for Answer<T> {
    type Output = Result<T>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.work.as_mut().poll(context)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future that needs no runtime on this thread.
pub(super) fn block_on<F: std::future::Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                // A task that waits leaves its worker's threads to others; does nothing elsewhere.
                crate::shell::secede();
                std::thread::park();
            }
        }
    }
}

/// As [`block_on`], asking every now and then whether to give up.
pub(super) fn block_on_unless<F: std::future::Future>(future: F, give_up: impl Fn() -> bool) -> Option<F::Output> {
    const EVERY: Duration = Duration::from_millis(10);
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut next = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if next <= Instant::now() {
            if give_up() {
                return None;
            }
            next = Instant::now() + EVERY;
        }
        crate::shell::secede();
        std::thread::park_timeout(EVERY);
    }
}

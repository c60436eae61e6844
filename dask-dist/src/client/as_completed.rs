//! Futures in the order in which they end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::answer::{Answer, block_on};
use super::wish::Wish;
use super::{Client, Future};

/// Who has ended, in order; asked by one, told by many.
#[derive(Default)]
pub(super) struct Completed(Mutex<(VecDeque<u32>, Option<Waker>)>);

impl Completed {
    pub(super) fn push(&self, at: u32) {
        let waker = {
            let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            queue.0.push_back(at);
            queue.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<u32> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.0.pop_front() {
            Some(at) => Poll::Ready(at),
            None => {
                queue.1 = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    async fn next(&self) -> u32 {
        std::future::poll_fn(|context| self.poll(context.waker())).await
    }
}

/// Waits until all have ended, well or badly.
pub(super) async fn ended(wishes: Vec<Arc<Wish>>) {
    let completed = Arc::new(Completed::default());
    wishes.iter().zip(0..).for_each(|(wish, at)| wish.watch(&completed, at));
    for _ in 0..wishes.len() {
        completed.next().await;
    }
}

/// Futures in the order in which they end, well or badly: a blocking iterator, or [`next_async`](Self::next_async).
///
/// ```
/// use dask_dist::{Client, as_completed};
/// let client = Client::local()?;
/// let mut sum = 0;
/// for future in as_completed(client.map(|x: i64| x + 1, 0..4)?) {
///     sum += future.result()?;
/// }
/// assert_eq!(sum, 10);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct AsCompleted<T> {
    futures: Vec<Option<Future<T>>>,
    completed: Arc<Completed>,
    left: usize,
}

/// The futures in the order in which they end.
pub fn as_completed<T>(futures: impl IntoIterator<Item = Future<T>>) -> AsCompleted<T> {
    let mut all = AsCompleted { futures: Vec::new(), completed: Arc::default(), left: 0 };
    futures.into_iter().for_each(|future| all.add(future));
    all
}

impl<T> AsCompleted<T> {
    /// One more to wait for, also while others are awaited: for work that makes work.
    pub fn add(&mut self, future: Future<T>) {
        future.wish().watch(&self.completed, self.futures.len() as u32);
        self.futures.push(Some(future));
        self.left += 1;
    }

    /// How many are still to come.
    pub fn n_left(&self) -> usize {
        self.left
    }

    /// The next that ends; `None` after the last.
    pub async fn next_async(&mut self) -> Option<Future<T>> {
        while 0 < self.left {
            let at = self.completed.next().await;
            if let Some(future) = self.futures.get_mut(at as usize).and_then(Option::take) {
                self.left -= 1;
                return Some(future);
            }
        }
        None
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Future<T>;
    fn next(&mut self) -> Option<Future<T>> {
        block_on(self.next_async())
    }
}

impl Client {
    /// Waits until all have ended, well or badly; ask each for its [`status`](Future::status).
    pub fn wait<'a, T: 'a>(&self, futures: impl IntoIterator<Item = &'a Future<T>>) -> Answer<()> {
        let wishes = futures.into_iter().map(|future| future.wish().clone()).collect();
        Answer::new(&self.connection, async move {
            ended(wishes).await;
            Ok(())
        })
    }
}

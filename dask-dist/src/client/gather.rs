//! Results brought here: every value is asked for the moment it is known where it is, those of one worker together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use dask_core::{Data, Error, Result, Value};

use super::answer::Answer;
use super::wish::Wish;
use super::{Client, Future};

/// Values on their way here.
pub(super) struct Gathering(Mutex<State>);

struct State {
    values: Vec<Option<Value>>,
    left: usize,
    error: Option<Error>,
    waker: Option<Waker>,
}

impl Gathering {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the values, or why it does not come; the first error ends the gathering.
    pub(super) fn put(&self, at: u32, result: Result<Value>) {
        let waker = {
            let mut state = self.state();
            match result {
                Ok(value) => {
                    if let Some(place) = state.values.get_mut(at as usize)
                        && place.replace(value).is_none()
                    {
                        state.left -= 1;
                    }
                }
                Err(error) => {
                    state.error.get_or_insert(error);
                }
            }
            if 0 < state.left && state.error.is_none() { None } else { state.waker.take() }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<Result<Vec<Value>>> {
        let mut state = self.state();
        if let Some(error) = &state.error {
            return Poll::Ready(Err(error.clone()));
        }
        if 0 < state.left {
            state.waker = Some(waker.clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(std::mem::take(&mut state.values).into_iter().flatten().collect()))
    }
}

/// Brings the values of `wishes` here, in their order. What is there already is asked for at once, before the first poll.
pub(super) fn gather(wishes: Vec<Arc<Wish>>) -> impl std::future::Future<Output = Result<Vec<Value>>> + Send {
    let n = wishes.len();
    let state = State { values: vec![None; n], left: n, error: None, waker: None };
    let gathering = Arc::new(Gathering(Mutex::new(state)));
    let fetches: Vec<_> = wishes.iter().zip(0..).filter_map(|(wish, at)| wish.fetch_for(&gathering, at)).collect();
    if let Some(wish) = wishes.first() {
        wish.connection.fetch(fetches);
    }
    async move {
        // Held until the values are here: they may not be released before.
        let _wishes = wishes;
        std::future::poll_fn(|context| gathering.poll(context.waker())).await
    }
}

impl Client {
    /// Brings results here, in the order of `futures`. All are asked for as soon as they are made, those that one
    /// worker has together; the first failure ends it.
    ///
    /// ```
    /// # let client = dask_dist::Client::local()?;
    /// let futures = client.map(|x: i64| x * x, 0..5)?;
    /// assert_eq!(client.gather(&futures).wait()?, [0, 1, 4, 9, 16]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn gather<'a, T: Data + Clone>(&self, futures: impl IntoIterator<Item = &'a Future<T>>) -> Answer<Vec<T>> {
        let mut wishes = Vec::new();
        for future in futures {
            if let Err(error) = self.check_ours(future.wish()) {
                return Answer::ready(error);
            }
            wishes.push(future.wish().clone());
        }
        let values = gather(wishes);
        Answer::new(&self.connection, async move { values.await?.into_iter().map(Value::take::<T>).collect() })
    }
}

//! A client's wish for one result: what is known of it, who waits for it, and what is to be done when that changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dask_core::{Error, Key, Result, Value};

use super::as_completed::Completed;
use super::connection::Connection;
use super::gather::Gathering;
use crate::DistError;
use crate::protocol::{FutureId, TaskRef, WorkerId};

/// So often a value is looked for where the scheduler says it is, before the wish gives up.
const ATTEMPTS_MAX: u32 = 20;

/// One result that the client wants. Dropped with the last future, remote value or computation that holds it; then
/// the scheduler is told.
pub(crate) struct Wish {
    pub(super) id: FutureId,
    /// The first future of the submission.
    pub(super) first: FutureId,
    pub(super) key: Key,
    pub(super) connection: Arc<Connection>,
    state: Mutex<State>,
}

/// What is known of the result.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// Not made yet, or lost and made again.
    Pending,
    /// A worker has it.
    Done { task: TaskRef, nbytes: u64, holder: WorkerId },
    /// There will be none.
    Failed(Error),
    /// This client cancelled it.
    Cancelled,
}

struct State {
    progress: Progress,
    /// Told once when the wish is done or failed.
    watchers: Vec<(Arc<Completed>, u32)>,
    /// Who wants the value, and at which place of theirs.
    fetchers: Vec<(Arc<Gathering>, u32)>,
    /// The value, if it is small and came with the news.
    sent_along: Option<Value>,
    /// Whether a worker was asked for the value and has not answered.
    is_fetching: bool,
    attempts: u32,
    /// A scattered value that no worker has yet.
    scattered: Option<Value>,
    /// The scheduler was told to cancel it and has not said that it did.
    is_cancelling: bool,
}

/// A value to be asked for.
pub(super) struct Fetch {
    pub(super) holder: WorkerId,
    pub(super) task: TaskRef,
    pub(super) nbytes: u64,
    pub(super) wish: Arc<Wish>,
}

/// Who is to be told outside the lock.
#[derive(Default)]
struct Told {
    watchers: Vec<(Arc<Completed>, u32)>,
    fetchers: Vec<(Arc<Gathering>, u32)>,
}

impl Told {
    fn of(mut self, result: Result<Value>) {
        self.watchers.iter().for_each(|(completed, at)| completed.push(*at));
        // The last one gets the value itself: unshared, it can be taken without a copy.
        let last = self.fetchers.pop();
        self.fetchers.iter().for_each(|(gathering, at)| gathering.put(*at, result.clone()));
        if let Some((gathering, at)) = last {
            gathering.put(at, result);
        }
    }
}

impl Wish {
    pub(super) fn new(
        connection: Arc<Connection>,
        id: FutureId,
        first: FutureId,
        key: Key,
        scattered: Option<Value>,
    ) -> Arc<Self> {
        let state = State {
            progress: Progress::Pending,
            watchers: Vec::new(),
            fetchers: Vec::new(),
            sent_along: None,
            is_fetching: false,
            attempts: 0,
            scattered,
            is_cancelling: false,
        };
        Arc::new(Self { id, first, key, connection, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> Progress {
        self.state().progress.clone()
    }

    /// The error that awaiting it gives, if there is one already.
    pub(super) fn error(&self) -> Option<Error> {
        match &self.state().progress {
            Progress::Failed(error) => Some(error.clone()),
            Progress::Cancelled => Some(self.cancelled()),
            Progress::Pending | Progress::Done { .. } => None,
        }
    }

    fn cancelled(&self) -> Error {
        DistError::CancelledFuture { key: Box::new(self.key.clone()) }.into()
    }

    /// A worker has the value. If somebody waits for it, it is to be fetched, unless it came along.
    pub(super) fn done(
        self: &Arc<Self>,
        task: TaskRef,
        nbytes: u64,
        holder: WorkerId,
        value: Option<Value>,
    ) -> Option<Fetch> {
        let (watchers, fetchers, fetch) = {
            let mut state = self.state();
            if matches!(state.progress, Progress::Cancelled) {
                return None;
            }
            state.progress = Progress::Done { task, nbytes, holder };
            state.scattered = None;
            state.sent_along.clone_from(&value);
            let fetchers = if value.is_some() { std::mem::take(&mut state.fetchers) } else { Vec::new() };
            (std::mem::take(&mut state.watchers), fetchers, self.next_fetch(&mut state))
        };
        // Without a value there are no fetchers to be told.
        Told { watchers, fetchers }.of(value.ok_or(Error::Cancelled));
        fetch
    }

    /// If somebody wants the value, a worker has it, and nobody was asked.
    fn next_fetch(self: &Arc<Self>, state: &mut State) -> Option<Fetch> {
        match state.progress {
            Progress::Done { task, nbytes, holder } if !state.is_fetching && !state.fetchers.is_empty() => {
                state.is_fetching = true;
                Some(Fetch { holder, task, nbytes, wish: self.clone() })
            }
            _ => None,
        }
    }

    /// The scheduler says that there will be no value. That it was cancelled is stale if it was tried again meanwhile.
    pub(super) fn failed(&self, error: Error, is_cancelled: bool) {
        let is_answer = std::mem::take(&mut self.state().is_cancelling);
        if !(is_answer && is_cancelled) {
            self.fail(error);
        }
    }

    /// There will be no value, for now: whoever waits is told.
    pub(super) fn fail(&self, error: Error) {
        let told = {
            let mut state = self.state();
            if matches!(state.progress, Progress::Cancelled) {
                return;
            }
            state.progress = Progress::Failed(error.clone());
            state.take_all()
        };
        told.of(Err(error));
    }

    /// As [`fail`](Wish::fail), unless the value is on a worker: the connection to the scheduler is lost.
    pub(super) fn fail_if_pending(&self, error: Error) {
        if matches!(self.state().progress, Progress::Pending) {
            self.fail(error);
        }
    }

    pub(super) fn cancel(&self) {
        let told = {
            let mut state = self.state();
            state.is_cancelling |= matches!(state.progress, Progress::Pending | Progress::Done { .. });
            state.progress = Progress::Cancelled;
            state.take_all()
        };
        told.of(Err(self.cancelled()));
    }

    /// Back to waiting: the value was lost, or the task is tried again.
    pub(super) fn again(&self) {
        let mut state = self.state();
        state.progress = Progress::Pending;
        state.attempts = 0;
    }

    /// The value was there and is not: it will be made again.
    pub(super) fn lost(&self) {
        let mut state = self.state();
        if matches!(state.progress, Progress::Done { .. }) {
            state.progress = Progress::Pending;
        }
    }

    /// Tells `completed` of the end, at once if it has come.
    pub(super) fn watch(&self, completed: &Arc<Completed>, at: u32) {
        {
            let mut state = self.state();
            if matches!(state.progress, Progress::Pending) {
                state.watchers.push((completed.clone(), at));
                return;
            }
        }
        completed.push(at);
    }

    /// Wants the value at place `at` of `gathering`; what is returned is to be fetched.
    pub(super) fn fetch_for(self: &Arc<Self>, gathering: &Arc<Gathering>, at: u32) -> Option<Fetch> {
        if let Some(error) = self.error() {
            gathering.put(at, Err(error));
            return None;
        }
        let mut state = self.state();
        if let (Progress::Done { .. }, Some(value)) = (&state.progress, state.sent_along.clone()) {
            drop(state);
            gathering.put(at, Ok(value));
            return None;
        }
        state.fetchers.push((gathering.clone(), at));
        self.next_fetch(&mut state)
    }

    /// The value has come, or cannot leave its worker.
    pub(super) fn fetched(&self, result: Result<Value>) {
        let fetchers = {
            let mut state = self.state();
            state.is_fetching = false;
            state.attempts = 0;
            std::mem::take(&mut state.fetchers)
        };
        Told { watchers: Vec::new(), fetchers }.of(result);
    }

    /// `holder` does not have the value. If another is known meanwhile, that one is asked; otherwise the scheduler is
    /// to be told ([`Err`]).
    pub(super) fn missing(self: &Arc<Self>, at: WorkerId) -> std::result::Result<Option<Fetch>, ()> {
        let given_up = {
            let mut state = self.state();
            state.is_fetching = false;
            state.attempts += 1;
            if state.attempts < ATTEMPTS_MAX {
                return match state.progress {
                    Progress::Done { holder, .. } if holder == at => {
                        state.progress = Progress::Pending;
                        Err(())
                    }
                    _ => Ok(self.next_fetch(&mut state)),
                };
            }
            std::mem::take(&mut state.fetchers)
        };
        let error = DistError::Unreachable { key: Box::new(self.key.clone()), attempts: ATTEMPTS_MAX };
        Told { watchers: Vec::new(), fetchers: given_up }.of(Err(error.into()));
        Err(())
    }

    /// The value to be scattered, while no worker has it.
    pub(super) fn scattered(&self) -> Option<Value> {
        self.state().scattered.clone()
    }
}

impl State {
    fn take_all(&mut self) -> Told {
        self.scattered = None;
        Told { watchers: std::mem::take(&mut self.watchers), fetchers: std::mem::take(&mut self.fetchers) }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.connection.release(self.id);
    }
}

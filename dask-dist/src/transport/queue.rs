//! What waits to be written to one peer.
//!
//! Senders append frames; one task takes all that has gathered and writes it together. So batches grow when the
//! network is slower than the senders, and nothing waits for a timer when it is not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::Closed;
use crate::error::DistError;
use crate::wire::outgoing::Outgoing;

/// Shared by the senders, the writing task and the reading task of one connection.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Bytes in `state.waiting`, and those that the writing task has taken and the system has not.
    nbytes: AtomicU64,
    limit: u64,
    address: String,
    /// Tells the writing task that there is something to do; keeps one permit.
    work: Notify,
    /// Tells the reading task that the connection failed elsewhere.
    failed: Notify,
    /// True when the writing task has ended.
    ended: watch::Sender<bool>,
}

struct State {
    waiting: Outgoing,
    stage: Stage,
}

enum Stage {
    Open,
    /// No more is accepted; what waits is written, then the farewell.
    Closing,
    /// Nothing is written any more.
    Failed(DistError),
}

/// What the writing task does next.
pub(super) enum Next {
    Write(Outgoing),
    Farewell,
    Wait,
    Stop,
}

impl Queue {
    pub(super) fn new(limit: u64, address: String) -> Self {
        Self {
            state: Mutex::new(State { waiting: Outgoing::default(), stage: Stage::Open }),
            nbytes: AtomicU64::new(0),
            limit,
            address,
            work: Notify::new(),
            failed: Notify::new(),
            ended: watch::Sender::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame. If too much waits already, the connection fails.
    pub(super) fn push(&self, frame: Outgoing) -> Result<(), Closed> {
        let mut state = self.state();
        if !matches!(state.stage, Stage::Open) {
            return Err(Closed);
        }
        let nbytes = frame.nbytes();
        let before = self.nbytes.fetch_add(nbytes, Ordering::Relaxed);
        let found = before.saturating_add(nbytes);
        if before != 0 && self.limit < found {
            drop(state);
            let what = "what waits for it, because it does not read,";
            self.fail(DistError::Limit { address: self.address.clone(), what, found, limit: self.limit });
            return Err(Closed);
        }
        let first = state.waiting.is_empty();
        state.waiting.append(frame);
        drop(state);
        if first {
            self.work.notify_one();
        }
        Ok(())
    }

    pub(super) fn nbytes(&self) -> u64 {
        self.nbytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state().stage, Stage::Open)
    }

    /// No more will come: what waits is delivered, and the connection ends in order.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if matches!(state.stage, Stage::Open) {
            state.stage = Stage::Closing;
        }
        drop(state);
        self.work.notify_one();
    }

    /// The connection ends here, whatever waits. The first failure is the one that counts.
    pub(super) fn fail(&self, error: DistError) {
        let mut state = self.state();
        if !matches!(state.stage, Stage::Failed(_)) {
            state.stage = Stage::Failed(error);
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Values may be large, and their owners' destructors anything: not under the lock.
        drop(waiting);
        self.nbytes.store(0, Ordering::Relaxed);
        self.work.notify_one();
        self.failed.notify_one();
    }

    /// For the writing task: what to do now.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        match state.stage {
            Stage::Failed(_) => Next::Stop,
            _ if !state.waiting.is_empty() => Next::Write(std::mem::take(&mut state.waiting)),
            Stage::Closing => Next::Farewell,
            Stage::Open => Next::Wait,
        }
    }

    /// For the writing task: the system has taken so many bytes.
    pub(super) fn written(&self, nbytes: u64) {
        // A failure may have reset it meanwhile.
        let less = |queued: u64| Some(queued.saturating_sub(nbytes));
        let _ = self.nbytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// For the writing task: until something changes.
    pub(super) async fn work(&self) {
        self.work.notified().await;
    }

    /// For the writing task: until the connection fails, whatever else happens.
    pub(super) async fn stopped(&self) {
        loop {
            if matches!(self.state().stage, Stage::Failed(_)) {
                return;
            }
            self.work.notified().await;
        }
    }

    /// For the reading task: why the connection failed, once it has.
    pub(super) async fn failed(&self) -> DistError {
        loop {
            if let Stage::Failed(error) = &self.state().stage {
                return error.clone();
            }
            self.failed.notified().await;
        }
    }

    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Until nothing will be written any more.
    pub(super) async fn ended(&self) {
        drop(self.ended.subscribe().wait_for(|ended| *ended).await);
    }
}

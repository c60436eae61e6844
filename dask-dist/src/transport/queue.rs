//! What waits to be written to one peer.
//!
//! A frame that comes after a pause is written at once, by the sender: no thread has to wake for it. Of frames that
//! follow each other closely the rest is appended here; one task takes all that has gathered and writes it together.
//! So batches grow when the network is slower than the senders, and nothing waits for a timer when it is not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::Closed;
use super::direct::Direct;
use crate::error::DistError;
use crate::wire::outgoing::Outgoing;

/// Frames that follow the last write sooner than this are written together, by the writing task.
const PAUSE: Duration = Duration::from_micros(40);
/// Frames with more bytes than this are the writing task's.
const DIRECT_MAX: u64 = 64 << 10;

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
    /// Tells whoever waits for it that nothing waits to be written.
    flushed: Notify,
    /// True when the writing task has ended.
    ended: watch::Sender<bool>,
}

struct State {
    waiting: Outgoing,
    stage: Stage,
    /// For senders that write themselves; gone when the connection is.
    direct: Option<Arc<dyn Direct>>,
    /// The writing task has taken frames and not asked for more.
    is_writing: bool,
    last_write: Instant,
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
    pub(super) fn new(limit: u64, address: String, direct: Option<Arc<dyn Direct>>) -> Self {
        let state = State {
            waiting: Outgoing::default(),
            stage: Stage::Open,
            direct,
            is_writing: false,
            last_write: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            nbytes: AtomicU64::new(0),
            limit,
            address,
            work: Notify::new(),
            failed: Notify::new(),
            flushed: Notify::new(),
            ended: watch::Sender::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame. If too much waits already, the connection fails.
    pub(super) fn push(&self, mut frame: Outgoing) -> Result<(), Closed> {
        let mut state = self.state();
        if !matches!(state.stage, Stage::Open) {
            return Err(Closed);
        }
        state.write_now(&mut frame);
        if frame.is_empty() {
            return Ok(());
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
        state.direct = None;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Values may be large, and their owners' destructors anything: not under the lock.
        drop(waiting);
        self.nbytes.store(0, Ordering::Relaxed);
        self.flushed.notify_waiters();
        self.work.notify_one();
        self.failed.notify_one();
    }

    /// For the writing task: what to do now.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        if std::mem::take(&mut state.is_writing) {
            state.last_write = Instant::now();
        }
        match state.stage {
            Stage::Failed(_) => Next::Stop,
            _ if !state.waiting.is_empty() => {
                state.is_writing = true;
                Next::Write(std::mem::take(&mut state.waiting))
            }
            Stage::Closing => Next::Farewell,
            Stage::Open => Next::Wait,
        }
    }

    /// For the writing task: the system has taken so many bytes.
    pub(super) fn written(&self, nbytes: u64) {
        // A failure may have reset it meanwhile.
        let less = |queued: u64| Some(queued.saturating_sub(nbytes));
        let before = self.nbytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if before.is_ok_and(|before| before <= nbytes) {
            self.flushed.notify_waiters();
        }
    }

    /// Until the system has all that was sent, or nothing will be written any more.
    pub(super) async fn flushed(&self) {
        loop {
            let mut flushed = std::pin::pin!(self.flushed.notified());
            // What happens from here on is heard of.
            flushed.as_mut().enable();
            if self.nbytes() == 0 || *self.ended.borrow() {
                return;
            }
            flushed.await;
        }
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
        self.state().direct = None;
        self.ended.send_replace(true);
        self.flushed.notify_waiters();
    }

    /// Until nothing will be written any more.
    pub(super) async fn ended(&self) {
        drop(self.ended.subscribe().wait_for(|ended| *ended).await);
    }
}

impl State {
    /// Writes as much of a frame as the system takes, if nothing is before it and the last write was a while ago.
    fn write_now(&mut self, frame: &mut Outgoing) {
        let Some(direct) = self
            .direct
            .as_ref()
            .filter(|_| self.waiting.is_empty() && !self.is_writing && frame.nbytes() <= DIRECT_MAX)
        else {
            return;
        };
        let now = Instant::now();
        if now.duration_since(self.last_write) < PAUSE {
            return;
        }
        self.last_write = now;
        // What goes wrong here goes wrong for the writing task too, which says so.
        if let Ok(n) = frame.slices(|slices| direct.try_write(slices)) {
            frame.advance(n);
        }
    }
}

//! Peers that wait until the machine says that a value has come, or will not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tokio::sync::mpsc;

/// Those that wait, by number.
#[derive(Default)]
struct Waiting {
    next: u64,
    all: HashMap<u64, mpsc::UnboundedSender<(u64, bool)>, RandomState>,
    /// The worker has ended: nobody waits any more.
    is_over: bool,
}

/// Where connections enter what they ask, and the worker's loop what is answered.
#[derive(Clone, Default)]
pub(super) struct Asks(Arc<Mutex<Waiting>>);

impl Asks {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, who is told its number and the answer. Not if the worker ends: then nobody can tell it any more.
    pub(super) fn enter(&self, tell: &mpsc::UnboundedSender<(u64, bool)>) -> u64 {
        let mut waiting = self.lock();
        waiting.next += 1;
        let ask = waiting.next;
        if !waiting.is_over {
            waiting.all.insert(ask, tell.clone());
        }
        ask
    }

    /// The value is there, or will not come soon.
    pub(super) fn answer(&self, ask: u64, here: bool) {
        if let Some(tell) = self.lock().all.remove(&ask) {
            // Who has gone does not wait for it.
            let _ = tell.send((ask, here));
        }
    }
}

/// The end of the worker: whoever waits is told.
pub(super) struct Owner(pub(super) Asks);

impl Drop for Owner {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.is_over = true;
        waiting.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_told_and_nobody_waits_for_a_worker_that_has_ended() {
        let asks = Asks::default();
        let owner = Owner(asks.clone());
        let (tell, mut told) = mpsc::unbounded_channel();
        let (first, _) = (asks.enter(&tell), asks.enter(&tell));
        asks.answer(first, true);
        assert_eq!(told.recv().await, Some((first, true)));
        drop(owner);
        asks.enter(&tell);
        drop(tell);
        assert_eq!(told.recv().await, None);
    }
}

//! How workers died, as their nannies tell it: matched with the ends of connections, whichever comes first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A nanny that was there tells within this time.
const PATIENCE: Duration = Duration::from_secs(1);
/// Those that nobody waited for are kept for a while.
const KEPT_MAX: usize = 256;

#[derive(Clone, Default)]
pub(super) struct Obituaries(Arc<Inner>);

#[derive(Default)]
struct Inner {
    told: Mutex<VecDeque<(String, u32, String)>>,
    news: Notify,
}

impl Obituaries {
    /// Somebody tells how a worker died.
    pub(super) fn tell(&self, worker: String, process: u32, why: String) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() == KEPT_MAX {
            told.pop_front();
        }
        told.push_back((worker, process, why));
        self.0.news.notify_waiters();
    }

    fn take(&self, worker: &str, process: u32) -> Option<String> {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let at = told.iter().position(|(name, id, _)| name == worker && *id == process)?;
        told.remove(at).map(|(_, _, why)| why)
    }

    /// Waits a moment for news of one.
    pub(super) async fn wait_for(&self, worker: &str, process: u32) -> Option<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let news = self.0.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(why) = self.take(worker, process) {
                return Some(why);
            }
            tokio::time::timeout_at(until, news).await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn news_are_found_before_and_after_they_come() {
        let obituaries = Obituaries::default();
        obituaries.tell("a".into(), 1, "early".into());
        assert_eq!(obituaries.wait_for("a", 1).await.as_deref(), Some("early"));
        let later = obituaries.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            later.tell("a".into(), 2, "another".into());
            later.tell("a".into(), 1, "late".into());
        });
        assert_eq!(obituaries.wait_for("a", 1).await.as_deref(), Some("late"));
        assert_eq!(obituaries.wait_for("a", 1).await, None);
        for i in 0..1000 {
            obituaries.tell("b".into(), i, String::new());
        }
        assert_eq!(obituaries.0.told.lock().unwrap().len(), KEPT_MAX);
    }
}

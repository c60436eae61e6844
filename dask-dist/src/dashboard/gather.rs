//! Asking the scheduler, not more often than it may be asked: viewers share answers.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dask_core::Key;
use tokio::sync::Mutex;

use crate::scheduler::{EndedSince, LayerCount, News, Overview, SmallGraph, TaskStory};
use crate::shell::questions::{Pairs, Questions};

/// An answer serves for so long.
const FRESH: Duration = Duration::from_millis(400);
/// A scheduler that does not answer within this time is ill.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks, and keeps what was answered last. Each kind of answer has a lock of its own. Whatever is not answered in time is `None`, as of a scheduler that has ended.
pub(super) struct Gather {
    questions: Questions,
    overview: Mutex<Option<(Instant, Arc<Overview>)>>,
    layers: Mutex<Option<(Instant, Arc<Vec<LayerCount>>)>>,
}

async fn patiently<A>(answer: impl Future<Output = Option<A>>) -> Option<A> {
    tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
}

impl Gather {
    pub(super) fn new(questions: Questions) -> Self {
        Self { questions, overview: Mutex::default(), layers: Mutex::default() }
    }

    /// Whether the scheduler answers.
    pub(super) async fn is_well(&self) -> bool {
        patiently(self.questions.alive()).await.is_some()
    }

    /// All that is cheap to know.
    pub(super) async fn overview(&self) -> Option<Arc<Overview>> {
        patiently(async {
            let mut last = self.overview.lock().await;
            if let Some((_, overview)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
                return Some(overview.clone());
            }
            let overview = Arc::new(self.questions.overview().await?);
            *last = Some((Instant::now(), overview.clone()));
            Some(overview)
        })
        .await
    }

    /// Tasks by layer and state.
    pub(super) async fn layers(&self) -> Option<Arc<Vec<LayerCount>>> {
        patiently(async {
            let mut last = self.layers.lock().await;
            if let Some((_, layers)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
                return Some(layers.clone());
            }
            let layers = Arc::new(self.questions.layers().await?);
            *last = Some((Instant::now(), layers.clone()));
            Some(layers)
        })
        .await
    }

    pub(super) async fn ended(&self, from: u64, max: usize) -> Option<EndedSince> {
        patiently(self.questions.ended(from, max)).await
    }

    pub(super) async fn news(&self, from: u64, max: usize) -> Option<(Vec<News>, u64)> {
        patiently(self.questions.news(from, max)).await
    }

    /// The inner `None` if there is no such task.
    pub(super) async fn story(&self, key: Key) -> Option<Option<TaskStory>> {
        patiently(self.questions.story(key)).await
    }

    pub(super) async fn traffic(&self, max: usize) -> Option<Pairs> {
        patiently(self.questions.traffic(max)).await
    }

    pub(super) async fn graph(&self, max: u32) -> Option<SmallGraph> {
        patiently(self.questions.graph(max)).await
    }
}

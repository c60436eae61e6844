//! Asking the scheduler, not more often than it may be asked: viewers share answers.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dask_core::Key;
use tokio::sync::Mutex;

use crate::scheduler::{EndedSince, LayerCount, LayerProfile, News, Overview, SmallGraph, TaskStory, Traffic};
use crate::shell::questions::Questions;

/// An answer serves for so long.
const FRESH: Duration = Duration::from_millis(400);
/// A scheduler that does not answer within this time is ill.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks, and keeps what was answered last. Whatever is not answered in time is `None`, as of a scheduler that has ended.
pub(super) struct Gather {
    questions: Questions,
    overview: Last<Overview>,
    layers: Last<Vec<LayerCount>>,
}

/// What was answered last, and when. Each kind of answer has a lock of its own.
struct Last<A>(Mutex<Option<(Instant, Arc<A>)>>);

impl<A> Last<A> {
    /// That, if it is fresh; else what is answered now.
    async fn get(&self, ask: impl Future<Output = Option<A>>) -> Option<Arc<A>> {
        patiently(async {
            let mut last = self.0.lock().await;
            if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
                return Some(answer.clone());
            }
            let answer = Arc::new(ask.await?);
            *last = Some((Instant::now(), answer.clone()));
            Some(answer)
        })
        .await
    }
}

async fn patiently<A>(answer: impl Future<Output = Option<A>>) -> Option<A> {
    tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
}

impl Gather {
    pub(super) fn new(questions: Questions) -> Self {
        Self { questions, overview: Last(Mutex::default()), layers: Last(Mutex::default()) }
    }

    /// Whether the scheduler answers.
    pub(super) async fn is_well(&self) -> bool {
        patiently(self.questions.alive()).await.is_some()
    }

    /// All that is cheap to know.
    pub(super) async fn overview(&self) -> Option<Arc<Overview>> {
        self.overview.get(self.questions.overview()).await
    }

    /// Tasks by layer and state.
    pub(super) async fn layers(&self) -> Option<Arc<Vec<LayerCount>>> {
        self.layers.get(self.questions.layers()).await
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

    pub(super) async fn traffic(&self, max: usize) -> Option<Traffic> {
        patiently(self.questions.traffic(max)).await
    }

    /// The inner `None` if there is no such kind of layer.
    pub(super) async fn profile(&self, layer: String, max: usize) -> Option<Option<LayerProfile>> {
        patiently(self.questions.profile(layer, max)).await
    }

    pub(super) async fn graph(&self, max: u32) -> Option<SmallGraph> {
        patiently(self.questions.graph(max)).await
    }
}

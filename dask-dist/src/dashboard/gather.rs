//! Asking the scheduler, not more often than it may be asked: viewers share answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::scheduler::{LayerCount, Overview};
use crate::shell::questions::Questions;

/// An answer serves for so long.
const FRESH: Duration = Duration::from_millis(400);
/// Counting all tasks takes at most one part in so many of the time.
const CENSUS_SHARE: u32 = 50;
/// A scheduler that does not answer within this time is ill.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was asked last.
#[derive(Default)]
struct Last {
    overview: Option<(Instant, Arc<Overview>)>,
    layers: Option<(Instant, Duration, Arc<Vec<LayerCount>>)>,
}

pub(super) struct Gather {
    pub(super) questions: Questions,
    last: Mutex<Last>,
}

impl Gather {
    pub(super) fn new(questions: Questions) -> Self {
        Self { questions, last: Mutex::default() }
    }

    /// All that is cheap to know.
    pub(super) async fn overview(&self) -> Option<Arc<Overview>> {
        let mut last = self.last.lock().await;
        if let Some((_, overview)) = last.overview.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Some(overview.clone());
        }
        let overview = tokio::time::timeout(PATIENCE, self.questions.overview()).await.ok().flatten()?;
        let overview = Arc::new(overview);
        last.overview = Some((Instant::now(), overview.clone()));
        Some(overview)
    }

    /// Tasks by layer and state.
    pub(super) async fn layers(&self) -> Option<Arc<Vec<LayerCount>>> {
        let mut last = self.last.lock().await;
        if let Some((_, _, layers)) =
            last.layers.as_ref().filter(|(at, took, _)| at.elapsed() < FRESH.max(*took * CENSUS_SHARE))
        {
            return Some(layers.clone());
        }
        let start = Instant::now();
        let layers = tokio::time::timeout(PATIENCE, self.questions.census()).await.ok().flatten()?;
        let layers = Arc::new(layers);
        last.layers = Some((Instant::now(), start.elapsed(), layers.clone()));
        Some(layers)
    }
}

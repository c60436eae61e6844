//! What is sent to those who watch: every half second, at most 50 KB, whatever the cluster's size. Rows are cut by the
//! bytes that they take, and what was left out is counted; those of workers come some at a time.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::Shared;
use super::api::status_of;
use crate::protocol::WorkerInfo;
use crate::scheduler::{Ended, LayerCount, News, Overview};

const EVERY: Duration = Duration::from_millis(500);
/// Bytes of a push, besides the rows of workers; see [`push`].
const PUSH_BYTES: usize = 35_000;
/// Of these, layers may take so many, those with most tasks first,
const LAYERS_BYTES: usize = 10_000;
/// and news so many, the last first. Tasks take what is left.
const NEWS_BYTES: usize = 6_000;
/// Of the tasks that ended since the last push, so many are looked at.
const TASKS_MAX: usize = 1000;
const NEWS_MAX: usize = 20;
const LAYERS_MAX: usize = 60;
/// Names of layers and workers are cut to so many characters; keys never are, for they are asked with.
const NAME_MAX: usize = 90;
const NEWS_TEXT_MAX: usize = 400;
/// Rows of workers may take so many bytes of a push: those of many workers come in several.
const WORKERS_BYTES: usize = 14_000;
/// And all of them so many, those with most memory first.
const WORKERS_BYTES_MAX: usize = 480_000;
const VIEWERS_MAX: usize = 64;

/// A place among those who watch; free again when dropped.
struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a viewer stands.
struct Viewer {
    shared: Shared,
    /// The number of the next task to see, and how many had ended when it was last asked.
    tasks: u64,
    n_ended: Option<u64>,
    news: u64,
    /// Rows of workers that are still to come.
    workers: VecDeque<String>,
    _seat: Seat,
}

pub(super) async fn stream(State(shared): State<Shared>) -> Response {
    if VIEWERS_MAX <= shared.viewers.fetch_add(1, Ordering::Relaxed) {
        shared.viewers.fetch_sub(1, Ordering::Relaxed);
        return (StatusCode::SERVICE_UNAVAILABLE, "too many watch already").into_response();
    }
    let seat = Seat(shared.viewers.clone());
    let viewer = Viewer { shared, tasks: 0, n_ended: None, news: 0, workers: VecDeque::new(), _seat: seat };
    let pushes = stream::unfold((viewer, true), |(mut viewer, first)| async move {
        if !first {
            tokio::time::sleep(EVERY).await;
        }
        let push = viewer.next().await?;
        Some((Ok::<_, Infallible>(Event::default().data(push)), (viewer, false)))
    });
    Sse::new(pushes).into_response()
}

impl Viewer {
    async fn next(&mut self) -> Option<String> {
        let gather = &self.shared.gather;
        let (overview, layers) = (gather.overview().await?, gather.layers().await?);
        let ended = gather.ended(self.tasks, TASKS_MAX).await?;
        let (news, next_news) = gather.news(self.news, NEWS_MAX).await?;
        let n_new = ended.n_ended - self.n_ended.unwrap_or(ended.n_ended);
        (self.tasks, self.n_ended, self.news) = (ended.next, Some(ended.n_ended), next_news);
        if self.workers.is_empty() {
            self.workers = worker_rows(&overview);
        }
        let workers = some_of(&mut self.workers);
        let more = !self.workers.is_empty();
        Some(push(status_of(&overview, &layers), &layers, &ended.tasks, n_new, &news, (&workers, more)))
    }
}

/// An array of JSON, and how many rows it has.
struct Rows {
    json: String,
    n: usize,
}

impl Rows {
    /// Those of the rows that fit, in their order. If not all do, those with the lowest `turn` go first; it is given
    /// the place of a row, and of how many about one can be kept.
    fn fit(rows: impl IntoIterator<Item = Value>, nbytes_max: usize, turn: impl Fn(usize, usize) -> usize) -> Self {
        let rows: Vec<String> = rows.into_iter().map(|row| row.to_string()).collect();
        let all: usize = rows.iter().map(|row| row.len() + 1).sum();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&i| turn(i, all.div_ceil(nbytes_max)));
        let mut left = nbytes_max.saturating_sub(2);
        order.retain(|&i| {
            let fits = rows[i].len() < left;
            left -= if fits { rows[i].len() + 1 } else { 0 };
            fits
        });
        order.sort_unstable();
        let kept: Vec<&str> = order.iter().map(|&i| rows[i].as_str()).collect();
        Self { json: format!("[{}]", kept.join(",")), n: kept.len() }
    }
}

/// A text for people, that ends with dots if it was cut.
fn cut(text: &str, n_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(n_max) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}

fn layer_rows(layers: &[LayerCount]) -> Rows {
    let mut shown: Vec<&LayerCount> = layers.iter().filter(|layer| layer.states.iter().any(|&n| n != 0)).collect();
    shown.sort_by_key(|layer| std::cmp::Reverse(layer.states.iter().sum::<u64>()));
    shown.truncate(LAYERS_MAX);
    let row = |layer: &LayerCount| {
        json!([cut(&layer.what, NAME_MAX), layer.states, layer.nanos, layer.nbytes, layer.measured])
    };
    Rows::fit(shown.into_iter().map(row), LAYERS_BYTES, |i, _| i)
}

/// Failed tasks before others; of these some at equal distances.
fn task_rows(ended: &[Ended], nbytes_max: usize) -> Rows {
    let row = |task: &Ended| {
        let at = (task.at.as_secs_f64() * 1e4).round() / 1e4;
        let (took, key) = (task.took.as_micros() as u64, task.key.to_string());
        json!([at, took, task.worker.0, key, task.nbytes, u8::from(task.failed)])
    };
    Rows::fit(ended.iter().map(row), nbytes_max, |i, one_in| if ended[i].failed { 0 } else { 1 + i % one_in })
}

/// All that are to come, one after the other.
fn worker_rows(overview: &Overview) -> VecDeque<String> {
    let mut all: Vec<(&WorkerInfo, u64)> =
        overview.demand.workers.iter().zip(overview.occupancy.iter().copied()).collect();
    all.sort_by_key(|(worker, _)| std::cmp::Reverse(worker.metrics.resident));
    let row = |(worker, nanos): (&WorkerInfo, u64)| {
        let m = worker.metrics;
        json!([
            worker.id.0,
            cut(&worker.name, NAME_MAX),
            worker.n_threads,
            worker.memory_limit,
            m.resident,
            m.managed,
            m.spilled,
            m.cpu_percent.round() as u32,
            m.executing,
            worker.n_processing,
            worker.n_held,
            m.received,
            m.sent,
            worker.status,
            nanos / 1_000_000,
        ])
    };
    let mut left = WORKERS_BYTES_MAX;
    let rows = all.into_iter().map(|of| row(of).to_string());
    rows.take_while(|row| {
        let fits = row.len() < left;
        left = left.saturating_sub(row.len() + 1);
        fits
    })
    .collect()
}

/// Takes as many of the first rows as fit into a push, at least one: as an array.
fn some_of(rows: &mut VecDeque<String>) -> String {
    let (mut some, mut nbytes) = (Vec::new(), 2);
    while let Some(row) = rows.front()
        && (some.is_empty() || nbytes + row.len() < WORKERS_BYTES)
    {
        nbytes += row.len() + 1;
        some.extend(rows.pop_front());
    }
    format!("[{}]", some.join(","))
}

/// One push. `n_new` tasks have ended since the last, of which `ended` are known; some rows of workers, and whether there
/// are more to come.
fn push(
    status: Value,
    layers: &[LayerCount],
    ended: &[Ended],
    n_new: u64,
    news: &[News],
    (workers, more): (&str, bool),
) -> String {
    let (status, layers) = (status.to_string(), layer_rows(layers).json);
    let news =
        news.iter().map(|news| json!({ "seconds": news.at.as_secs_f64(), "text": cut(&news.text, NEWS_TEXT_MAX) }));
    let n_news = news.len();
    let news = Rows::fit(news, NEWS_BYTES, |i, _| n_news - i).json;
    let tasks = task_rows(ended, PUSH_BYTES.saturating_sub(status.len() + layers.len() + news.len() + 100));
    let left_out = n_new.saturating_sub(tasks.n as u64);
    format!(
        r#"{{"status":{status},"layers":{layers},"tasks":{},"left_out":{left_out},"news":{news},"workers":{workers},"more":{more}}}"#,
        tasks.json
    )
}

#[cfg(test)]
mod tests;

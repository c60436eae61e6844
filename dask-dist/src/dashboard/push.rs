//! What is sent to those who watch: every half second, at most 100 KB a second, whatever the cluster's size.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::Shared;
use super::api::{news_of, status_of};
use crate::scheduler::{Ended, LayerCount, Overview};

const EVERY: Duration = Duration::from_millis(500);
/// Of the tasks that ended since the last push, the last so many.
const TASKS_MAX: usize = 200;
const NEWS_MAX: usize = 20;
const LAYERS_MAX: usize = 60;
/// Keys and texts are cut to so many characters.
const TEXT_MAX: usize = 90;
/// Bytes a second that workers' rows may take: with many workers they come less often.
const WORKERS_RATE: usize = 25_000;
/// Bytes of a worker's row, about.
const ROW: usize = 150;
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
    tasks: u64,
    news: u64,
    workers: Option<Instant>,
    _seat: Seat,
}

pub(super) async fn stream(State(shared): State<Shared>) -> Response {
    if VIEWERS_MAX <= shared.viewers.fetch_add(1, Ordering::Relaxed) {
        shared.viewers.fetch_sub(1, Ordering::Relaxed);
        return (StatusCode::SERVICE_UNAVAILABLE, "too many watch already").into_response();
    }
    let seat = Seat(shared.viewers.clone());
    let viewer = Viewer { shared, tasks: 0, news: 0, workers: None, _seat: seat };
    let pushes = stream::unfold((viewer, true), |(mut viewer, first)| async move {
        if !first {
            tokio::time::sleep(EVERY).await;
        }
        let push = viewer.next().await?;
        Some((Ok::<_, Infallible>(Event::default().data(push.to_string())), (viewer, false)))
    });
    Sse::new(pushes).into_response()
}

impl Viewer {
    async fn next(&mut self) -> Option<Value> {
        let gather = &self.shared.gather;
        let (overview, layers) = (gather.overview().await?, gather.layers().await?);
        let (ended, tasks) = gather.questions.ended(self.tasks, TASKS_MAX).await?;
        let (news, next_news) = gather.questions.news(self.news, NEWS_MAX).await?;
        (self.tasks, self.news) = (tasks, next_news);
        let rarely = Duration::from_secs_f64((overview.workers.len() * ROW) as f64 / WORKERS_RATE as f64);
        let due = self.workers.is_none_or(|at| rarely <= at.elapsed());
        if due {
            self.workers = Some(Instant::now());
        }
        let mut push = push(&overview, due, &layers, &ended);
        push["news"] = news_of(&news);
        Some(push)
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT_MAX).map_or(text, |(at, _)| &text[..at])
}

fn push(overview: &Overview, with_workers: bool, layers: &[LayerCount], ended: &[Ended]) -> Value {
    let mut shown: Vec<&LayerCount> = layers.iter().filter(|layer| layer.states.iter().any(|&n| n != 0)).collect();
    shown.sort_by_key(|layer| std::cmp::Reverse(layer.states.iter().sum::<u64>()));
    shown.truncate(LAYERS_MAX);
    let mut push = json!({
        "status": status_of(overview, layers),
        "layers": shown.iter().map(|layer| json!([cut(&layer.what), layer.states, layer.nanos, layer.nbytes, layer.measured]))
            .collect::<Value>(),
        "tasks": ended.iter().map(|task| json!([
            (task.at.as_secs_f64() * 1e4).round() / 1e4, task.took.as_micros() as u64, task.worker.0,
            cut(&task.key.to_string()), task.nbytes, u8::from(task.failed),
        ])).collect::<Value>(),
    });
    if with_workers {
        push["workers"] = overview
            .workers
            .iter()
            .zip(&overview.occupancy)
            .map(|(worker, nanos)| {
                let m = worker.metrics;
                json!([
                    worker.id.0,
                    cut(&worker.name),
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
            })
            .collect();
    }
    push
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Metrics, WorkerId, WorkerInfo};

    #[test]
    fn a_thousand_workers_and_a_thousand_tasks_a_second_fit() {
        let big = 12_345_678_901u64;
        let metrics = Metrics {
            managed: big,
            spilled: big,
            resident: big,
            cpu_percent: 199.0,
            executing: 8,
            waiting: 80,
            received: big,
            sent: big,
        };
        let workers = (0..1000u32).map(|i| WorkerInfo {
            id: WorkerId(i),
            name: format!("worker-node-{i}"),
            address: format!("tcp://10.0.0.1:{i}"),
            n_threads: 8,
            memory_limit: big,
            process: i,
            metrics,
            n_held: 1000,
            n_actors: 0,
            n_processing: 16,
            status: "running".to_owned(),
        });
        let overview = Overview {
            now: Duration::from_secs(1000),
            workers: workers.collect(),
            occupancy: vec![big; 1000],
            n_clients: 1,
            n_tasks: 1_000_000,
            n_ended: 1_000_000,
            n_queued: 1000,
            workers_by_status: [200; 5],
            tables: 1 << 30,
        };
        let layer = LayerCount {
            what: "a-layer-of-some-name".to_owned(),
            nanos: big,
            nbytes: big,
            measured: 1000,
            states: [1_000_000; 7],
        };
        let task = |i: u64| Ended {
            key: format!("('a-layer-of-some-name-0123456789abcdef0123456789abcdef', {i}, {i})").parse().unwrap(),
            worker: WorkerId(999),
            at: Duration::from_micros(i * 1001),
            took: Duration::from_millis(1),
            nbytes: big,
            failed: false,
        };
        let ended: Vec<Ended> = (0..TASKS_MAX as u64).map(task).collect();
        let layers = vec![layer; 20];
        let each = push(&overview, false, &layers, &ended).to_string().len() as f64;
        let workers = push(&overview, true, &layers, &ended).to_string().len() as f64 - each;
        let rarely = (1000 * ROW) as f64 / WORKERS_RATE as f64;
        let rate = each / EVERY.as_secs_f64() + workers / rarely;
        assert!(rate < 100_000.0, "{rate} bytes a second: {each} a push, {workers} of workers");
    }
}

//! The JSON API.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dask_core::Key;
use serde_json::{Value, json};

use super::Shared;
use crate::protocol::{ACTIVITIES, WorkerInfo};
use crate::scheduler::{Ended, LayerCount, LayerProfile, News, Overview, STATES};

const ENDED_MAX: usize = 2000;
const GRAPH_MAX: u32 = 500;
pub(super) const PAIRS_MAX: usize = 500;
pub(super) const CALLS_MAX: usize = 1000;

fn error(status: StatusCode, what: String) -> Response {
    (status, Json(json!({ "error": what }))).into_response()
}

/// What is answered for a scheduler that is silent or has ended.
pub(super) fn gone() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "the scheduler does not answer".to_owned())
}

fn answer(value: Option<Value>) -> Response {
    value.map_or_else(gone, |value| Json(value).into_response())
}

pub(super) async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "no such page; the page is at /, the API at /api/v1/status".to_owned())
}

pub(super) async fn health(State(shared): State<Shared>) -> Response {
    if shared.gather.is_well().await { "ok\n".into_response() } else { gone() }
}

/// Tasks by state, of all layers.
pub(super) fn totals(layers: &[LayerCount]) -> [u64; 7] {
    let mut totals = [0; 7];
    for layer in layers {
        totals.iter_mut().zip(layer.states).for_each(|(total, n)| *total += n);
    }
    totals
}

pub(super) fn status_of(overview: &Overview, layers: &[LayerCount]) -> Value {
    let by_state: serde_json::Map<String, Value> =
        STATES.iter().zip(totals(layers)).map(|(state, n)| ((*state).to_owned(), n.into())).collect();
    let [idle, partial, saturated, paused, leaving] = overview.workers_by_status;
    json!({
        "seconds": overview.now.as_secs_f64(),
        "clients": overview.n_clients,
        "workers": overview.demand.workers.len(),
        "workers_by_status":
            { "idle": idle, "partially_saturated": partial, "saturated": saturated, "paused": paused, "leaving": leaving },
        "tasks": overview.n_tasks,
        "tasks_by_state": by_state,
        "ended": overview.n_ended,
        "queued_roots": overview.n_queued,
        "scheduler_bytes": overview.tables,
    })
}

pub(super) fn worker_of(worker: &WorkerInfo, occupancy: u64) -> Value {
    let metrics = worker.metrics;
    json!({
        "id": worker.id.0, "name": worker.name, "address": worker.address, "status": worker.status,
        "threads": worker.n_threads, "process": worker.process, "memory_limit": worker.memory_limit,
        "memory": metrics.resident, "managed": metrics.managed, "spilled": metrics.spilled,
        "unmanaged": metrics.resident.saturating_sub(metrics.managed),
        "cpu_percent": metrics.cpu_percent, "executing": metrics.executing, "waiting": metrics.waiting,
        "received": metrics.received, "sent": metrics.sent, "values": worker.n_held, "processing": worker.n_processing,
        "occupancy_seconds": occupancy as f64 / 1e9,
    })
}

pub(super) fn workers_of(overview: &Overview) -> Value {
    overview.demand.workers.iter().zip(&overview.occupancy).map(|(worker, &nanos)| worker_of(worker, nanos)).collect()
}

pub(super) fn layers_of(layers: &[LayerCount]) -> Value {
    let layer = |layer: &LayerCount| {
        let states: serde_json::Map<String, Value> =
            STATES.iter().zip(layer.states).map(|(state, n)| ((*state).to_owned(), n.into())).collect();
        json!({ "layer": layer.what, "tasks": states, "average_seconds": layer.nanos as f64 / 1e9,
                "average_bytes": layer.nbytes, "measured": layer.measured, "seconds_seen": seconds_seen(layer) })
    };
    layers.iter().map(layer).collect()
}

/// Seconds that threads were seen at each activity.
fn seconds_seen(layer: &LayerCount) -> Value {
    let seen = ACTIVITIES.iter().zip(layer.activity);
    seen.map(|(what, millis)| ((*what).to_owned(), (millis as f64 / 1e3).into()))
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

pub(super) fn profile_of(profile: &LayerProfile) -> Value {
    let seconds = |micros: u64| micros as f64 / 1e6;
    let calls = profile.calls.iter().map(|call| {
        json!({ "function": &*call.function, "caller": call.caller, "self_seconds": seconds(call.own),
                "seconds": seconds(call.micros) })
    });
    json!({ "layer": profile.what, "seconds": seconds(profile.micros), "cut_seconds": seconds(profile.cut),
            "calls_known": profile.n_calls, "calls": calls.collect::<Vec<_>>() })
}

pub(super) fn ended_of(ended: &[Ended]) -> Value {
    let task = |task: &Ended| {
        json!({ "key": task.key.to_string(), "worker": task.worker.0, "ended": task.at.as_secs_f64(),
                "seconds": task.took.as_secs_f64(), "bytes": task.nbytes, "failed": task.failed })
    };
    ended.iter().map(task).collect()
}

pub(super) fn news_of(news: &[News]) -> Value {
    news.iter().map(|news| json!({ "seconds": news.at.as_secs_f64(), "text": news.text })).collect()
}

pub(super) async fn status(State(shared): State<Shared>) -> Response {
    let (overview, layers) = (shared.gather.overview().await, shared.gather.layers().await);
    answer(overview.zip(layers).map(|(overview, layers)| status_of(&overview, &layers)))
}

pub(super) async fn workers(State(shared): State<Shared>) -> Response {
    answer(shared.gather.overview().await.map(|overview| workers_of(&overview)))
}

pub(super) async fn layers(State(shared): State<Shared>) -> Response {
    answer(shared.gather.layers().await.map(|layers| layers_of(&layers)))
}

pub(super) async fn profile(State(shared): State<Shared>, Path(layer): Path<String>) -> Response {
    match shared.gather.profile(layer.clone(), CALLS_MAX).await {
        Some(Some(profile)) => Json(profile_of(&profile)).into_response(),
        Some(None) => {
            let why = format!("no layer {layer} is known: those that are stand in /api/v1/layers");
            error(StatusCode::NOT_FOUND, why)
        }
        None => gone(),
    }
}

pub(super) async fn transfers(State(shared): State<Shared>) -> Response {
    answer(shared.gather.traffic(PAIRS_MAX).await.map(|traffic| json!(traffic)))
}

pub(super) async fn tasks(State(shared): State<Shared>) -> Response {
    answer(shared.gather.ended(0, ENDED_MAX).await.map(|ended| ended_of(&ended.tasks)))
}

pub(super) async fn events(State(shared): State<Shared>) -> Response {
    answer(shared.gather.news(0, ENDED_MAX).await.map(|(news, _)| news_of(&news)))
}

pub(super) async fn graph(State(shared): State<Shared>) -> Response {
    answer(shared.gather.graph(GRAPH_MAX).await.map(|graph| json!(graph)))
}

pub(super) async fn task(State(shared): State<Shared>, Path(text): Path<String>) -> Response {
    let key: Key = match text.parse() {
        Ok(key) => key,
        Err(why) => return error(StatusCode::BAD_REQUEST, format!("{text:?} is no key: {why}")),
    };
    match shared.gather.story(key).await {
        Some(Some(story)) => Json(json!(story)).into_response(),
        Some(None) => {
            let why = format!("no task {text} is known: it was never submitted, or nobody wants it any more");
            error(StatusCode::NOT_FOUND, why)
        }
        None => gone(),
    }
}

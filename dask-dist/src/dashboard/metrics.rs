//! For Prometheus, under Dask's names where Dask has them.

use std::fmt::{Display, Write};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::api::{not_found, totals};
use crate::scheduler::{LayerCount, Overview, STATES};

pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let (Some(overview), Some(layers)) = (shared.gather.overview().await, shared.gather.layers().await) else {
        return not_found().await;
    };
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&overview, &layers)).into_response()
}

struct Out(String);

impl Out {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0 += name;
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

fn text(overview: &Overview, layers: &[LayerCount]) -> String {
    let mut out = Out(String::new());
    out.one("dask_scheduler_clients", "gauge", "Clients that are connected", overview.n_clients);
    out.family("dask_scheduler_workers", "gauge", "Workers by status");
    let status = ["idle", "partially_saturated", "saturated", "paused", "leaving"];
    for (status, n) in status.iter().zip(overview.workers_by_status) {
        out.sample("dask_scheduler_workers", &[("state", status)], n);
    }
    out.family("dask_scheduler_tasks", "gauge", "Tasks by state");
    for (state, n) in STATES.iter().zip(totals(layers)) {
        out.sample("dask_scheduler_tasks", &[("state", state)], n);
    }
    let ended = overview.n_ended;
    out.one("dask_scheduler_tasks_ended_total", "counter", "Tasks that ended since the start", ended);
    out.one("dask_scheduler_queued_tasks", "gauge", "Root tasks that wait for room", overview.n_queued);
    out.one("dask_scheduler_table_bytes", "gauge", "Bytes of the tables of tasks", overview.tables);
    out.one("dask_scheduler_uptime_seconds", "gauge", "Since the start", overview.now.as_secs_f64());
    out.family("dask_scheduler_layer_duration_seconds", "gauge", "Average duration of the tasks of a kind of layer");
    for layer in layers.iter().filter(|layer| layer.measured != 0) {
        let seconds = layer.nanos as f64 / 1e9;
        out.sample("dask_scheduler_layer_duration_seconds", &[("layer", &layer.what)], seconds);
    }
    type Get = fn(&crate::protocol::WorkerInfo) -> f64;
    let of_workers: [(&str, &str, &str, Get); 8] = [
        ("dask_worker_threads", "gauge", "Tasks that run at a time", |w| f64::from(w.n_threads)),
        ("dask_worker_memory_limit_bytes", "gauge", "Memory it may use; 0 if any", |w| w.memory_limit as f64),
        ("dask_worker_cpu_percent", "gauge", "Processor time, in hundredths of a core", |w| {
            f64::from(w.metrics.cpu_percent)
        }),
        ("dask_worker_tasks_executing", "gauge", "Tasks that run", |w| f64::from(w.metrics.executing)),
        ("dask_worker_tasks_waiting", "gauge", "Tasks that could run or wait for data", |w| {
            f64::from(w.metrics.waiting)
        }),
        ("dask_worker_values", "gauge", "Values that it holds", |w| w.n_held as f64),
        ("dask_worker_received_bytes_total", "counter", "Bytes received from peers", |w| w.metrics.received as f64),
        ("dask_worker_sent_bytes_total", "counter", "Bytes sent to peers", |w| w.metrics.sent as f64),
    ];
    for (name, kind, help, get) in of_workers {
        out.family(name, kind, help);
        for worker in &overview.workers {
            out.sample(name, &[("worker", &worker.name)], get(worker));
        }
    }
    out.family("dask_worker_memory_bytes", "gauge", "Memory by type");
    for worker in &overview.workers {
        let m = worker.metrics;
        for (kind, n) in
            [("managed", m.managed), ("unmanaged", m.resident.saturating_sub(m.managed)), ("spilled", m.spilled)]
        {
            out.sample("dask_worker_memory_bytes", &[("worker", &worker.name), ("type", kind)], n);
        }
    }
    out.0
}

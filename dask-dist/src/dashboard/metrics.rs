//! For Prometheus, under Dask's names where Dask has them.

use std::fmt::{Display, Write};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::api::{gone, totals};
use crate::deploy::Adaptive;
use crate::scheduler::{LayerCount, Overview, STATES, Turns};

pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let (Some(overview), Some(layers)) = (shared.gather.overview().await, shared.gather.layers().await) else {
        return gone();
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
    let [idle, partial, saturated, paused, leaving] = overview.workers_by_status;
    let by_state = [
        ("idle", idle),
        ("partially_saturated", partial),
        ("saturated", saturated),
        ("paused_or_retiring", paused + leaving),
    ];
    for (state, n) in by_state {
        out.sample("dask_scheduler_workers", &[("state", state)], n);
    }
    let desired = Adaptive::configured().unwrap_or_default().wanted(&overview.demand);
    out.one("dask_scheduler_desired_workers", "gauge", "Workers that the work that is there asks for", desired);
    out.family("dask_scheduler_tasks", "gauge", "Tasks by state");
    for (state, n) in STATES.iter().zip(totals(layers)) {
        out.sample("dask_scheduler_tasks", &[("state", state)], n);
    }
    let ended = overview.n_ended;
    out.one("dask_scheduler_tasks_ended_total", "counter", "Tasks that ended since the start", ended);
    layer_totals(&mut out, layers);
    turns(&mut out, overview.turns);
    out.one("dask_scheduler_queued_tasks", "gauge", "Root tasks that wait for room", overview.n_queued);
    out.one("dask_scheduler_table_bytes", "gauge", "Bytes of the tables of tasks", overview.tables);
    out.one("dask_scheduler_uptime_seconds", "gauge", "Since the start", overview.now.as_secs_f64());
    out.family("dask_scheduler_layer_duration_seconds", "gauge", "Average duration of the tasks of a kind of layer");
    for layer in layers.iter().filter(|layer| layer.measured != 0) {
        let seconds = layer.nanos as f64 / 1e9;
        out.sample("dask_scheduler_layer_duration_seconds", &[("layer", &layer.what)], seconds);
    }
    worker_metrics(&mut out, overview);
    out.0
}

/// Turns of the scheduler's loop: everything that waits for it waits that long.
fn turns(out: &mut Out, turns: Turns) {
    let name = "dask_scheduler_tick_duration_seconds";
    out.family(name, "summary", "Turns of the scheduler's loop");
    for (share, time) in [("0.5", turns.p50), ("0.99", turns.p99)] {
        out.sample(name, &[("quantile", share)], time.as_secs_f64());
    }
    out.sample("dask_scheduler_tick_duration_seconds_sum", &[], turns.total.as_secs_f64());
    out.sample("dask_scheduler_tick_duration_seconds_count", &[], turns.n);
    let name = "dask_scheduler_tick_duration_maximum_seconds";
    out.one(name, "gauge", "The longest turn of the scheduler's loop in the last minute", turns.longest.as_secs_f64());
    out.one("dask_scheduler_tick_count_total", "counter", "Turns of the scheduler's loop", turns.n);
}

/// What happened to the tasks of each kind of layer; Dask calls that their prefix.
fn layer_totals(out: &mut Out, layers: &[LayerCount]) {
    let forgotten: u64 = layers.iter().map(|layer| layer.forgotten).sum();
    out.one("dask_scheduler_tasks_forgotten_total", "counter", "Tasks that nobody needed any more", forgotten);
    let name = "dask_scheduler_tasks_suspicious_total";
    out.family(name, "counter", "How often a task was suspected of the death of its worker");
    for layer in layers {
        out.sample(name, &[("task_prefix_name", &layer.what)], layer.suspicious);
    }
    let name = "dask_scheduler_prefix_state_totals_total";
    out.family(name, "counter", "How often a task came into a state");
    for layer in layers {
        for (state, n) in STATES.iter().zip(layer.entered).chain([(&"forgotten", layer.forgotten)]) {
            out.sample(name, &[("task_prefix_name", &layer.what), ("state", state)], n);
        }
    }
}

fn worker_metrics(out: &mut Out, overview: &Overview) {
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
        for worker in &overview.demand.workers {
            out.sample(name, &[("worker", &worker.name)], get(worker));
        }
    }
    out.family("dask_worker_memory_bytes", "gauge", "Memory by type");
    for worker in &overview.demand.workers {
        let m = worker.metrics;
        for (kind, n) in
            [("managed", m.managed), ("unmanaged", m.resident.saturating_sub(m.managed)), ("spilled", m.spilled)]
        {
            out.sample("dask_worker_memory_bytes", &[("worker", &worker.name), ("type", kind)], n);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::protocol::{WorkerHello, WorkerId};
    use crate::scheduler::{Event, Machine, Settings};

    fn hello(name: &str, address: &str) -> WorkerHello {
        WorkerHello { name: name.to_owned(), address: address.to_owned(), n_threads: 1, ..WorkerHello::default() }
    }

    #[test]
    fn workers_that_are_called_the_same_have_samples_of_their_own() {
        let mut machine = Machine::new(Settings::default(), 1);
        let now = std::time::Duration::ZERO;
        let come = |machine: &mut Machine, hello| machine.add_worker(now, hello);
        for (name, address) in [("a", "tcp://x:1"), ("a", "tcp://x:2"), ("", "tcp://x:3"), ("", "tcp://x:4")] {
            come(&mut machine, hello(name, address));
        }
        let names = |machine: &Machine| -> Vec<String> {
            let mut names: Vec<_> = machine.overview().demand.workers.into_iter().map(|worker| worker.name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(&machine), ["a", "a-2", "tcp://x:3", "tcp://x:4"]);
        let text = text(&machine.overview(), &[]);
        let mut samples = BTreeSet::new();
        for line in text.lines() {
            let sample = if line.starts_with('#') { line } else { line.rsplit_once(' ').unwrap().0 };
            assert!(samples.insert(sample), "twice: {line}");
        }
        assert!(samples.contains("dask_worker_threads{worker=\"a-2\"}"), "{text}");
        // One that returns before its old connection has ended is called as before.
        let was = WorkerHello { was: Some(WorkerId(0)), ..hello("a", "tcp://x:1") };
        come(&mut machine, was);
        assert_eq!(names(&machine), ["a", "a-2", "tcp://x:3", "tcp://x:4"]);
        machine.handle(now, Event::WorkerLost(WorkerId(1), "gone".to_owned()));
        come(&mut machine, hello("a", "tcp://x:5"));
        assert_eq!(names(&machine), ["a", "a-2", "tcp://x:3", "tcp://x:4"]);
    }
}

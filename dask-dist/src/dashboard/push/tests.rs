//! What a viewer is sent stays within its bytes, whatever there is to be told.

use super::*;
use crate::protocol::{Demand, Metrics, WorkerId};
use crate::scheduler::Turns;

/// No rows of workers.
const NONE: (&str, bool) = ("[]", false);

const BIG: u64 = 12_345_678_901;

fn metrics() -> Metrics {
    Metrics {
        managed: BIG,
        spilled: BIG,
        resident: BIG,
        cpu_percent: 199.0,
        executing: 8,
        waiting: 80,
        received: BIG,
        sent: BIG,
    }
}

/// A cluster of so many workers, with names of so many characters.
fn overview(n_workers: u32, name: usize) -> Overview {
    let worker = |i: u32| WorkerInfo {
        id: WorkerId(i),
        name: format!("{}{i}", "\u{1}".repeat(name)),
        address: format!("tcp://10.0.0.1:{i}"),
        n_threads: 8,
        memory_limit: BIG,
        process: i,
        metrics: metrics(),
        n_held: 1000,
        n_actors: 0,
        n_processing: 16,
        status: "running".to_owned(),
    };
    Overview {
        now: Duration::from_secs(1000),
        demand: Demand { workers: (0..n_workers).map(worker).collect(), ..Demand::default() },
        occupancy: vec![BIG; n_workers as usize],
        n_clients: 1,
        n_tasks: 1_000_000,
        n_ended: 1_000_000,
        n_queued: 1000,
        workers_by_status: [200; 5],
        tables: 1 << 30,
        turns: Turns::default(),
    }
}

/// Names that JSON makes six times longer.
fn layers() -> Vec<LayerCount> {
    let layer = |i: u64| LayerCount {
        what: format!("{i}{}", "\u{1}".repeat(300)),
        nanos: BIG,
        nbytes: BIG,
        measured: 1000,
        states: [1_000_000 + i; 7],
        ..LayerCount::default()
    };
    (0..100).map(layer).collect()
}

fn ended(n: u64, name: usize) -> Vec<Ended> {
    let task = |i: u64| Ended {
        key: format!("('{}-0123456789abcdef', {i}, {i})", "n".repeat(name)).parse().unwrap(),
        worker: WorkerId(999),
        at: Duration::from_micros(i * 501),
        took: Duration::from_millis(1),
        nbytes: BIG,
        failed: i == 77,
    };
    (0..n).map(task).collect()
}

fn news() -> Vec<News> {
    (0..20).map(|i| News { at: Duration::from_secs(i), text: format!("{i}{}", "\u{1}".repeat(2000)) }).collect()
}

#[test]
fn a_thousand_workers_sixty_layers_long_names_and_news_fit() {
    let overview = overview(1000, 200);
    let (layers, ended, news) = (layers(), ended(TASKS_MAX as u64, 300), news());
    let mut waiting = worker_rows(&overview);
    let (n, mut n_come) = (waiting.len(), 0);
    while !waiting.is_empty() {
        let some = some_of(&mut waiting);
        let push = push(status_of(&overview, &layers), &layers, &ended, 5000, &news, (&some, !waiting.is_empty()));
        // Two in a second.
        assert!(push.len() <= 50_000, "{} bytes", push.len());
        let push: Value = serde_json::from_str(&push).unwrap();
        n_come += push["workers"].as_array().unwrap().len();
        assert_eq!(push["more"], !waiting.is_empty());
    }
    assert_eq!(n_come, n);
}

#[test]
fn usual_names_leave_room_for_all_layers_and_a_thousand_workers() {
    let overview = overview(1000, 0);
    let layer = LayerCount { what: "sum-aggregate".to_owned(), states: [1000; 7], ..LayerCount::default() };
    assert_eq!(layer_rows(&vec![layer; 60]).n, 60);
    assert_eq!(worker_rows(&overview).len(), 1000);
    assert!(250 <= task_rows(&ended(1000, 20), PUSH_BYTES - LAYERS_BYTES).n);
}

#[test]
fn what_is_left_out_is_counted_and_what_failed_is_not() {
    let ended = ended(TASKS_MAX as u64, 20);
    let push = push(json!({}), &[], &ended, 5000, &[], NONE);
    let push: Value = serde_json::from_str(&push).unwrap();
    let tasks = push["tasks"].as_array().unwrap();
    assert_eq!(push["left_out"], 5000 - tasks.len());
    assert_eq!(tasks.iter().filter(|task| task[5] == 1).count(), 1);
    // They are of the whole time, in order.
    let at: Vec<f64> = tasks.iter().map(|task| task[0].as_f64().unwrap()).collect();
    assert!(at.is_sorted() && at[0] < 0.01 && 0.49 < at[at.len() - 1], "{at:?}");
    let widest = at.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(widest < 0.01, "a hole of {widest} s");
    let few = super::push(json!({}), &[], &ended[..10], 10, &[], NONE);
    assert_eq!(serde_json::from_str::<Value>(&few).unwrap()["left_out"], 0);
}

#[test]
fn keys_are_whole_so_that_they_can_be_asked_with() {
    let ended = ended(1, 5000);
    let rows: Value = serde_json::from_str(&task_rows(&ended, PUSH_BYTES).json).unwrap();
    assert_eq!(rows[0][3], ended[0].key.to_string());
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "abc…");
}

#[test]
fn the_last_news_are_sent_if_not_all_fit() {
    let push = push(json!({}), &[], &[], 0, &news(), NONE);
    let push: Value = serde_json::from_str(&push).unwrap();
    let texts: Vec<&str> = push["news"].as_array().unwrap().iter().map(|news| news["text"].as_str().unwrap()).collect();
    assert!(texts.len() < 20 && texts.last().unwrap().starts_with("19"), "{texts:?}");
}

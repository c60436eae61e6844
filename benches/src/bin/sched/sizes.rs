//! Merges, trees and chains of several sizes on two threads, from layers to the value; the smallest is what Dask runs.

use std::hint::black_box;
use std::time::Duration;

use dask_benches::processes::{forget_peaks, peak_megabytes};
use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_benches::timing::seconds;
use dask_core::{LayerGraph, Plan, RunContext, Scheduler};
use dask_sched::ThreadedScheduler;

use crate::{Options, Outcome};

/// Microseconds a task.
fn micros(shape: Shape, n: u32, n_repeats: usize) -> Outcome<f64> {
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let n_tasks = Plan::new(&graph, &keys)?.graph.n_tasks() as f64;
    let two = ThreadedScheduler::new(2);
    let time = seconds(&format!("{} {n}", shape.name()), n_repeats, Duration::ZERO, || {
        black_box(two.run(&graph, &keys, &RunContext::default())?);
        Ok(())
    })?;
    Ok(time * 1e6 / n_tasks)
}

pub(crate) fn merge(options: &Options) -> Outcome<Vec<Row>> {
    let (mut rows, this) = (Vec::new(), [std::process::id()]);
    for n in [options.n_peer_tasks, 100_000, 1_000_000] {
        forget_peaks(&this);
        let micros = micros(Shape::Merge, n, options.n_repeats)?;
        rows.push(Row::cost(format!("merge {n}: a task"), "µs", micros));
        rows.push(Row::cost(format!("merge {n}: peak memory"), "MB", peak_megabytes(&this)));
    }
    Ok(rows)
}

pub(crate) fn tree(options: &Options) -> Outcome<Vec<Row>> {
    let row = |height: u32| {
        let micros = micros(Shape::Tree, 1 << height, options.n_repeats)?;
        Ok(Row::cost(format!("tree of 2^{height} - 1: a task"), "µs", micros))
    };
    [options.n_peer_tasks.ilog2(), 15, 17, 20].into_iter().map(row).collect()
}

pub(crate) fn chain(options: &Options) -> Outcome<Vec<Row>> {
    let row =
        |n: u32| Ok(Row::cost(format!("chain of {n}: a hand-over"), "µs", micros(Shape::Chain, n, options.n_repeats)?));
    [options.n_peer_tasks * 2 / 5, 100_000].into_iter().map(row).collect()
}

//! What a task costs, and what a graph of many takes of memory.

use std::hint::black_box;
use std::time::Duration;

use dask_benches::dashboard::Viewer;
use dask_benches::processes::{forget_peaks, peak_megabytes};
use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_benches::timing::seconds;
use dask_core::{LayerGraph, RunContext, Scheduler};
use dask_dist::ProcessScheduler;

use crate::{Options, Outcome, two_workers};

/// What a round made is released in this time: nothing is found done.
const PAUSE: Duration = Duration::from_millis(50);

/// Microseconds a task for a graph of a shape, computed anew in each round.
fn micros(scheduler: &dyn Scheduler, shape: Shape, n: u32, n_repeats: usize) -> Outcome<f64> {
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let n_tasks = dask_core::Plan::new(&graph, &keys)?.graph.n_tasks() as f64;
    // Only the last task's value is fetched where there is one; independent tasks are all outputs.
    let time = seconds(&format!("{} {n}", shape.name()), n_repeats, PAUSE, || {
        black_box(scheduler.run(&graph, &keys, &RunContext::default())?);
        Ok(())
    })?;
    Ok(time * 1e6 / n_tasks)
}

/// Of graphs of several sizes; the smallest is what Dask runs.
pub(crate) fn merge(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for n in [options.n_peer_tasks, 10_000, 100_000, 1_000_000] {
        // A cluster of its own, so that nobody holds memory of another size.
        let cluster = two_workers().start()?;
        let client = cluster.client()?;
        let processes = [cluster.processes(), vec![std::process::id()]].concat();
        forget_peaks(&processes);
        let micros = micros(&client, Shape::Merge, n, options.n_repeats)?;
        rows.push(Row::cost(format!("merge {n}: a task"), "µs", micros));
        rows.push(Row::cost(format!("merge {n}: peak memory, all processes"), "MB", peak_megabytes(&processes)));
    }
    Ok(rows)
}

pub(crate) fn tree(options: &Options) -> Outcome<Vec<Row>> {
    let sizes = [options.n_peer_tasks.ilog2(), 15, 17, 20].map(|height| (height, 1 << height));
    let row = |(height, n)| (format!("tree of 2^{height} - 1: a task"), Shape::Tree, n);
    of_sizes(options, &sizes.map(row))
}

pub(crate) fn chain(options: &Options) -> Outcome<Vec<Row>> {
    let sizes = [options.n_peer_tasks / 4, 4_000, 100_000];
    of_sizes(options, &sizes.map(|n| (format!("chain of {n}: a hand-over"), Shape::Chain, n)))
}

fn of_sizes(options: &Options, sizes: &[(String, Shape, u32)]) -> Outcome<Vec<Row>> {
    let cluster = two_workers().start()?;
    let client = cluster.client()?;
    let row = |(measure, shape, n): &(String, Shape, u32)| {
        Ok(Row::cost(measure, "µs", micros(&client, *shape, *n, options.n_repeats)?))
    };
    sizes.iter().map(row).collect()
}

/// Rows of some shapes, at our size and at Dask's; chains are a tenth as long.
fn rows(
    scheduler: &dyn Scheduler,
    name: &str,
    shapes: &[(Shape, Option<f64>)],
    options: &Options,
) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for &(shape, target) in shapes {
        let size = |n: u32| if shape == Shape::Chain { (n / 10).max(4) } else { n };
        let micros = |n: u32| micros(scheduler, shape, size(n), options.n_repeats);
        let row = Row::cost(format!("{name}, a task: {}", shape.name()), "µs", micros(options.n_tasks)?);
        rows.push(Row { target, ..row.beside(micros(options.n_peer_tasks)?) });
    }
    Ok(rows)
}

/// The shapes that targets speak of.
pub(crate) fn all(options: &Options) -> Outcome<Vec<Row>> {
    let mut builder = two_workers();
    if options.dashboard {
        builder = builder.dashboard("127.0.0.1:0");
    }
    let cluster = builder.start()?;
    let _viewer = cluster.dashboard().map(|dashboard| Viewer::look(dashboard.address())).transpose()?;
    let shapes = [
        (Shape::Independent, Some(15.0)),
        (Shape::Tree, Some(15.0)),
        (Shape::Chain, Some(60.0)),
        (Shape::Stencil, None),
    ];
    rows(&cluster.client()?, "cluster", &shapes, options)
}

pub(crate) fn in_processes(options: &Options) -> Outcome<Vec<Row>> {
    let shapes = [(Shape::Independent, Some(15.0)), (Shape::Tree, Some(15.0)), (Shape::Chain, None)];
    rows(&ProcessScheduler::new(2), "processes", &shapes, options)
}

//! The scheduler's own time and memory: workers that answer at once and run nothing.

use std::time::Instant;

use dask_benches::allocations::{alive, counted};
use dask_benches::shapes::Shape;
use dask_benches::timing::median;
use dask_core::LayerGraph;
use dask_dist::scheduler::Settings;
use dask_dist::sim::zero::ZeroCluster;
use serde::Serialize;

use crate::{Options, Outcome};

/// To be reached, a task.
const MICROS_MAX: f64 = 3.0;
const BYTES_MAX: f64 = 600.0;
const WORKERS: [u32; 5] = [1, 10, 100, 1000, 2000];

/// A shape on so many workers.
#[derive(Serialize)]
pub(crate) struct Row {
    shape: &'static str,
    n_workers: u32,
    n_tasks: u64,
    /// From the submission to the last report, microseconds a task.
    micros: f64,
    /// Alive in the scheduler before the first report, bytes a task.
    bytes: f64,
    is_met: bool,
}

/// One run: how many tasks, seconds, bytes alive after the submission.
fn run(shape: Shape, n: u32, n_workers: u32) -> Outcome<(u64, f64, f64)> {
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let mut cluster = ZeroCluster::new(Settings::default(), n_workers, 1, 28);
    let start = Instant::now();
    cluster.submit(&graph, &keys)?;
    let n_done = cluster.run();
    let seconds = start.elapsed().as_secs_f64();
    if n_done == 0 || cluster.machine.n_tasks() == 0 {
        return Err(format!("{}: nothing was done", shape.name()).into());
    }
    cluster.release();
    cluster.run();
    match cluster.machine.n_tasks() {
        0 => Ok((n_done, seconds, 0.0)),
        left => Err(format!("{}: {left} tasks are left", shape.name()).into()),
    }
}

fn bytes(shape: Shape, n: u32, n_workers: u32) -> Outcome<f64> {
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let mut cluster = ZeroCluster::new(Settings::default(), n_workers, 1, 28);
    let (result, _) = counted(|| cluster.submit(&graph, &keys).map(|()| alive()));
    Ok(result? as f64 / cluster.machine.n_tasks() as f64)
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    println!(
        "\nThe scheduler alone: µs a task (and bytes a task), targets {MICROS_MAX} µs and {BYTES_MAX} bytes; ! where missed.\n"
    );
    print!("{:<14}", "workers");
    WORKERS.iter().for_each(|n| print!("{n:>16}"));
    println!();
    for shape in Shape::ALL.into_iter().chain([Shape::Shuffle]) {
        print!("{:<14}", shape.name());
        for n_workers in WORKERS {
            let bytes = bytes(shape, options.n_tasks, n_workers)?;
            let (mut times, mut n_tasks) = (Vec::new(), 0);
            for _ in 0..options.n_repeats {
                let (n_done, seconds, _) = run(shape, options.n_tasks, n_workers)?;
                times.push(seconds);
                n_tasks = n_done;
            }
            let micros = median(times) * 1e6 / n_tasks as f64;
            let is_met = micros <= MICROS_MAX && bytes <= BYTES_MAX;
            print!("{:>16}", format!("{micros:.2} ({bytes:.0}){}", if is_met { "" } else { "!" }));
            rows.push(Row { shape: shape.name(), n_workers, n_tasks, micros, bytes, is_met });
        }
        println!();
    }
    Ok(rows)
}

/// Where time or memory missed its target.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let missed = rows.iter().filter(|row| !row.is_met);
    missed.map(|row| format!("the scheduler alone, {} on {} workers", row.shape, row.n_workers)).collect()
}

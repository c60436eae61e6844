//! From nothing to tasks in order: what each pass costs a task, on graphs of a hundred thousand to ten million.

use std::hint::black_box;
use std::time::Instant;

use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_benches::timing::{median, rounds};
use dask_core::optimize::{cull, fuse};
use dask_core::{LayerGraph, Plan, order};

use crate::{Options, Outcome};

const SHAPES: [Shape; 5] = [Shape::Chain, Shape::Tree, Shape::Stencil, Shape::Merge, Shape::Shuffle];

/// Seconds of each pass, and how many tasks there are.
fn passes(shape: Shape, n: u32) -> Outcome<([f64; 4], usize)> {
    let mut start = Instant::now();
    let mut lap = || std::mem::replace(&mut start, Instant::now()).elapsed().as_secs_f64();
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let built = lap();
    let culled = cull(&graph, &keys);
    let cull_layers = lap();
    let fused = fuse(&culled, &keys);
    let fuse_layers = lap();
    // Tasks are made of what the outputs need, and ordered; what ordering needs is taken off.
    let plan = Plan::new(&fused, &keys)?;
    let planned = lap();
    black_box(order::order(plan.graph.dependencies(), plan.graph.dependents()));
    let ordered = lap();
    Ok(([built, cull_layers + (planned - ordered).max(0.0), ordered, fuse_layers], plan.graph.n_tasks()))
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in SHAPES {
        for n in [options.n_peer_tasks, 100_000, 1_000_000, 10_000_000] {
            let mut n_tasks = 1;
            let found = rounds(&format!("{} of {n}", shape.name()), options.n_repeats, || {
                let (seconds, n) = passes(shape, n)?;
                n_tasks = n;
                Ok(seconds)
            })?;
            for (at, pass) in ["build", "cull, made tasks", "order", "fuse"].into_iter().enumerate() {
                let nanos = median(found.iter().map(|seconds| seconds[at] * 1e9 / n_tasks as f64).collect());
                rows.push(Row::cost(format!("{} of {n}: {pass}", shape.name()), "ns", nanos));
            }
        }
    }
    Ok(rows)
}

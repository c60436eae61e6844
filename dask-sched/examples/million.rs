//! What a million delayed calls cost: to write down, to optimize and to order, and to compute.
//!
//! `cargo run --release -p dask-sched --example million`

use std::time::Instant;

use dask_core::{Collection, Delayed, LayerGraph, Plan, RunContext, delayed, optimize};
use dask_sched::ThreadedScheduler;

fn inc(x: i64) -> i64 {
    x + 1
}

fn total(of: Vec<i64>) -> i64 {
    of.into_iter().sum()
}

/// Bytes of this process in memory; 0 where the system does not tell.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse().ok()).map_or(0.0, |pages: f64| pages * 4096.0)
}

fn main() -> Result<(), dask_core::Error> {
    let n: i64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let per_call = |since: Instant| since.elapsed().as_nanos() as f64 / n as f64;
    let before = resident();

    let start = Instant::now();
    let parts: Vec<Delayed<i64>> = (0..n).map(|i| delayed!(inc(i))).collect();
    println!("written down  {:6.0} ns and {:5.0} bytes a call", per_call(start), (resident() - before) / n as f64);
    let all = delayed!(total(parts));

    let start = Instant::now();
    let graph = LayerGraph::new(&all.layers())?;
    println!("collected     {:6.0} ns", per_call(start));
    let start = Instant::now();
    let graph = optimize::optimize(&graph, &all.keys());
    println!("optimized     {:6.0} ns", per_call(start));
    let start = Instant::now();
    let plan = Plan::new(&graph, &all.keys())?;
    println!("ordered       {:6.0} ns, {} tasks", per_call(start), plan.graph.n_tasks());
    let start = Instant::now();
    let found = ThreadedScheduler::default().run_plan(plan, &RunContext::default())?;
    println!("run           {:6.0} ns", per_call(start));
    println!("in memory     {:6.0} bytes a call at the end", (resident() - before) / n as f64);
    assert_eq!(found[0].get::<i64>()?, &(n * (n + 1) / 2));
    Ok(())
}

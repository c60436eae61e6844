//! What a task costs: empty tasks on the classic shapes. `cargo run --release -p dask-sched --example overhead [tasks]`

use std::sync::Arc;
use std::time::Instant;

use dask_core::layer::{Blockwise, Materialized, Reduce, SELF};
use dask_core::{Call, LayerGraph, LayerRef, Plan, RunContext, TaskError, TaskFn, Value};
use dask_sched::{SyncScheduler, ThreadedScheduler};

#[derive(serde::Serialize, serde::Deserialize)]
struct Empty;
impl TaskFn for Empty {
    fn run(&self, _call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(0u8))
    }
}
dask_core::portable!(Empty as dyn TaskFn = "example.empty");

fn leaves(n: u32) -> LayerRef {
    LayerRef::new(Blockwise::new("leaf".into(), &[n], vec![], Arc::new(Empty)), vec![])
}

fn tree(n: u32) -> LayerRef {
    let mut level = leaves(n / 2);
    let mut i = 0;
    while level.layer().shape()[0] > 1 {
        i += 1;
        let name = format!("level{i}").as_str().into();
        let reduce = Reduce::new(name, level.name().clone(), level.layer().shape(), &[2], Arc::new(Empty));
        level = LayerRef::new(reduce, vec![level]);
    }
    level
}

fn listed(n: u32, dependencies: impl Fn(u32, &mut Vec<(u32, u32)>)) -> LayerRef {
    let mut layer = Materialized::uniform("task".into(), &[n], vec![], Arc::new(Empty));
    let mut edges = Vec::new();
    for task in 0..n {
        edges.clear();
        dependencies(task, &mut edges);
        layer.push_uniform(&edges);
    }
    LayerRef::new(layer, vec![])
}

fn chain(n: u32) -> LayerRef {
    listed(n, |task, edges| edges.extend(task.checked_sub(1).map(|t| (SELF, t))))
}

/// A square grid, each point after its neighbours to the left and above.
fn stencil(n: u32) -> LayerRef {
    let side = n.isqrt();
    listed(side * side, |task, edges| {
        edges.extend((task % side > 0).then(|| (SELF, task - 1)));
        edges.extend(task.checked_sub(side).map(|t| (SELF, t)));
    })
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |n| n.parse())?;
    println!("{n} empty tasks, nanoseconds a task, medians of 5");
    println!("{:<12} {:>8} {:>8} {:>8} {:>8}", "", "layers", "plan", "sync", "threads");
    type Shape = fn(u32) -> LayerRef;
    for (name, shape) in [("independent", leaves as Shape), ("tree", tree), ("chain", chain), ("stencil", stencil)] {
        let (mut build, mut plan, mut sync, mut threads) = (vec![], vec![], vec![], vec![]);
        for _ in 0..5 {
            let mut started = Instant::now();
            let mut lap = |times: &mut Vec<f64>| {
                times.push(started.elapsed().as_nanos() as f64 / f64::from(n));
                started = Instant::now();
            };
            let layer = shape(n);
            let keys = if name == "independent" || name == "chain" {
                layer.keys()
            } else {
                layer.keys().split_off(layer.keys().len() - 1)
            };
            let graph = dask_core::optimize::optimize(&LayerGraph::new([&layer])?, &keys);
            lap(&mut build);
            let one = Plan::new(&graph, &keys)?;
            lap(&mut plan);
            let context = RunContext::default();
            SyncScheduler.run_plan(&one, &context)?;
            lap(&mut sync);
            let two = ThreadedScheduler::new(2);
            let values = two.run_plan(one, &context)?;
            lap(&mut threads);
            drop(values);
        }
        println!(
            "{name:<12} {:>8.0} {:>8.0} {:>8.0} {:>8.0}",
            median(build),
            median(plan),
            median(sync),
            median(threads)
        );
    }
    Ok(())
}

//! What an empty task costs on each local scheduler, after the plan is made.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dask_benches::shapes::Shape;
use dask_core::{LayerGraph, Plan, RunContext};
use dask_sched::{RayonScheduler, SyncScheduler, ThreadedScheduler};

const N: u32 = 100_000;

fn schedulers(c: &mut Criterion) {
    let context = RunContext::default();
    for shape in Shape::ALL {
        let layer = shape.layer(N);
        let keys = shape.outputs(&layer);
        let graph = LayerGraph::new([&layer]).expect("layers of one shape");
        let plan = || Plan::new(&graph, &keys).expect("no cycle");
        let mut group = c.benchmark_group(shape.name());
        group.throughput(Throughput::Elements(plan().graph.n_tasks() as u64)).sample_size(20);
        let ready = plan();
        group.bench_function("sync", |b| b.iter(|| SyncScheduler.run_plan(&ready, &context).expect("empty tasks")));
        for n_threads in [1, 2] {
            let scheduler = ThreadedScheduler::new(n_threads);
            group.bench_function(format!("threads({n_threads})"), |b| {
                b.iter_batched(
                    plan,
                    |plan| scheduler.run_plan(plan, &context).expect("empty tasks"),
                    BatchSize::PerIteration,
                );
            });
        }
        group.bench_function("rayon", |b| {
            b.iter_batched(
                plan,
                |plan| RayonScheduler.run_plan(plan, &context).expect("empty tasks"),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, schedulers);
criterion_main!(benches);

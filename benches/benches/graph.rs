//! From layers to a plan: optimize, materialize, order; a task each.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dask_array::Array;
use dask_benches::shapes::Shape;
use dask_core::{Collection, LayerGraph, Plan, optimize::optimize, order::order};

const N: u32 = 100_000;

fn shapes(c: &mut Criterion) {
    for shape in Shape::ALL {
        let layer = shape.layer(N);
        let keys = shape.outputs(&layer);
        let graph = LayerGraph::new([&layer]).expect("layers of one shape");
        let plan = Plan::new(&graph, &keys).expect("no cycle");
        let mut group = c.benchmark_group(shape.name());
        group.throughput(Throughput::Elements(plan.graph.n_tasks() as u64));
        group.bench_function("optimize", |b| b.iter(|| optimize(black_box(&graph), &keys)));
        group.bench_function("materialize and order", |b| {
            b.iter_batched(|| (), |()| Plan::new(black_box(&graph), &keys), BatchSize::PerIteration);
        });
        group.bench_function("order", |b| {
            b.iter(|| order(black_box(plan.graph.dependencies()), plan.graph.dependents()));
        });
        group.finish();
    }
}

/// A chain of elementwise operations, fused: over few chunks and over many, of which only the outputs are looked at.
fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("30 elementwise layers");
    for n_chunks in [100usize, 10_000] {
        let mut x = Array::<f64>::ones(&[n_chunks * 4], &[4]).expect("a shape");
        for _ in 0..30 {
            x = &x + 1.0;
        }
        let (layers, keys) = (x.layers(), x.keys());
        let graph = LayerGraph::new(&layers).expect("layers");
        assert_eq!(optimize(&graph, &keys).layers().len(), 1, "fused into one");
        group.bench_with_input(BenchmarkId::new("optimize", n_chunks), &graph, |b, graph| {
            b.iter(|| optimize(black_box(graph), &keys));
        });
    }
    group.finish();
}

criterion_group!(benches, shapes, elementwise);
criterion_main!(benches);

//! Arrays in chunks, on one thread and two, beside plain `ndarray` on one.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dask_array::Array;
use dask_array::ndarray::{Array2, ArrayD, Axis, arr0};
use dask_core::{Collection, RunContext, Scheduler};
use dask_sched::{SyncScheduler, ThreadedScheduler};

const N: usize = 2000;

fn compare(c: &mut Criterion, name: &str, array: &Array<f64>, plain: impl Fn() -> ArrayD<f64>) {
    let context = RunContext::default();
    let schedulers: [&dyn Scheduler; 2] = [&SyncScheduler, &ThreadedScheduler::new(2)];
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes((N * N * size_of::<f64>()) as u64)).sample_size(20);
    group.bench_function("ndarray", |b| b.iter(|| black_box(plain())));
    let expected = plain();
    for scheduler in schedulers {
        let compute = || array.compute_with(scheduler, &context).expect("an array");
        let found = compute();
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
        assert!(found.shape() == expected.shape() && found.iter().zip(&expected).all(|(&a, &b)| close(a, b)), "{name}");
        group.bench_function(scheduler.name(), |b| b.iter(compute));
    }
    group.finish();
}

fn arrays(c: &mut Criterion) {
    let make = |by: usize| Array2::from_shape_fn((N, N), |(i, j)| ((i * by + j) % 1009) as f64);
    let (plain, other) = (make(31), make(17));
    let chunked = |of: &Array2<f64>| Array::from_ndarray(of, &[500, 500]).expect("a shape");
    let (x, y) = (chunked(&plain), chunked(&other));
    let sum = x.sum(None, false).expect("all axes");
    compare(c, "sum", &sum, || arr0(plain.sum()).into_dyn());
    for axis in [0, 1] {
        let mean = x.mean(Some(&[axis as isize]), false).expect("an axis");
        compare(c, &format!("mean of axis {axis}"), &mean, || {
            plain.mean_axis(Axis(axis)).expect("not empty").into_dyn()
        });
    }
    let std = x.std(Some(&[1]), 0.0, false).expect("an axis");
    compare(c, "std of axis 1", &std, || plain.std_axis(Axis(1), 0.0).into_dyn());
    compare(c, "x + y * 2", &(&x + &(&y * 2.0)), || (&plain + &(&other * 2.0)).into_dyn());
}

criterion_group!(benches, arrays);
criterion_main!(benches);

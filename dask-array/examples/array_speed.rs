//! How arrays compare with plain `ndarray` on one thread: `cargo run --release -p dask-array --example array_speed`.

use std::hint::black_box;
use std::time::Instant;

use dask_array::Array;
use dask_array::ndarray::{Array2, ArrayD, Axis};
use dask_core::{Collection, RunContext, Scheduler};
use dask_sched::{SyncScheduler, ThreadedScheduler};

/// The best of five runs, in milliseconds, and the last result.
fn best<R>(run: impl Fn() -> R) -> (f64, R) {
    let timed = || {
        let start = Instant::now();
        let result = black_box(run());
        (start.elapsed().as_secs_f64() * 1e3, result)
    };
    let first = timed();
    (0..4).map(|_| timed()).fold(first, |(best, _), (ms, result)| (best.min(ms), result))
}

fn compare(what: &str, array: &Array<f64>, plain: impl Fn() -> ArrayD<f64>) {
    let (plain_ms, plain) = best(plain);
    let schedulers: [&dyn Scheduler; 2] = [&SyncScheduler, &ThreadedScheduler::new(2)];
    let ratios = schedulers.map(|scheduler| {
        let (ms, found) = best(|| array.compute_with(scheduler, &RunContext::default()));
        let found = found.expect(what);
        assert_eq!(found.shape(), plain.shape(), "{what}");
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
        assert!(found.iter().zip(&plain).all(|(&a, &b)| close(a, b)), "{what}: results differ");
        format!("{} {ms:.1} ms = {:.2}x", scheduler.name(), ms / plain_ms)
    });
    println!("{what}: plain {plain_ms:.1} ms, {}", ratios.join(", "));
}

fn main() -> Result<(), dask_core::Error> {
    let make = |n: usize, m: usize, by: usize| Array2::from_shape_fn((n, m), |(i, j)| ((i * by + j) % 1009) as f64);
    let (plain, other) = (make(4000, 4000, 31), make(4000, 4000, 17));
    let x = Array::from_ndarray(&plain, &[1000, 1000])?;
    let y = Array::from_ndarray(&other, &[1000, 1000])?;
    compare("sum", &x.sum(None, false)?, || ndarray_scalar(plain.sum()));
    compare("x + y * 2", &(&x + &(&y * 2.0)), || (&plain + &(&other * 2.0)).into_dyn());
    compare("mean of axis 0", &x.mean(Some(&[0]), false)?, || {
        plain.mean_axis(Axis(0)).into_iter().next().unwrap_or_default().into_dyn()
    });
    compare("mean of axis 1", &x.mean(Some(&[1]), false)?, || {
        plain.mean_axis(Axis(1)).into_iter().next().unwrap_or_default().into_dyn()
    });
    compare("std of axis 1", &x.std(Some(&[1]), 0.0, false)?, || plain.std_axis(Axis(1), 0.0).into_dyn());
    compare("rechunk tiles to rows (against a copy)", &x.rechunk(&[250, 4000])?, || plain.clone().into_dyn());
    let (a, b) = (make(2000, 2000, 13), make(2000, 2000, 7));
    let product = Array::from_ndarray(&a, &[500, 500])?.matmul(&Array::from_ndarray(&b, &[500, 500])?)?;
    compare("matmul 2000", &product, || a.dot(&b).into_dyn());
    Ok(())
}

fn ndarray_scalar(x: f64) -> ArrayD<f64> {
    dask_array::ndarray::arr0(x).into_dyn()
}

//! Work of a known amount, for measuring how small tasks may be.

/// `iterations` times sixteen multiplications and additions: 32 floating-point operations each, in registers.
///
/// ```
/// use dask_benches::kernel::compute;
/// assert_eq!(compute(0), 32.0);
/// assert!((compute(100_000) - 16.0).abs() < 1e-6, "tends to sixteen ones");
/// ```
#[inline(never)]
#[must_use]
pub fn compute(iterations: u64) -> f64 {
    let mut numbers = std::hint::black_box([2.0f64; 16]);
    for _ in 0..iterations {
        for x in &mut numbers {
            *x = *x * 0.999 + 0.001;
        }
    }
    numbers.iter().sum()
}

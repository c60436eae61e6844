//! The kernel as a library for other languages, so that what is compared runs the same instructions.

/// As [`dask_benches::kernel::compute`].
// SAFETY: nothing else exports this name, and the function takes and returns plain numbers.
#[unsafe(no_mangle)]
pub extern "C" fn dask_benches_kernel(iterations: u64) -> f64 {
    dask_benches::kernel::compute(iterations)
}

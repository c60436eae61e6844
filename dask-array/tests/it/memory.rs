//! How much of an array is in memory at a time.

use std::sync::Arc;

use dask_array::Array;
use dask_core::{Collection, RunContext};
use dask_sched::diagnostics::Profiler;
use dask_sched::{SyncScheduler, ThreadedScheduler};

#[test]
fn a_centred_array_needs_a_few_chunks_a_thread_and_not_all_of_it() {
    // A hundred rows of four chunks: the mean of a row needs all four, and they wait for it.
    let (n_rows, rows, columns) = (100, 16, 250);
    let chunk = rows * columns * size_of::<f64>();
    let x = Array::<f64>::uniform(&[n_rows * rows, 4 * columns], 0.0, 1.0, &[rows, columns][..], 1).unwrap();
    let centred = &x - &x.mean(Some(&[1]), true).unwrap();
    let std = centred.std(None, 0.0, false).unwrap();
    let schedulers: [(&dyn dask_core::Scheduler, usize); 2] = [(&SyncScheduler, 1), (&ThreadedScheduler::new(2), 2)];
    for (scheduler, n_threads) in schedulers {
        let profiler = Arc::new(Profiler::new());
        let context = RunContext::default().with_observer(profiler.clone());
        std.compute_with(scheduler, &context).unwrap();
        let peak = profiler.peak_nbytes();
        assert!(4 * chunk <= peak, "{}: {peak} bytes: the chunks were not seen", scheduler.name());
        assert!(peak <= 12 * n_threads * chunk, "{}: {peak} bytes, {chunk} a chunk", scheduler.name());
    }
}

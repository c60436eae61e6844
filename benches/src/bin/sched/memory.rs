//! A reduction of much more than is to be alive at once: large blocks are made, and each becomes a number.

use std::time::Instant;

use dask_benches::blocks::{NBYTES, expected, reduction};
use dask_benches::processes::{forget_peaks, peak_megabytes, resident_megabytes};
use dask_benches::rows::Row;
use dask_benches::timing::{median, rounds};
use dask_core::{RunContext, Scheduler};
use dask_sched::ThreadedScheduler;

use crate::{Options, Outcome};

/// A hundred 16 MiB.
const BLOCKS: u32 = 100;

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let this = [std::process::id()];
    // A block on each thread.
    let ideal = 2.0 * NBYTES as f64 / 1e6;
    let two = ThreadedScheduler::new(2);
    let before = resident_megabytes(&this);
    let found = rounds("reduction of blocks", options.n_repeats, || {
        let (graph, key) = reduction(BLOCKS, "local")?;
        forget_peaks(&this);
        let start = Instant::now();
        let values = two.run(&graph, &[key], &RunContext::default())?;
        let seconds = start.elapsed().as_secs_f64();
        if values[0].get::<u64>()? != &expected(BLOCKS) {
            return Err("the sum is wrong".into());
        }
        Ok((seconds, (peak_megabytes(&this) - before) / ideal))
    })?;
    let (times, peaks) = found.into_iter().unzip();
    Ok(vec![
        Row::cost("100 blocks of 16 MiB to a number: time", "s", median(times)),
        Row::cost("100 blocks of 16 MiB to a number: peak over ideal", "x", median(peaks)),
    ])
}

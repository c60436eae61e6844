//! A reduction of much more than is to be alive at once: large blocks are made, and each becomes a number.

use dask_benches::blocks::{NBYTES, expected, reduction};
use dask_benches::processes::{forget_peaks, peak_megabytes, resident_megabytes};
use dask_benches::rows::Row;
use dask_benches::timing::{median, rounds};
use dask_core::{RunContext, Scheduler};
use std::time::Instant;

use crate::{Options, Outcome, two_workers};

/// A hundred 16 MiB.
const BLOCKS: u32 = 100;
/// What a worker may use.
const LIMIT: u64 = 1 << 30;

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let cluster = two_workers().memory_limit(LIMIT).start()?;
    let client = cluster.client()?;
    let workers = cluster.processes();
    // A block on each thread.
    let ideal = workers.len() as f64 * NBYTES as f64 / 1e6;
    let before = resident_megabytes(&workers);
    let mut round = 0;
    let found = rounds("reduction of blocks", options.n_repeats, || {
        round += 1;
        let (graph, key) = reduction(BLOCKS, &round.to_string())?;
        forget_peaks(&workers);
        let start = Instant::now();
        let values = Scheduler::run(&client, &graph, &[key], &RunContext::default())?;
        let seconds = start.elapsed().as_secs_f64();
        if values[0].get::<u64>()? != &expected(BLOCKS) {
            return Err("the sum is wrong".into());
        }
        Ok((seconds, (peak_megabytes(&workers) - before) / ideal))
    })?;
    let (times, peaks) = found.into_iter().unzip();
    Ok(vec![
        Row::cost("100 blocks of 16 MiB to a number: time", "s", median(times)),
        Row::cost("100 blocks of 16 MiB to a number: peak over ideal", "x", median(peaks)),
    ])
}

//! Values of twice the memory that there is: made, kept, and all of them read again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dask_benches::blocks::{NBYTES, block, expected, total};
use dask_benches::processes::written_megabytes;
use dask_benches::rows::Row;
use dask_benches::timing::{median, rounds};

use crate::{Options, Outcome, two_workers};

/// What each of two workers may use.
const LIMIT: u64 = 512 << 20;
const BLOCKS: u32 = (2 * 2 * LIMIT / NBYTES as u64) as u32;

fn total_of(block: Arc<Vec<u8>>) -> u64 {
    total(&block)
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let cluster = two_workers().memory_limit(LIMIT).start()?;
    let client = cluster.client()?;
    let workers = cluster.processes();
    let found = rounds("values of twice the memory", options.n_repeats, || {
        let before = written_megabytes(&workers);
        let start = Instant::now();
        let blocks = client.map(block, 0..i64::from(BLOCKS))?;
        client.wait(&blocks).wait()?;
        let totals = client.map(total_of, &blocks)?;
        let sum: u64 = client.gather(&totals).wait()?.into_iter().sum();
        let seconds = start.elapsed().as_secs_f64();
        if sum != expected(BLOCKS) || cluster.processes() != workers {
            return Err("the sum is wrong, or a worker was ended".into());
        }
        drop((blocks, totals));
        // Files are removed before the next round begins.
        std::thread::sleep(Duration::from_millis(200));
        Ok((seconds, written_megabytes(&workers) - before))
    })?;
    let (times, written) = found.into_iter().unzip();
    Ok(vec![
        Row::cost("2 GiB on workers of 1 GiB: made and read", "s", median(times)),
        Row::cost("2 GiB on workers of 1 GiB: written to disk", "MB", median(written)),
    ])
}

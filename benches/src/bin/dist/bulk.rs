//! Large values to workers, from workers, between workers.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dask_benches::rows::Row;
use dask_benches::timing::{median, rounds};
use dask_dist::client::Options as ClientOptions;

use crate::{Options, Outcome, two_workers};

/// Bytes of a value that is moved.
const BULK: usize = 256 << 20;
/// To be reached, megabytes a second.
const TARGET: f64 = 1500.0;

fn first(bytes: Arc<Vec<u8>>) -> i64 {
    i64::from(bytes[0])
}

/// A virtual machine gets memory that was not used lately from its host, which is slower than any network: what is to
/// be measured is not that.
fn warm_memory() {
    black_box(vec![1u8; 5 * BULK]);
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let cluster = two_workers().start()?;
    let client = cluster.client()?;
    let megabytes = BULK as f64 / 1e6;
    let value = vec![7u8; BULK];
    let found = rounds("bulk", options.n_repeats, || {
        warm_memory();
        let copy = value.clone();
        let start = Instant::now();
        let future = client.scatter(copy)?;
        client.wait([&future]).wait()?;
        let scatter = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let back = future.result()?;
        let gather = start.elapsed().as_secs_f64();
        if back.len() != BULK {
            return Err("what came back is not what was sent".into());
        }
        drop(back);
        // On both workers: one of them has to fetch it.
        let start = Instant::now();
        for name in ["worker-0", "worker-1"] {
            let there = client.with(ClientOptions::default().workers([name]));
            black_box(there.submit(first, (&future,))?.result()?);
        }
        let between = start.elapsed().as_secs_f64();
        drop(future);
        std::thread::sleep(Duration::from_millis(20));
        Ok([scatter, gather, between])
    })?;
    let names = ["scatter 256 MiB", "gather 256 MiB", "worker to worker 256 MiB, used"];
    let row = |(at, name): (usize, &str)| {
        let rates = found.iter().map(|seconds| megabytes / seconds[at]).collect();
        Row::rate(name, "MB/s", median(rates)).to_reach(TARGET)
    };
    Ok(names.into_iter().enumerate().map(row).collect())
}

//! Collections compute on a cluster of processes while its workers are killed at random; every result is compared with
//! the one thread that nobody kills.
//!
//! `chaos [--minutes M] [--workers N] [--seed S]`. Exits with an error at the first result that differs or does not come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dask_array::Array;
use dask_bag::Bag;
use dask_benches::arguments;
use dask_core::{Collection, RunContext};
use dask_dist::scheduler::Settings;
use dask_dist::{Client, LocalCluster};
use dask_frame::array::{ArrayRef, Int64Array, RecordBatch};
use dask_frame::{DataFrame, col, lit};
use dask_sched::SyncScheduler;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let (mut minutes, mut n_workers, mut seed) = (1.0f64, 3usize, 42u64);
    arguments::read::<Failure>("--minutes, --workers, --seed", &[], |name, value| {
        match name {
            "--minutes" => minutes = value.parse()?,
            "--workers" => n_workers = value.parse()?,
            "--seed" => seed = value.parse()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // Workers die all the time, and no task is to blame.
    let settings = Settings { allowed_failures: u32::MAX / 16, ..Settings::default() };
    let mut cluster =
        LocalCluster::builder().workers(n_workers).processes(true).scheduler_settings(settings).start()?;
    let client = Client::connect(&cluster.address().to_string())?;
    let over = AtomicBool::new(false);
    let n_rounds = AtomicU64::new(0);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut n_killed = 0u64;
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let mut outcome = Ok(());
            while outcome.is_ok() && !over.load(Ordering::Relaxed) {
                outcome = round(&client, n_rounds.fetch_add(1, Ordering::Relaxed));
            }
            over.store(true, Ordering::Relaxed);
            outcome
        });
        let start = Instant::now();
        while !over.load(Ordering::Relaxed) && start.elapsed().as_secs_f64() < 60.0 * minutes {
            std::thread::sleep(Duration::from_millis(100 + u64::from(random.next_u32() % 900)));
            let processes = cluster.processes();
            if let Some(&victim) = processes.get(random.next_u32() as usize % processes.len().max(1)) {
                n_killed += u64::from(cluster.kill(victim));
            }
            cluster.start_worker()?;
        }
        over.store(true, Ordering::Relaxed);
        work.join().map_err(|_| "the work panicked")?
    })?;
    println!("{} rounds, {n_killed} workers killed, every result right", n_rounds.load(Ordering::Relaxed));
    Ok(())
}

/// One of several computations, here and on the cluster.
fn round(client: &Client, n: u64) -> Result<(), Failure> {
    let context = RunContext::default();
    match n % 4 {
        0 => {
            let words = Bag::range(100_000 + n as i64, 32).map(|x| format!("w{}", x * x % 997)).frequencies();
            let (mut found, mut expected) =
                (words.compute_with(client, &context)?, words.compute_with(&SyncScheduler, &context)?);
            found.sort();
            expected.sort();
            same("frequencies", n, &found, &expected)
        }
        1 => {
            let x = Array::uniform(&[800, 800], 0.0, 1.0, &[100, 100][..], n)?;
            let centred = &x - &x.mean(Some(&[1]), true)?;
            let y = (&centred + &centred.transpose()).std(Some(&[0]), 0.0, false)?;
            let (found, expected) = (y.compute_with(client, &context)?, y.compute_with(&SyncScheduler, &context)?);
            same("std of a sum with its transpose", n, &found, &expected)
        }
        2 => {
            let frame = DataFrame::from_batches((0..16).map(batch).collect::<Result<_, _>>()?)?;
            let some = frame.filter(col("x").gt(lit(n as i64 % 50)))?;
            let sums = some.group_by(&["key"]).agg(&[col("x").sum(), col("x").mean().alias("mean")])?;
            let (found, expected) =
                (sums.compute_with(client, &context)?, sums.compute_with(&SyncScheduler, &context)?);
            same("sums by key", n, &found, &expected)
        }
        _ => {
            let groups = Bag::range(50_000, 20).foldby(|x| x % 101, 0i64, |sum, x| sum + x, |a, b| a + b);
            let (mut found, mut expected) =
                (groups.compute_with(client, &context)?, groups.compute_with(&SyncScheduler, &context)?);
            found.sort_unstable();
            expected.sort_unstable();
            same("foldby", n, &found, &expected)
        }
    }
}

/// A partition of a frame.
fn batch(number: i64) -> Result<RecordBatch, Failure> {
    let (keys, values) = ((0..5000).map(|i| (i * number) % 13), (0..5000).map(|i| (i * i + number) % 101));
    let columns: [(&str, ArrayRef); 2] =
        [("key", Arc::new(Int64Array::from_iter_values(keys))), ("x", Arc::new(Int64Array::from_iter_values(values)))];
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn same<T: PartialEq>(what: &str, round: u64, found: &T, expected: &T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("round {round}: {what} differs").into()) }
}

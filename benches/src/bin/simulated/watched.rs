//! A thousand workers and a thousand tasks a second, with people who watch: what they are sent, and how long anybody
//! waits for the scheduler's loop. The scheduler, its connections and its dashboard are real; the workers answer at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dask_benches::crowd::Crowd;
use dask_benches::dashboard::{Viewer, loop_longest_ms, loop_p99_ms};
use dask_benches::timing::quantile;
use dask_dist::LocalCluster;
use dask_dist::client::Client;
use dask_dist::transport::CommSettings;
use serde::Serialize;

use crate::{Options, Outcome};

/// To be reached: a viewer's bytes in a second, and milliseconds of the loop.
const BYTES_MAX: f64 = 100_000.0;
const LOOP_MAX: f64 = 5.0;
const TASKS_A_SECOND: i64 = 1000;
const VIEWERS: usize = 3;
/// How long they watch.
const SECONDS: u64 = 20;
/// Submissions in a second.
const BATCHES: i64 = 20;

/// What was measured in one run.
#[derive(Serialize)]
pub(crate) struct Row {
    n_workers: u32,
    tasks_a_second: f64,
    n_viewers: usize,
    /// Of the viewer that was sent most.
    bytes_a_second: f64,
    /// In any second, to any viewer.
    worst_second: u64,
    loop_p99_ms: f64,
    loop_longest_ms: f64,
    /// From a question of a client to its answer.
    answer_p99_ms: f64,
}

/// Asks fifty times a second until told to stop; milliseconds until the answers.
fn ask(client: Client, stop: Arc<AtomicBool>) -> JoinHandle<Vec<f64>> {
    std::thread::spawn(move || {
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let start = Instant::now();
            if client.datasets().wait().is_err() {
                break;
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(Duration::from_millis(20));
        }
        times
    })
}

/// Submits for so long; each batch is dropped when the next second's are there.
fn submit(client: &Client, start: Instant, seconds: u64) -> Outcome<()> {
    let (mut kept, n) = (std::collections::VecDeque::new(), TASKS_A_SECOND / BATCHES);
    for batch in 0..seconds as i64 * BATCHES {
        let due = start + Duration::from_secs(1) * batch as u32 / BATCHES as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        kept.push_back(client.map(|x: i64| x + 1, batch * n..(batch + 1) * n)?);
        if BATCHES < kept.len() as i64 {
            kept.pop_front();
        }
    }
    Ok(())
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let seconds = SECONDS;
    println!(
        "\n{} workers, {TASKS_A_SECOND} tasks a second, {VIEWERS} viewers, {seconds} s: targets {BYTES_MAX} B/s a viewer, p99 {LOOP_MAX} ms.\n",
        options.n_workers
    );
    let cluster = LocalCluster::builder().workers(0).dashboard("127.0.0.1:0").start()?;
    let at = cluster.dashboard().ok_or("there is no dashboard")?.address();
    let crowd = Crowd::start(cluster.address(), options.n_workers, 2, &CommSettings::default())?;
    let client = cluster.client()?;
    let viewers = (0..VIEWERS).map(|_| Viewer::look(at)).collect::<Outcome<Vec<_>>>()?;
    let stop = Arc::new(AtomicBool::new(false));
    let asks = ask(client.clone(), stop.clone());
    let start = Instant::now();
    let submits = std::thread::spawn(move || submit(&client, start, seconds).map_err(|error| error.to_string()));
    let mut worst_second = 0;
    let mut before = vec![0; VIEWERS];
    for second in 1..=seconds {
        std::thread::sleep((start + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
        for (viewer, before) in viewers.iter().zip(&mut before) {
            let now = viewer.nbytes();
            worst_second = worst_second.max(now - *before);
            *before = now;
        }
    }
    let passed = start.elapsed().as_secs_f64();
    submits.join().map_err(|_| "submitting panicked")??;
    let (loop_p99_ms, loop_longest_ms) = (loop_p99_ms(at)?, loop_longest_ms(at)?);
    stop.store(true, Ordering::Relaxed);
    let answers = asks.join().map_err(|_| "asking panicked")?;
    let most = before.iter().max().copied().unwrap_or(0);
    let row = Row {
        n_workers: options.n_workers,
        tasks_a_second: crowd.n_done() as f64 / passed,
        n_viewers: VIEWERS,
        bytes_a_second: most as f64 / passed,
        worst_second,
        loop_p99_ms,
        loop_longest_ms,
        answer_p99_ms: quantile(answers, 0.99),
    };
    if row.tasks_a_second < 0.9 * TASKS_A_SECOND as f64 {
        return Err(format!("only {:.0} tasks a second were done", row.tasks_a_second).into());
    }
    let met = |is: bool| if is { "met" } else { "NOT MET" };
    println!("tasks done            {:>10.0} /s", row.tasks_a_second);
    println!("bytes to a viewer     {:>10.0} B/s  {}", row.bytes_a_second, met(row.bytes_a_second <= BYTES_MAX));
    println!("  in the worst second {worst_second:>10} B/s");
    println!("the loop's p99        {:>10.2} ms   {}", row.loop_p99_ms, met(row.loop_p99_ms <= LOOP_MAX));
    println!("  its longest turn    {:>10.2} ms", row.loop_longest_ms);
    println!("a client's answer p99 {:>10.2} ms", row.answer_p99_ms);
    Ok(vec![row])
}

/// What missed its target.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let is_missed = |row: &&Row| LOOP_MAX < row.loop_p99_ms || BYTES_MAX < row.bytes_a_second;
    rows.iter().filter(is_missed).map(|row| format!("a cluster of {} that is watched", row.n_workers)).collect()
}

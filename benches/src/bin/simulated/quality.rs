//! Schedules of a large simulated cluster against the lower bound, and against placements that do not think.

use std::time::{Duration, Instant};

use dask_dist::scheduler::Placement;
use dask_dist::sim::workload::Workload;
use dask_dist::sim::{Sim, SimSettings, shapes};
use serde::Serialize;

use crate::{Options, Outcome};

const THREADS: u32 = 8;
/// The makespan is to be at most so many times the lower bound.
const RATIO_MAX: f64 = 1.3;

/// A graph under a placement.
#[derive(Serialize)]
pub(crate) struct Row {
    shape: &'static str,
    placement: String,
    n_tasks: usize,
    /// Seconds: the longest chain, or all work on all threads, whichever is more; no transfers.
    lower_bound: f64,
    makespan: f64,
    /// Between workers.
    megabytes_moved: f64,
    /// In the memory of all workers together, of all that was made.
    peak_memory_share: f64,
    /// Real time.
    seconds: f64,
    /// Of the placement that thinks: within the target, and no later than any baseline.
    is_met: Option<bool>,
}

/// Whether a schedule is within the target and no later than the baselines, which are given as makespans too.
fn is_met(makespan: f64, lower_bound: f64, baselines: &[f64]) -> bool {
    makespan <= RATIO_MAX * lower_bound && baselines.iter().all(|&baseline| makespan <= baseline)
}

/// Graphs with some ten tasks a thread.
fn graphs(n_threads: u32) -> Vec<(&'static str, Workload)> {
    let (time, nbytes) = (Duration::from_millis(100), 1_000_000);
    let height = (10 * n_threads).ilog2();
    vec![
        ("merge", shapes::merge(10 * n_threads, time, 1000)),
        ("tree", shapes::tree(height, time, nbytes)),
        ("stencil 1d", shapes::stencil_1d(n_threads, 10, time, nbytes)),
        ("stencil 2d", shapes::stencil_2d(n_threads.isqrt(), 10, time, nbytes)),
        ("shuffle", shapes::shuffle((n_threads / 16).max(8), Duration::from_secs(1), 20 * nbytes)),
        ("svd", shapes::svd(4 * n_threads, time, nbytes)),
        // A task of several times the mean may be the last to start: enough others beside it.
        ("skewed", shapes::skewed(30 * n_threads, time, nbytes, 1)),
        ("rolling", shapes::rolling(5 * n_threads, time, nbytes)),
        ("fft", shapes::fft(n_threads.ilog2(), time, nbytes)),
    ]
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let n_threads = options.n_workers * THREADS;
    println!(
        "\nMakespan over the lower bound at {} workers of {THREADS} threads (target {RATIO_MAX}); megabytes moved; peak memory.\n",
        options.n_workers
    );
    let placements = [Placement::Locality, Placement::Random, Placement::EarliestFree];
    print!("{:<12}{:>9}{:>10}", "graph", "tasks", "bound s");
    placements.iter().for_each(|placement| print!("{:>32}", format!("{placement:?}")));
    println!("  met");
    let mut rows: Vec<Row> = Vec::new();
    for (shape, graph) in graphs(n_threads) {
        if options.graph.as_deref().is_some_and(|name| name != shape) {
            continue;
        }
        let (n_tasks, all) = (graph.n_tasks(), graph.nbytes() as f64);
        let bound = graph.lower_bound(n_threads).as_secs_f64();
        print!("{shape:<12}{n_tasks:>9}{bound:>10.2}");
        let first = rows.len();
        for placement in placements {
            let mut settings = SimSettings { n_workers: options.n_workers, ..SimSettings::default() };
            settings.worker.n_threads = THREADS;
            settings.worker.validate = false;
            settings.scheduler.validate = false;
            settings.scheduler.placement = placement;
            let start = Instant::now();
            let outcome = Sim::new(settings, graph.clone(), &[], 1).run()?;
            let row = Row {
                shape,
                placement: format!("{placement:?}"),
                n_tasks,
                lower_bound: bound,
                makespan: outcome.makespan.as_secs_f64(),
                megabytes_moved: outcome.bytes_moved as f64 / 1e6,
                peak_memory_share: outcome.peak_bytes as f64 / all,
                seconds: start.elapsed().as_secs_f64(),
                is_met: None,
            };
            let text = format!(
                "{:.3}x {:.0} MB {:.0} % ({:.0} s)",
                row.makespan / bound,
                row.megabytes_moved,
                100.0 * row.peak_memory_share,
                row.seconds
            );
            print!("{text:>32}");
            rows.push(row);
        }
        let [ours, baselines @ ..] = &mut rows[first..] else { continue };
        let baselines: Vec<f64> = baselines.iter().map(|row| row.makespan).collect();
        ours.is_met = Some(is_met(ours.makespan, bound, &baselines));
        println!("  {}", if ours.is_met == Some(true) { "yes" } else { "NO" });
    }
    Ok(rows)
}

/// The graphs whose schedule missed the target.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let missed = rows.iter().filter(|row| row.is_met == Some(false));
    missed.map(|row| format!("schedule of {}", row.shape)).collect()
}

#[cfg(test)]
mod tests {
    use super::is_met;

    #[test]
    fn a_schedule_is_near_the_bound_and_no_later_than_a_baseline() {
        assert!(is_met(1.3, 1.0, &[1.3, 2.0]));
        assert!(!is_met(1.31, 1.0, &[2.0]), "too far from the bound");
        assert!(!is_met(1.2, 1.0, &[1.5, 1.1]), "a baseline is earlier");
    }
}

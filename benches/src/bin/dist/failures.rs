//! Workers that are killed, one each second, and replaced: whether the work completes, and what that costs.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use dask_benches::numbers::sum_below;
use dask_benches::rows::Row;
use dask_benches::timing::{median, rounds};
use dask_core::{CancelToken, RunContext, Scheduler};
use dask_dist::LocalCluster;
use dask_dist::scheduler::Settings;

use crate::{Options, Outcome};

/// Enough of them that a second's kill does not take more than a second's work: they sleep.
const WORKERS: usize = 8;
const EACH: Duration = Duration::from_secs(1);
/// A run that takes longer does not complete.
const LIMIT: Duration = Duration::from_secs(120);
const SLEEP: Duration = Duration::from_millis(5);

/// Runs `work`, killing a worker each second meanwhile if wanted; how many were killed. Work that does not end is cancelled.
fn while_killing<T>(
    cluster: &LocalCluster,
    kills: bool,
    cancel: &CancelToken,
    work: impl FnOnce() -> Outcome<T>,
) -> Outcome<(T, u32)> {
    let (done, is_done) = channel::<()>();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let killer = scope.spawn(move || {
            let mut n = 0;
            while is_done.recv_timeout(EACH) == Err(RecvTimeoutError::Timeout) {
                if LIMIT < start.elapsed() {
                    cancel.cancel();
                    break;
                }
                if !kills {
                    continue;
                }
                let processes = cluster.processes();
                // The one that is oldest: each has its turn.
                n += u32::from(processes.first().is_some_and(|&process| cluster.kill(process)));
            }
            n
        });
        let result = work();
        drop(done);
        let n = killer.join().map_err(|_| "who kills has panicked")?;
        Ok((result?, n))
    })
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    // Workers die all the time, and no task is to blame.
    let settings = Settings { allowed_failures: u32::MAX / 16, ..Settings::default() };
    let cluster = LocalCluster::builder().workers(WORKERS).processes(true).restart(true);
    let cluster = cluster.scheduler_settings(settings).start()?;
    let client = cluster.client()?;
    let mut rows = Vec::new();
    let mut round = 0;
    for (name, n, together) in [("merge", 3200u32, 3200), ("tree", 2048, 2)] {
        let mut times = |kills: bool| {
            rounds(&format!("{name}, workers killed: {kills}"), options.n_repeats, || {
                round += 1;
                let (graph, key) = sum_below(n, together, SLEEP, &round.to_string())?;
                client.wait_for_workers(WORKERS).wait()?;
                let start = Instant::now();
                let cancel = CancelToken::new();
                let context = RunContext::default().with_cancel(cancel.clone());
                let run = || Ok(Scheduler::run(&client, &graph, &[key], &context)?);
                let (values, n_killed) = while_killing(&cluster, kills, &cancel, run)
                    .map_err(|error| format!("{name}, after {:.0} s: {error}", start.elapsed().as_secs_f64()))?;
                let seconds = start.elapsed().as_secs_f64();
                let expected = u64::from(n) * u64::from(n - 1) / 2;
                if values[0].get::<u64>()? != &expected || kills && n_killed == 0 {
                    return Err("the sum is wrong, or nobody was killed".into());
                }
                Ok((seconds, f64::from(n_killed)))
            })
        };
        let (undisturbed, _): (Vec<f64>, Vec<f64>) = times(false)?.into_iter().unzip();
        let (killed, n_killed): (Vec<f64>, Vec<f64>) = times(true)?.into_iter().unzip();
        let (undisturbed, killed) = (median(undisturbed), median(killed));
        rows.extend([
            Row::cost(format!("{name} of {n} 5 ms tasks, 8 workers"), "s", undisturbed),
            Row::cost(format!("{name}, a worker killed each second"), "s", killed),
            Row::cost(format!("{name}: so many times as long"), "x", killed / undisturbed),
            Row::cost(format!("{name}: workers killed in a run"), "", median(n_killed)),
        ]);
    }
    Ok(rows)
}

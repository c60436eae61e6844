//! `dask info`.

use std::io::Write;
use std::process::ExitCode;

use dask_dist::Client;
use dask_dist::protocol::WorkerInfo;

use crate::Outcome;
use crate::options::InfoArgs;

pub(crate) fn run(args: &InfoArgs, json: bool) -> Outcome {
    let client = Client::connect(&args.scheduler)?;
    let workers = client.workers().wait()?;
    let datasets = client.datasets().wait()?;
    let text = if json {
        let all = serde_json::json!({ "scheduler": args.scheduler, "workers": workers, "datasets": datasets });
        format!("{all}\n")
    } else {
        table(&args.scheduler, &workers, &datasets)
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// A line each worker, for people.
fn table(scheduler: &str, workers: &[WorkerInfo], datasets: &[String]) -> String {
    let n_threads: u32 = workers.iter().map(|worker| worker.n_threads).sum();
    let mut out = format!("{scheduler}: {} workers, {n_threads} threads\n", workers.len());
    let mib = |n: u64| format!("{} MiB", n >> 20);
    if !workers.is_empty() {
        out += &format!(
            "{:<28} {:<24} {:>7} {:>11} {:>10} {:>10} {:>10} {:>6} {:>6} status\n",
            "name", "address", "threads", "limit", "resident", "values", "on disk", "held", "tasks"
        );
    }
    for worker in workers {
        out += &format!(
            "{:<28} {:<24} {:>7} {:>11} {:>10} {:>10} {:>10} {:>6} {:>6} {}\n",
            worker.name,
            worker.address,
            worker.n_threads,
            if worker.memory_limit == 0 { "none".to_owned() } else { mib(worker.memory_limit) },
            mib(worker.metrics.resident),
            mib(worker.metrics.managed),
            mib(worker.metrics.spilled),
            worker.n_held,
            worker.n_processing,
            worker.status
        );
    }
    if !datasets.is_empty() {
        out += &format!("published: {}\n", datasets.join(", "));
    }
    out
}

//! `dask info`.

use std::process::ExitCode;

use dask_dist::Client;

use crate::Outcome;
use crate::options::InfoArgs;

pub(crate) fn run(args: &InfoArgs, json: bool) -> Outcome {
    let client = Client::connect(&args.scheduler)?;
    let workers = client.workers().wait()?;
    let datasets = client.datasets().wait()?;
    if json {
        let all = serde_json::json!({ "scheduler": args.scheduler, "workers": workers, "datasets": datasets });
        println!("{all}");
        return Ok(ExitCode::SUCCESS);
    }
    let n_threads: u32 = workers.iter().map(|worker| worker.n_threads).sum();
    println!("{}: {} workers, {n_threads} threads", args.scheduler, workers.len());
    let mib = |n: u64| format!("{} MiB", n >> 20);
    if !workers.is_empty() {
        println!(
            "{:<28} {:<24} {:>7} {:>11} {:>10} {:>10} {:>10} {:>6} {:>6} status",
            "name", "address", "threads", "limit", "resident", "values", "on disk", "held", "tasks"
        );
    }
    for worker in workers {
        println!(
            "{:<28} {:<24} {:>7} {:>11} {:>10} {:>10} {:>10} {:>6} {:>6} {}",
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
        println!("published: {}", datasets.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

//! One value that every worker of a simulated cluster wants at once: how long until all have it, and what its holder sends.

use std::time::Duration;

use dask_dist::sim::faults::Fault;
use dask_dist::sim::workload::Workload;
use dask_dist::sim::{Outcome as Run, Sim, SimSettings, shapes};
use serde::Serialize;

use crate::{Options, Outcome};

/// Nobody is to send it more often; a tree of a thousand workers has ten levels.
const SENT_MAX: f64 = 24.0;
/// When copies are asked for: the value is there.
const ASKED: Duration = Duration::from_secs(1);
/// How long the tasks take that need the value.
const TIME: Duration = Duration::from_secs(2);

/// A value.
#[derive(Serialize)]
pub(crate) struct Row {
    n_workers: u32,
    nbytes: u64,
    /// Seconds until every worker has a copy, if a client asks for that.
    copied: f64,
    /// How often the worker that sent most sent it then.
    copies_sent_max: f64,
    /// Seconds that tasks which need it, one a worker, are late.
    late: f64,
    /// How often the worker that sent most sent it for these.
    inputs_sent_max: f64,
    /// Nobody sent it often.
    is_met: bool,
}

fn run(options: &Options, graph: Workload, faults: &[(Duration, Fault)]) -> Outcome<Run> {
    let mut settings = SimSettings { n_workers: options.n_workers, ..SimSettings::default() };
    settings.worker.n_threads = 1;
    settings.worker.validate = false;
    settings.scheduler.validate = false;
    Ok(Sim::new(settings, graph, faults, 1).run()?)
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    println!(
        "\nOne value for {} workers: seconds until all have a copy, or that tasks which need it are late; how often one sends it (at most {SENT_MAX}).\n",
        options.n_workers
    );
    println!("{:>12}{:>12}{:>10}{:>12}{:>10}  met", "bytes", "copies s", "sent", "inputs s", "sent");
    let mut rows = Vec::new();
    for nbytes in [62_000, 1_000_000, 100_000_000] {
        // The value, and a task that is not done before copies are asked for.
        let mut graph = Workload::default();
        graph.stage("one", &[], 1, Duration::from_millis(1), nbytes, |_| Vec::new());
        graph.stage("clock", &[], 1, ASKED, 8, |_| Vec::new());
        graph.outputs = vec![(0, 0), (1, 0)];
        let copies = run(options, graph, &[(ASKED, Fault::Replicate(0))])?;
        let inputs = run(options, shapes::broadcast(options.n_workers, TIME, nbytes), &[])?;
        let times = |run: &Run| run.bytes_sent_max as f64 / nbytes as f64;
        let (copies_sent_max, inputs_sent_max) = (times(&copies), times(&inputs));
        let row = Row {
            n_workers: options.n_workers,
            nbytes,
            copied: copies.makespan.saturating_sub(ASKED).as_secs_f64(),
            copies_sent_max,
            late: inputs.makespan.saturating_sub(TIME).as_secs_f64(),
            inputs_sent_max,
            is_met: copies_sent_max <= SENT_MAX && inputs_sent_max <= SENT_MAX,
        };
        println!(
            "{nbytes:>12}{:>12.4}{:>10}{:>12.4}{:>10}  {}",
            row.copied,
            row.copies_sent_max,
            row.late,
            row.inputs_sent_max,
            if row.is_met { "yes" } else { "NO" }
        );
        rows.push(row);
    }
    Ok(rows)
}

/// Values that somebody sent too often.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let missed = rows.iter().filter(|row| !row.is_met);
    missed.map(|row| format!("spreading {} bytes to {} workers", row.nbytes, row.n_workers)).collect()
}

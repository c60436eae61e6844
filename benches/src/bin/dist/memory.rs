//! A reduction of much more than is to be alive at once: large blocks are made, and each becomes a number.

use dask_benches::blocks::measure_reduction;
use dask_benches::rows::Row;
use dask_core::{RunContext, Scheduler};

use crate::{Options, Outcome, two_workers};

/// What a worker may use.
const LIMIT: u64 = 1 << 30;

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let cluster = two_workers().memory_limit(LIMIT).start()?;
    let client = cluster.client()?;
    let workers = cluster.processes();
    measure_reduction(options.n_repeats, &workers, workers.len(), |graph, key| {
        Scheduler::run(&client, graph, std::slice::from_ref(key), &RunContext::default())
    })
}

//! A reduction of much more than is to be alive at once: large blocks are made, and each becomes a number.

use dask_benches::blocks::measure_reduction;
use dask_benches::rows::Row;
use dask_core::{RunContext, Scheduler};
use dask_sched::ThreadedScheduler;

use crate::{Options, Outcome};

const THREADS: usize = 2;

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let threads = ThreadedScheduler::new(THREADS);
    measure_reduction(options.n_repeats, &[std::process::id()], THREADS, |graph, key| {
        threads.run(graph, std::slice::from_ref(key), &RunContext::default())
    })
}

//! What a cluster costs: tasks, round trips, bytes, memory, failures; with dask.distributed beside, in one run.
//!
//! `dist [--only PARTS] [--tasks N] [--peer-tasks N] [--repeats N] [--dashboard yes] [--strict] [--python PYTHON]`. Parts
//! are those of [`PARTS`]; they run on worker processes of one thread over loopback TCP, two unless they say otherwise.
//! Prints a table and writes `target/bench/dist.json`; a missed target is an error with `--strict`.

mod bulk; // large values to workers, from workers, between workers
mod connections; // many of them
mod failures; // workers that are killed
mod map; // many calls, and when the first is done
mod memory; // a reduction of more than is to be alive at once
mod shapes; // what a task costs
mod spill; // values that do not fit
mod symbolic; // a graph of a million tasks, sent
mod trips; // one call at a time
mod zero; // the scheduler alone

use dask_benches::parts::{Options, Part, Program};
use dask_dist::{LocalCluster, LocalClusterBuilder};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What is measured.
const PARTS: [(&str, Part); 14] = [
    ("tasks", shapes::all),
    ("processes", shapes::in_processes),
    ("merge", shapes::merge),
    ("tree", shapes::tree),
    ("chain", shapes::chain),
    ("map", map::measure),
    ("trips", trips::measure),
    ("bulk", bulk::measure),
    ("graph", symbolic::measure),
    ("memory", memory::measure),
    ("spill", spill::measure),
    ("failures", failures::measure),
    ("zero", zero::measure),
    ("connections", connections::measure),
];

/// Two workers of one thread.
fn two_workers() -> LocalClusterBuilder {
    LocalCluster::builder().workers(2).processes(true)
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [zero::ROLE] => return zero::serve(),
        [connections::ROLE, address] => return connections::hold(address),
        _ => {}
    }
    let about = "Worker processes of one thread, loopback TCP";
    Program { name: "dist", about, parts: &PARTS, n_tasks: 50_000, n_peer_tasks: 2_000 }.run()
}

//! What a task costs without a cluster: empty tasks on the classic shapes, the passes over graphs, memory; with Dask
//! beside, in one run.
//!
//! `sched [--only PARTS] [--tasks N] [--peer-tasks N] [--repeats N] [--strict] [--python PYTHON]`. Parts are those of
//! [`PARTS`]; two threads run the tasks. Without a Python that has Dask, ours runs alone. Prints a table and writes
//! `target/bench/sched.json`; a missed target is an error with `--strict`.

mod memory; // a reduction of more than is to be alive at once
mod passes; // from layers to tasks
mod pressure; // values alive in the order of a graph
mod sizes; // merges, trees and chains of several sizes
mod tasks; // what an empty task costs

use dask_benches::parts::{Options, Part, Program};

#[global_allocator]
static ALLOCATOR: dask_benches::allocations::Counting = dask_benches::allocations::Counting;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What is measured.
const PARTS: [(&str, Part); 7] = [
    ("tasks", tasks::measure),
    ("merge", sizes::merge),
    ("tree", sizes::tree),
    ("chain", sizes::chain),
    ("passes", passes::measure),
    ("pressure", pressure::measure),
    ("memory", memory::measure),
];

fn main() -> Outcome<()> {
    let about = "Empty tasks, two threads where they are said to run";
    Program { name: "sched", about, parts: &PARTS, n_tasks: 1_000_000, n_peer_tasks: 10_000 }.run()
}

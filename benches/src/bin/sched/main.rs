//! What a task costs: empty tasks on the classic shapes, with Dask beside, in one run.
//!
//! `sched [--tasks N] [--peer-tasks N] [--repeats N] [--python PYTHON]`. Without a Python that has Dask, ours runs alone.
//! Prints a table and writes `target/bench/sched.json`.

mod ours; // our side
mod peer; // Dask's side
mod table; // both, against the targets

use std::path::Path;

use dask_benches::shapes::Shape;

#[global_allocator]
static ALLOCATOR: dask_benches::allocations::Counting = dask_benches::allocations::Counting;

/// Options of a run.
struct Options {
    n_tasks: u32,
    n_peer_tasks: u32,
    n_repeats: usize,
    python: Option<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut rows = Vec::new();
    let mut versions = serde_json::Value::Null;
    for shape in Shape::ALL {
        eprintln!("{}: {} tasks", shape.name(), options.n_tasks);
        let large = ours::measure(shape, options.n_tasks, options.n_repeats)?;
        let Some(python) = &options.python else {
            rows.extend(table::rows(shape, &large, None));
            continue;
        };
        eprintln!("{}: {} tasks, ours and Dask's", shape.name(), options.n_peer_tasks);
        let small = ours::measure(shape, options.n_peer_tasks, options.n_repeats)?;
        let theirs = peer::measure(python, shape, options.n_peer_tasks, options.n_repeats)?;
        if theirs.costs.n_tasks != small.n_tasks {
            return Err(
                format!("{}: {} tasks here, {} there", shape.name(), small.n_tasks, theirs.costs.n_tasks).into()
            );
        }
        rows.extend(table::rows(shape, &large, Some((&small, &theirs.costs))));
        versions = theirs.versions;
    }
    println!("{}", table::text(&rows, &options));
    let path = Path::new("target/bench/sched.json");
    table::write_json(path, &rows, &options, &versions, load.trim())?;
    println!("written: {}", path.display());
    Ok(())
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut options = Options { n_tasks: 1_000_000, n_peer_tasks: 10_000, n_repeats: 5, python: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--tasks" => options.n_tasks = value.parse()?,
            "--peer-tasks" => options.n_peer_tasks = value.parse()?,
            "--repeats" => options.n_repeats = value.parse()?,
            "--python" => options.python = Some(value),
            other => {
                let known = "there are --tasks, --peer-tasks, --repeats, --python";
                return Err(format!("unknown option {other}; {known}").into());
            }
        }
    }
    let few = options.n_tasks.min(options.n_peer_tasks) < 4 || options.n_repeats == 0;
    if few { Err("at least 4 tasks and 1 repeat are needed".into()) } else { Ok(options) }
}

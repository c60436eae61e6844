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

use dask_benches::peers;
use dask_benches::rows::{Row, conclude, load, put_beside, table, write_json};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: dask_benches::allocations::Counting = dask_benches::allocations::Counting;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Part = fn(&Options) -> Outcome<Vec<Row>>;

/// What is measured, in this order: what looks at memory goes first, so that nothing is left of others.
const PARTS: [(&str, Part); 7] = [
    ("memory", memory::measure),
    ("merge", sizes::merge),
    ("tree", sizes::tree),
    ("chain", sizes::chain),
    ("tasks", tasks::measure),
    ("passes", passes::measure),
    ("pressure", pressure::measure),
];

/// Options of a run.
struct Options {
    n_tasks: u32,
    n_peer_tasks: u32,
    n_repeats: usize,
    python: Option<String>,
    /// These parts alone.
    only: Vec<String>,
    is_strict: bool,
}

fn main() -> Outcome<()> {
    let options = options()?;
    let load = load();
    let mut rows = Vec::new();
    for (name, part) in PARTS {
        if options.only.is_empty() || options.only.iter().any(|only| only == name) {
            eprintln!("{name}");
            rows.extend(part(&options)?);
        }
    }
    let mut versions = json!(null);
    if let Some(python) = &options.python {
        let what = json!({ "only": options.only, "n_tasks": options.n_peer_tasks, "n_repeats": options.n_repeats });
        let theirs: peers::Report = peers::run(python, "sched.py", &[what.to_string()])?;
        put_beside(&mut rows, &theirs.measures);
        versions = theirs.versions;
    }
    let differs =
        |row: &&Row| row.measure.ends_with(": tasks") && row.theirs.is_some_and(|n| row.ours_beside != Some(n));
    if let Some(row) = rows.iter().find(differs) {
        return Err(format!("{}: {:?} here, {:?} there", row.measure, row.ours_beside, row.theirs).into());
    }
    rows.retain(|row| !row.measure.ends_with(": tasks"));
    println!(
        "\nEmpty tasks, medians of {}; {} tasks, then, and beside Dask, {}\n\n{}",
        options.n_repeats,
        options.n_tasks,
        options.n_peer_tasks,
        table(&rows)
    );
    if options.python.is_none() {
        println!("Dask was not measured: no Python with Dask was given (`--python`)");
    }
    let about = json!({
        "n_tasks": options.n_tasks, "n_peer_tasks": options.n_peer_tasks, "n_repeats": options.n_repeats,
        "load_before": load, "peer": versions,
    });
    write_json("sched", &rows, about)?;
    conclude(&rows, options.is_strict)
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        n_tasks: 1_000_000,
        n_peer_tasks: 10_000,
        n_repeats: 5,
        python: None,
        only: Vec::new(),
        is_strict: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--strict" {
            options.is_strict = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--tasks" => options.n_tasks = value.parse()?,
            "--peer-tasks" => options.n_peer_tasks = value.parse()?,
            "--repeats" => options.n_repeats = value.parse()?,
            "--python" => options.python = Some(value),
            "--only" => options.only = value.split(',').map(part).collect::<Outcome<_>>()?,
            other => {
                let known = "there are --only, --tasks, --peer-tasks, --repeats, --strict, --python";
                return Err(format!("unknown option {other}; {known}").into());
            }
        }
    }
    let few = options.n_tasks.min(options.n_peer_tasks) < 16 || options.n_repeats == 0;
    if few { Err("at least 16 tasks and 1 repeat are needed".into()) } else { Ok(options) }
}

fn part(name: &str) -> Outcome<String> {
    let names = PARTS.map(|(name, _)| name);
    let unknown = || format!("no part is called {name}; there are {}", names.join(", ")).into();
    names.contains(&name).then(|| name.to_owned()).ok_or_else(unknown)
}

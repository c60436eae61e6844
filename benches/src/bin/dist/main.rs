//! What a cluster costs: tasks, round trips, bytes, memory, failures; with dask.distributed beside, in one run.
//!
//! `dist [--only PARTS] [--tasks N] [--peer-tasks N] [--repeats N] [--dashboard yes] [--strict] [--python PYTHON]`. Parts
//! are those of [`PARTS`]; they run on worker processes of one thread over loopback TCP, two unless they say otherwise.
//! Prints a table and writes `target/bench/dist.json`; a missed target is an error with `--strict`.

mod bulk; // large values to workers, from workers, between workers
mod connections; // many of them
mod failures; // workers that are killed
mod map; // many calls, and when the first is done
mod memory; // a reduction of more than fits
mod shapes; // what a task costs
mod spill; // values that do not fit
mod symbolic; // a graph of a million tasks, sent
mod trips; // one call at a time
mod zero; // the scheduler alone

use dask_benches::peers;
use dask_benches::rows::{Row, conclude, load, put_beside, table, write_json};
use dask_dist::{LocalCluster, LocalClusterBuilder};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Part = fn(&Options) -> Outcome<Vec<Row>>;

/// What is measured, in this order: what looks at memory goes first, so that nothing is left of others.
const PARTS: [(&str, Part); 14] = [
    ("merge", shapes::merge),
    ("tree", shapes::tree),
    ("chain", shapes::chain),
    ("tasks", shapes::all),
    ("processes", shapes::in_processes),
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

/// Options of a run.
struct Options {
    n_tasks: u32,
    n_peer_tasks: u32,
    n_repeats: usize,
    python: Option<String>,
    /// These parts alone.
    only: Vec<String>,
    /// Whether a dashboard is served, and somebody looks at it.
    dashboard: bool,
    is_strict: bool,
}

impl Options {
    /// Two workers of one thread.
    fn cluster(&self) -> LocalClusterBuilder {
        LocalCluster::builder().workers(2).processes(true)
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [zero::ROLE] => return zero::serve(),
        [connections::ROLE, address] => return connections::hold(address),
        _ => {}
    }
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
        eprintln!("Dask");
        let what = json!({ "only": options.only, "n_tasks": options.n_peer_tasks, "n_repeats": options.n_repeats });
        let theirs: peers::Report = peers::run(python, "dist.py", &[what.to_string()])?;
        put_beside(&mut rows, &theirs.measures);
        versions = theirs.versions;
    }
    println!(
        "\nWorker processes of one thread, loopback TCP; medians of {}; {} tasks (beside Dask: {})\n\n{}",
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
    write_json("dist", &rows, about)?;
    conclude(&rows, options.is_strict)
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        n_tasks: 50_000,
        n_peer_tasks: 2_000,
        n_repeats: 5,
        python: None,
        only: Vec::new(),
        dashboard: false,
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
            "--dashboard" => options.dashboard = value == "yes",
            other => {
                let known = "there are --only, --tasks, --peer-tasks, --repeats, --dashboard yes, --strict, --python";
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

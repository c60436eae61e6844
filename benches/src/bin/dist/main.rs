//! What a cluster costs: tasks, round trips, bytes; with dask.distributed beside, in one run.
//!
//! `dist [--tasks N] [--peer-tasks N] [--repeats N] [--only PART] [--dashboard yes] [--python PYTHON]`. Two workers of one thread, as processes, over
//! loopback TCP. Prints a table and writes `target/bench/dist.json`.

mod ours; // our side
mod peer; // Dask's side

use std::path::Path;

use serde::Serialize;

/// Options of a run.
struct Options {
    n_tasks: u32,
    n_peer_tasks: u32,
    n_repeats: usize,
    python: Option<String>,
    /// Of our side, this part alone: tasks, trips, bulk, graph or processes.
    only: Option<String>,
    /// Whether a dashboard is served, and somebody looks at it.
    dashboard: bool,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

/// A measure, what it is to reach, and what both sides reached.
#[derive(Serialize)]
struct Row {
    measure: String,
    unit: &'static str,
    ours: f64,
    theirs: Option<f64>,
    target: Option<f64>,
    /// Whether more is better.
    is_rate: bool,
}

impl Row {
    fn is_met(&self) -> Option<bool> {
        self.target.map(|target| if self.is_rate { target <= self.ours } else { self.ours <= target })
    }

    /// How many times better ours is.
    fn ratio(&self) -> Option<f64> {
        self.theirs.map(|theirs| if self.is_rate { self.ours / theirs } else { theirs / self.ours })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut rows = ours::measure(&options)?;
    let mut versions = serde_json::Value::Null;
    if let Some(python) = &options.python {
        let theirs = peer::measure(python, options.n_peer_tasks, options.n_repeats)?;
        for row in &mut rows {
            row.theirs = theirs.measures.get(&row.measure).copied();
        }
        versions = theirs.versions;
    }
    println!("{}", text(&rows, &options));
    let path = Path::new("target/bench/dist.json");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let report = serde_json::json!({
        "n_tasks": options.n_tasks,
        "n_peer_tasks": options.n_peer_tasks,
        "n_repeats": options.n_repeats,
        "n_cores": std::thread::available_parallelism().map_or(1, usize::from),
        "load_before": load.trim(),
        "peer": versions,
        "rows": rows,
    });
    std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    println!("written: {}", path.display());
    Ok(())
}

/// A table for people.
fn text(rows: &[Row], options: &Options) -> String {
    let mut out = format!(
        "\nTwo worker processes of one thread, loopback TCP; medians of {}; {} tasks (Dask: {}).\n\n{:<44} {:>14} {:>14} {:>10} {:>14} met\n",
        options.n_repeats, options.n_tasks, options.n_peer_tasks, "measure", "ours", "Dask", "better by", "target"
    );
    for row in rows {
        let number = |x: f64| format!("{x:.*} {}", if 100.0 <= x { 0 } else { 2 }, row.unit);
        let sign = if row.is_rate { "≥" } else { "≤" };
        out += &format!(
            "{:<44} {:>14} {:>14} {:>10} {:>14} {}\n",
            row.measure,
            number(row.ours),
            row.theirs.map_or("-".to_owned(), number),
            row.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.1}x")),
            row.target.map_or("-".to_owned(), |target| format!("{sign} {target} {}", row.unit)),
            row.is_met().map_or("-", |met| if met { "yes" } else { "NO" }),
        );
    }
    if options.python.is_none() {
        out += "\nDask was not measured: no Python with Dask was given (`--python`)\n";
    }
    out
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut options =
        Options { n_tasks: 50_000, n_peer_tasks: 2_000, n_repeats: 5, python: None, only: None, dashboard: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--tasks" => options.n_tasks = value.parse()?,
            "--peer-tasks" => options.n_peer_tasks = value.parse()?,
            "--repeats" => options.n_repeats = value.parse()?,
            "--python" => options.python = Some(value),
            "--only" => options.only = Some(value),
            "--dashboard" => options.dashboard = value == "yes",
            other => {
                let known = "there are --tasks, --peer-tasks, --repeats, --only, --dashboard, --python";
                return Err(format!("unknown option {other}; {known}").into());
            }
        }
    }
    let few = options.n_tasks.min(options.n_peer_tasks) < 4 || options.n_repeats == 0;
    if few { Err("at least 4 tasks and 1 repeat are needed".into()) } else { Ok(options) }
}

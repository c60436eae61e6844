//! How small tasks may be: METG(50 %), the smallest task at which half of the cores' time is work. Dask beside.
//!
//! `metg [--only metg|empty] [--schedulers NAMES] [--patterns NAMES] [--steps N] [--peer-steps N] [--width N]
//! [--threads N] [--repeats N] [--python PYTHON]`. Schedulers are `threads`, `processes` and `distributed`, the last two
//! with worker processes of one thread; patterns are those of Task Bench, or `all`. Each task of a graph checks its
//! inputs and does a number of iterations of one kernel, on both sides the same machine code. Efficiency is the time that
//! the kernels alone would take on all threads, by the time that the run took, from the graph to the values; relative to
//! the best of a sweep, so that what else the machine does weighs less. Then, of all patterns, tasks a second with an
//! empty kernel. Prints tables and writes `target/bench/metg.json`.

mod ours; // our side
mod patterns; // who depends on whom
mod sweep; // from large tasks to small ones
mod theirs; // Dask's side

use std::error::Error;

use dask_benches::arguments;
use dask_benches::rows::{Row, load, table, write_json};
use dask_benches::timing::median;
use dask_core::Scheduler;
use dask_dist::{LocalCluster, ProcessScheduler};
use dask_sched::ThreadedScheduler;
use serde_json::json;

use ours::Tasks;
use patterns::Pattern;
use sweep::{Point, Setting, metg};
use theirs::Job;

/// On threads, tasks are so short that graphs have so many times as many steps.
const LOCAL: u32 = 5;
const SCHEDULERS: [&str; 3] = ["threads", "processes", "distributed"];

struct Options {
    only: Option<String>,
    schedulers: Vec<String>,
    patterns: Vec<Pattern>,
    n_steps: u32,
    n_peer_steps: u32,
    width: u32,
    n_threads: usize,
    n_repeats: usize,
    python: Option<String>,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let load = load();
    println!(
        "Task Bench: {} steps of {} points, beside Dask {} ({LOCAL} times as many on threads); {} threads, or processes of \
         one; medians of {}\n",
        options.n_steps, options.width, options.n_peer_steps, options.n_threads, options.n_repeats
    );
    let (mut rows, mut sweeps, mut versions) = (Vec::new(), Vec::new(), json!(null));
    for name in &options.schedulers {
        let mut measured = match name.as_str() {
            "threads" => measure(name, &ThreadedScheduler::new(options.n_threads), &options)?,
            "processes" => measure(name, &ProcessScheduler::new(options.n_threads), &options)?,
            _ => {
                let cluster = LocalCluster::builder().workers(options.n_threads).processes(true).start()?;
                measure(name, &cluster.client()?, &options)?
            }
        };
        println!("{name}:\n\n{}", table(&measured.rows));
        rows.append(&mut measured.rows);
        sweeps.append(&mut measured.sweeps);
        versions = measured.versions.unwrap_or(versions);
    }
    if options.python.is_none() {
        println!("Dask was not measured: no Python with Dask was given (`--python`)");
    }
    let about = json!({
        "n_steps": options.n_steps, "n_peer_steps": options.n_peer_steps, "width": options.width,
        "n_threads": options.n_threads, "n_repeats": options.n_repeats, "load_before": load, "peer": versions,
        "sweeps": sweeps,
    });
    write_json("metg", &rows, about)
}

/// What was measured with a scheduler.
struct Measured {
    rows: Vec<Row>,
    sweeps: Vec<serde_json::Value>,
    versions: Option<serde_json::Value>,
}

/// A graph of a pattern at our size and at that which Dask runs, and whether METG is found or empty tasks are counted.
struct Case {
    measure: String,
    is_sweep: bool,
    ours: Tasks,
    beside: Tasks,
}

fn cases(scheduler: &str, options: &Options) -> Vec<Case> {
    let longer = if scheduler == "threads" { LOCAL } else { 1 };
    let case = |measure: String, pattern: Pattern, is_sweep, width| Case {
        measure,
        is_sweep,
        ours: Tasks::new(pattern.dependencies(options.n_steps * longer, width)),
        beside: Tasks::new(pattern.dependencies(options.n_peer_steps * longer, width)),
    };
    let mut cases = Vec::new();
    if options.wants("metg") {
        for &pattern in &options.patterns {
            cases.push(case(format!("METG(50 %), {scheduler}: {}", pattern.name()), pattern, true, options.width));
        }
    }
    if options.wants("empty") {
        for pattern in Pattern::ALL {
            for width in [options.n_threads as u32, options.width] {
                let measure = format!("empty tasks, {scheduler}, {width} wide: {}", pattern.name());
                cases.push(case(measure, pattern, false, width));
            }
        }
    }
    cases
}

fn measure(name: &str, scheduler: &dyn Scheduler, options: &Options) -> Result<Measured, Box<dyn Error>> {
    let is_local = name == "threads";
    let setting = Setting {
        kernel: ours::kernel_seconds(options.n_threads),
        n_threads: options.n_threads,
        coarsest: if is_local { 20e-6 } else { 600e-6 },
    };
    let theirs = Setting { coarsest: if is_local { 1e-3 } else { 12e-3 }, ..setting };
    let cases = cases(name, options);
    let (mut rows, mut sweeps) = (Vec::new(), Vec::new());
    for case in &cases {
        eprintln!("{}", case.measure);
        let run = |tasks: &Tasks| -> Result<(f64, Vec<Point>), Box<dyn Error>> {
            if case.is_sweep {
                let points = setting.sweep(|iterations| {
                    let seconds = tasks.seconds(scheduler, iterations, options.n_repeats)?;
                    Ok(setting.point(iterations, tasks.dependencies.len(), seconds))
                })?;
                return Ok((metg(&points).unwrap_or(f64::NAN), points));
            }
            Ok((tasks.dependencies.len() as f64 / median(tasks.seconds(scheduler, 0, options.n_repeats)?), Vec::new()))
        };
        let ((large, points), (small, _)) = (run(&case.ours)?, run(&case.beside)?);
        if case.is_sweep {
            rows.push(Row::cost(&case.measure, "µs", large).beside(small));
            sweeps.push(json!({ "measure": case.measure, "kernel_ns": setting.kernel * 1e9, "ours": points }));
        } else {
            rows.push(Row::rate(&case.measure, "/s", large).beside(small));
        }
    }
    let Some(python) = &options.python else { return Ok(Measured { rows, sweeps, versions: None }) };
    let first = |case: &Case| if case.is_sweep { theirs.first() } else { 0 };
    let jobs: Vec<Job<'_>> =
        cases.iter().map(|case| Job::new(case.measure.clone(), &case.beside, first(case))).collect();
    eprintln!("{name}: Dask");
    let mut found = theirs::run(python, name, theirs, options.n_repeats, &jobs)?;
    for (row, case) in rows.iter_mut().zip(&cases) {
        let seconds = found.seconds.remove(&case.measure).ok_or_else(|| format!("Dask: no {}", case.measure))?;
        let n_tasks = case.beside.dependencies.len();
        if !case.is_sweep {
            row.theirs = seconds.into_iter().next().map(|(_, seconds)| n_tasks as f64 / median(seconds));
            continue;
        }
        let points: Vec<Point> =
            seconds.into_iter().map(|(iterations, seconds)| theirs.point(iterations, n_tasks, seconds)).collect();
        row.theirs = metg(&points);
        sweeps.push(json!({ "measure": case.measure, "theirs": points }));
    }
    Ok(Measured { rows, sweeps, versions: Some(found.versions) })
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        only: None,
        schedulers: SCHEDULERS.map(str::to_owned).to_vec(),
        patterns: Pattern::USUAL.to_vec(),
        n_steps: 200,
        n_peer_steps: 50,
        width: 8,
        n_threads: 2,
        n_repeats: 5,
        python: None,
    };
    let known =
        "--only metg|empty, --schedulers, --patterns, --steps, --peer-steps, --width, --threads, --repeats, --python";
    arguments::read::<Box<dyn Error>>(known, &[], |name, value| {
        match name {
            "--only" if matches!(value.as_str(), "metg" | "empty") => options.only = Some(value),
            "--schedulers" => options.schedulers = value.split(',').map(scheduler).collect::<Result<_, _>>()?,
            "--patterns" if value == "all" => options.patterns = Pattern::ALL.to_vec(),
            "--patterns" => options.patterns = value.split(',').map(pattern).collect::<Result<_, _>>()?,
            "--steps" => options.n_steps = value.parse()?,
            "--peer-steps" => options.n_peer_steps = value.parse()?,
            "--width" => options.width = value.parse()?,
            "--threads" => options.n_threads = value.parse()?,
            "--repeats" => options.n_repeats = value.parse()?,
            "--python" => options.python = Some(value),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let few = options.n_steps.min(options.n_peer_steps).min(options.width) == 0;
    let few = few || options.n_threads.min(options.n_repeats) == 0;
    if few { Err("steps, width, threads and repeats are at least 1".into()) } else { Ok(options) }
}

fn scheduler(name: &str) -> Result<String, Box<dyn Error>> {
    let unknown = || format!("no scheduler is called {name}; there are {}", SCHEDULERS.join(", ")).into();
    SCHEDULERS.contains(&name).then(|| name.to_owned()).ok_or_else(unknown)
}

fn pattern(name: &str) -> Result<Pattern, Box<dyn Error>> {
    let known = || Pattern::ALL.map(Pattern::name).join(", ");
    let found = Pattern::ALL.into_iter().find(|pattern| pattern.name() == name);
    found.ok_or_else(|| format!("no pattern is called {name}; there are all, {}", known()).into())
}

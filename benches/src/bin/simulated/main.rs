//! The cluster without machines: what the scheduler alone costs a task, and how good its schedules are.
//!
//! `simulated [--tasks N] [--workers N] [--repeats N] [--only alone|quality|spread|watched] [--graph NAME] [--strict]`. Prints tables
//! and writes `target/bench/simulated.json`. A schedule that misses its target is an error: it is the same in each run;
//! what depends on the machine, with `--strict` alone.

mod alone; // the scheduler and workers that answer at once
mod quality; // schedules of a simulated cluster
mod spread; // one value for everybody
mod watched; // a real scheduler, and people who watch it

use std::path::Path;

use dask_benches::arguments;

#[global_allocator]
static ALLOCATOR: dask_benches::allocations::Counting = dask_benches::allocations::Counting;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Options of a run.
struct Options {
    n_tasks: u32,
    n_workers: u32,
    n_repeats: usize,
    only: Option<String>,
    graph: Option<String>,
    is_strict: bool,
}

fn main() -> Outcome<()> {
    let options = options()?;
    let runs = |what: &str| options.only.as_deref().is_none_or(|only| only == what);
    let alone = if runs("alone") { alone::measure(&options)? } else { Vec::new() };
    let quality = if runs("quality") { quality::measure(&options)? } else { Vec::new() };
    let spread = if runs("spread") { spread::measure(&options)? } else { Vec::new() };
    let watched = if runs("watched") { watched::measure(&options)? } else { Vec::new() };
    let path = Path::new("target/bench/simulated.json");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let report = serde_json::json!({ "alone": alone, "quality": quality, "spread": spread, "watched": watched });
    std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    println!("written: {}", path.display());
    let (mut missed, mut timed) = (quality::missed(&quality), alone::missed(&alone));
    missed.extend(spread::missed(&spread));
    timed.extend(watched::missed(&watched));
    if options.is_strict {
        missed.extend(timed);
    } else if !timed.is_empty() {
        println!("targets missed: {}", timed.join("; "));
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("targets missed: {}", missed.join("; ")).into()) }
}

fn options() -> Outcome<Options> {
    let mut options =
        Options { n_tasks: 1_000_000, n_workers: 1000, n_repeats: 5, only: None, graph: None, is_strict: false };
    let known = "--tasks, --workers, --repeats, --only alone|quality|spread|watched, --graph, --strict";
    arguments::read::<Box<dyn std::error::Error>>(known, &["--strict"], |name, value| {
        match name {
            "--strict" => options.is_strict = true,
            "--tasks" => options.n_tasks = value.parse()?,
            "--workers" => options.n_workers = value.parse()?,
            "--repeats" => options.n_repeats = value.parse()?,
            "--graph" => options.graph = Some(value),
            "--only" if matches!(value.as_str(), "alone" | "quality" | "spread" | "watched") => {
                options.only = Some(value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let few = options.n_tasks < 4 || options.n_workers == 0 || options.n_repeats == 0;
    if few { Err("at least 4 tasks, 1 worker and 1 repeat are needed".into()) } else { Ok(options) }
}

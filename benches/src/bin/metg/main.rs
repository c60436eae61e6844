//! How small tasks may be: METG(50 %), the smallest task at which half of the cores' time is work. Dask beside.
//!
//! `metg [--steps N] [--width N] [--threads N] [--repeats N] [--python PYTHON]`. Each task of a graph does a number of
//! iterations of one kernel, on both sides the same machine code. Efficiency is the time that the kernels alone would
//! take on all threads, by the time that the run took, from the graph to the values; relative to the best of a sweep, so
//! that what else the machine does weighs less. Prints a table and writes `target/bench/metg.json`.

mod ours; // our side
mod patterns; // who depends on whom

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use dask_benches::peers;
use serde::{Deserialize, Serialize};

use patterns::Pattern;

struct Options {
    n_steps: u32,
    width: u32,
    n_threads: usize,
    n_repeats: usize,
    python: Option<String>,
}

/// One run: how long a task took on its core, and how much of that was work.
#[derive(Debug, Clone, Copy, Serialize)]
struct Point {
    iterations: u64,
    granularity_us: f64,
    efficiency: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let mut report = Vec::new();
    println!(
        "METG(50 %) in µs: {} steps of {} points on {} threads, best of {}\n",
        options.n_steps, options.width, options.n_threads, options.n_repeats
    );
    println!("{:<18} {:>8} {:>8} {:>10}", "pattern", "ours", "Dask", "ours/Dask");
    for pattern in Pattern::ALL {
        let dependencies = Arc::new(pattern.dependencies(options.n_steps, options.width));
        let sinks = sinks(&dependencies);
        let kernel = ours::kernel_seconds(options.n_threads);
        let run = |iterations| {
            let seconds = ours::seconds(&dependencies, &sinks, iterations, options.n_threads, options.n_repeats)?;
            Ok(point(iterations, seconds, dependencies.len(), kernel, options.n_threads))
        };
        let ours = sweep(kernel, 20e-6, run)?;
        let theirs = match &options.python {
            Some(python) => Some(theirs(python, &options, &dependencies, &sinks, kernel)?),
            None => None,
        };
        let (a, b) = (metg(&ours), theirs.as_deref().and_then(metg));
        let shown = |x: Option<f64>, digits: usize| x.map_or("-".to_owned(), |x| format!("{x:.digits$}"));
        let ratio = a.zip(b).map(|(a, b)| a / b);
        println!("{:<18} {:>8} {:>8} {:>10}", pattern.name(), shown(a, 3), shown(b, 1), shown(ratio, 5));
        report.push(serde_json::json!({
            "pattern": pattern.name(), "n_tasks": dependencies.len(), "kernel_ns": kernel * 1e9,
            "ours_us": a, "theirs_us": b, "ratio": ratio, "ours": ours, "theirs": theirs,
        }));
    }
    if options.python.is_none() {
        println!("\nDask was not measured: no Python with Dask was given (`--python`)");
    }
    let path = Path::new("target/bench/metg.json");
    std::fs::create_dir_all("target/bench")?;
    let report = serde_json::json!({
        "n_steps": options.n_steps, "width": options.width, "n_threads": options.n_threads, "patterns": report,
    });
    std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    println!("\nwritten: {}", path.display());
    Ok(())
}

/// Tasks that no other task needs: the outputs, so that nothing is culled.
fn sinks(dependencies: &[Vec<u32>]) -> Vec<u32> {
    let mut is_needed = vec![false; dependencies.len()];
    dependencies.iter().flatten().for_each(|&task| is_needed[task as usize] = true);
    (0..).zip(is_needed).filter(|&(_, is_needed)| !is_needed).map(|(task, _)| task).collect()
}

fn point(iterations: u64, seconds: f64, n_tasks: usize, kernel: f64, n_threads: usize) -> Point {
    let on_core = seconds * n_threads as f64 / n_tasks as f64;
    Point { iterations, granularity_us: on_core * 1e6, efficiency: iterations as f64 * kernel / on_core }
}

/// From tasks of `coarsest` seconds on, each half as long as the one before, until less than a quarter is work.
fn sweep(
    kernel: f64,
    coarsest: f64,
    mut run: impl FnMut(u64) -> Result<Point, Box<dyn Error>>,
) -> Result<Vec<Point>, Box<dyn Error>> {
    let mut iterations = ((coarsest / kernel) as u64).max(1).next_power_of_two();
    let mut points = Vec::new();
    while iterations > 0 {
        let point = run(iterations)?;
        points.push(point);
        if point.efficiency < 0.25 * best_efficiency(&points) {
            break;
        }
        iterations /= 2;
    }
    Ok(points)
}

fn best_efficiency(points: &[Point]) -> f64 {
    points.iter().map(|point| point.efficiency).fold(0.0, f64::max)
}

/// The smallest granularity with half of the best efficiency, between the two runs that enclose it.
fn metg(points: &[Point]) -> Option<f64> {
    let half = best_efficiency(points) / 2.0;
    let pair = points.windows(2).rfind(|pair| pair[0].efficiency >= half && pair[1].efficiency < half)?;
    let [coarse, fine] = [pair[0], pair[1]];
    let share = (half - fine.efficiency) / (coarse.efficiency - fine.efficiency);
    Some(fine.granularity_us + share * (coarse.granularity_us - fine.granularity_us))
}

/// What the script reports: the best seconds of each number of iterations.
#[derive(Deserialize)]
struct Theirs {
    seconds: Vec<f64>,
}

/// Dask's side, by `benches/peers/metg.py`, on the same edges, with the kernel from the same sources.
fn theirs(
    python: &str,
    options: &Options,
    dependencies: &[Vec<u32>],
    sinks: &[u32],
    kernel: f64,
) -> Result<Vec<Point>, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let name = format!("{}kernel{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = program.parent().unwrap_or(Path::new(".")).join("examples").join(name);
    if !library.exists() {
        let how = "cargo build --release -p dask-benches --example kernel";
        return Err(format!("{}: not there; make it with `{how}`", library.display()).into());
    }
    std::fs::create_dir_all("target/bench")?;
    let graph = Path::new("target/bench/metg-graph.json");
    std::fs::write(graph, serde_json::to_string(&(dependencies, sinks))?)?;
    let run = |iterations: u64| {
        let arguments = [graph.display().to_string(), library.display().to_string()];
        let numbers = [options.n_threads as u64, options.n_repeats as u64, iterations].map(|n| n.to_string());
        let found: Theirs = peers::run(python, "metg.py", &[&arguments[..], &numbers].concat())?;
        let seconds = found.seconds.into_iter().fold(f64::INFINITY, f64::min);
        Ok(point(iterations, seconds, dependencies.len(), kernel, options.n_threads))
    };
    sweep(kernel, 1e-3, run)
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { n_steps: 250, width: 8, n_threads: 2, n_repeats: 3, python: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--steps" => options.n_steps = value.parse()?,
            "--width" => options.width = value.parse()?,
            "--threads" => options.n_threads = value.parse()?,
            "--repeats" => options.n_repeats = value.parse()?,
            "--python" => options.python = Some(value),
            other => {
                let known = "there are --steps, --width, --threads, --repeats, --python";
                return Err(format!("unknown option {other}; {known}").into());
            }
        }
    }
    let few = options.n_steps.min(options.width) == 0 || options.n_threads.min(options.n_repeats) == 0;
    if few { Err("steps, width, threads and repeats are at least 1".into()) } else { Ok(options) }
}

#[cfg(test)]
mod tests {
    use super::{Point, metg, sinks};

    #[test]
    fn metg_lies_between_the_runs_that_enclose_a_half() {
        let point = |granularity_us, efficiency| Point { iterations: 1, granularity_us, efficiency };
        assert_eq!(metg(&[point(8.0, 1.0), point(4.0, 0.75), point(3.0, 0.25), point(2.0, 0.125)]), Some(3.5));
        assert_eq!(metg(&[point(8.0, 0.5), point(4.0, 0.375), point(3.0, 0.125)]), Some(3.5), "of the best");
        assert_eq!(metg(&[point(8.0, 0.9), point(4.0, 0.6)]), None);
    }

    #[test]
    fn what_nobody_needs_is_an_output() {
        assert_eq!(sinks(&[vec![], vec![0], vec![0], vec![2]]), [1, 3]);
    }
}

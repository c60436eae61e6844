//! The scheduler alone: a process of its own, and workers that answer at once without running anything, over TCP.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use dask_benches::crowd::Crowd;
use dask_benches::processes::cpu_seconds;
use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_benches::timing::{median, rounds};
use dask_core::{LayerGraph, RunContext, Scheduler};
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::transport::{Address, CommSettings};
use dask_dist::{Client, run_scheduler};

use crate::{Options, Outcome};

/// How this program is called to be the scheduler.
pub(crate) const ROLE: &str = "--as-scheduler";

const WORKERS: [u32; 4] = [1, 10, 100, 1000];

/// The other process: a scheduler, until its input ends.
pub(crate) fn serve() -> Outcome<()> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    std::thread::spawn(move || {
        // It ends with whoever started it.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        let _ = stop.send(true);
    });
    let say = |address: &Address| println!("{address}");
    Ok(run_scheduler("tcp://127.0.0.1:0", SchedulerOptions::default(), stopped, say)?)
}

/// The other process, seen from here.
struct Other {
    child: Child,
    input: Option<ChildStdin>,
    address: Address,
}

impl Other {
    fn start() -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg(ROLE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { child, input, address: line.trim().parse()? })
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.child.wait());
    }
}

/// Microseconds a task for a tree: processor time of the scheduler, and until the end is known here.
fn micros(n_workers: u32, n: u32, n_repeats: usize) -> Outcome<(f64, f64)> {
    let scheduler = Other::start()?;
    let client = Client::connect(&scheduler.address.to_string())?;
    let _crowd = Crowd::start(&scheduler.address, n_workers, 1, &CommSettings::default())?;
    client.wait_for_workers(n_workers as usize).wait()?;
    let layer = Shape::Tree.layer(n);
    let keys = Shape::Tree.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let n_tasks = dask_core::Plan::new(&graph, &keys)?.graph.n_tasks() as f64;
    let found = rounds(&format!("{n_workers} workers that answer at once"), n_repeats, || {
        std::thread::sleep(Duration::from_millis(100));
        let (start, before) = (Instant::now(), cpu_seconds(scheduler.child.id()));
        // There are no values to be fetched.
        drop(Scheduler::persist(&client, &graph, &keys, &RunContext::default())?);
        let wall = start.elapsed().as_secs_f64();
        Ok((cpu_seconds(scheduler.child.id()) - before, wall))
    })?;
    let (cpu, wall): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
    Ok((median(cpu) * 1e6 / n_tasks, median(wall) * 1e6 / n_tasks))
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for n_workers in WORKERS {
        let (cpu, wall) = micros(n_workers, 10 * options.n_tasks, options.n_repeats)?;
        let (small_cpu, small_wall) = micros(n_workers, 10 * options.n_peer_tasks, options.n_repeats)?;
        rows.extend([
            Row::cost(format!("scheduler alone, {n_workers} workers: its processor, a task"), "µs", cpu)
                .beside(small_cpu),
            Row::cost(format!("scheduler alone, {n_workers} workers: passed, a task"), "µs", wall).beside(small_wall),
        ]);
    }
    Ok(rows)
}

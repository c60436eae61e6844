//! A cluster of three processes, in three terminals:
//!
//! ```text
//! cargo run --example cluster -p dask-dist -- scheduler tcp://127.0.0.1:8786
//! cargo run --example cluster -p dask-dist -- worker tcp://127.0.0.1:8786
//! cargo run --example cluster -p dask-dist -- program tcp://127.0.0.1:8786
//! ```
//!
//! All three are one executable, so that the program's closures can run on the worker.

use dask_dist::client::Client;
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::worker::WorkerOptions;
use dask_dist::{run_scheduler, run_worker};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["scheduler", address] => {
            run_scheduler(address, SchedulerOptions::default(), stopped, |at| println!("scheduler at {at}"))?;
        }
        ["worker", address] => run_worker(address, WorkerOptions::default(), stopped)?,
        ["program", address] => program(address)?,
        _ => return Err("usage: cluster scheduler|worker|program tcp://HOST:PORT".into()),
    }
    Ok(())
}

fn program(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect(address)?;
    let squares = client.map(|x: i64| x * x, 0..100)?;
    let total = client.submit(|squares: Vec<i64>| squares.iter().sum::<i64>(), (squares,))?;
    println!("the sum of the first hundred squares is {}", total.result()?);
    Ok(())
}

//! Two builds of one program: this test is the client, and the workers are another executable that has the functions of
//! this crate too.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use dask_benches::steps::{next, sum_of_odd};
use dask_core::{Collection, RunContext};
use dask_dist::Client;

struct Running(Child);

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_soak"));
        Self(command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn only_here(x: i64) -> i64 {
    x - 1
}

#[test]
fn functions_with_names_run_on_workers_of_another_build() {
    let mut scheduler = Running::start(&["play-scheduler", "alone"]);
    let mut line = String::new();
    BufReader::new(scheduler.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(' ').next().unwrap();
    let _worker = Running::start(&["play-worker", address]);
    let client = Client::connect(address).unwrap();
    client.wait_for_workers(1).wait().unwrap();

    assert_eq!(sum_of_odd(100).compute_with(&client, &RunContext::default()).unwrap(), 10_000);
    assert_eq!(client.submit(next, (41,)).unwrap().result().unwrap(), 42);
    let error = client.submit(|x: i64| x + 1, (1,)).unwrap().result().unwrap_err().to_string();
    assert!(error.contains("another build of the program"), "{error}");
    let error = client.submit(only_here, (1,)).unwrap().result().unwrap_err().to_string();
    assert!(error.contains("this program has no function called") && error.contains("builds::only_here"), "{error}");
}

//! Ctrl-C, in a process of its own: this test program again, at one of its tests.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use dask_core::{Collection, Delayed, Error};

const CHILD: &str = "SCHED_TEST_INTERRUPTED";

/// What the child does; nothing in an ordinary run.
#[test]
fn child() {
    let Ok(scheduler) = std::env::var(CHILD) else { return };
    dask_sched::install();
    let guard = dask_sched::cancel_on_ctrl_c().unwrap();
    let _scheduler = dask_core::config::set([("scheduler", scheduler)]);
    let mut chain = Delayed::value(0i64);
    for _ in 0..20_000 {
        chain = chain.map(|x| {
            if x == 0 {
                println!("the first task runs");
            }
            std::thread::sleep(Duration::from_millis(1));
            x + 1
        });
    }
    // As it stands: fused, it would be one task.
    let graph = dask_core::LayerGraph::new(&chain.layers()).unwrap();
    let scheduler = dask_core::current_scheduler().unwrap();
    let error = scheduler.run(&graph, &chain.keys(), &dask_core::RunContext::current()).unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    println!("cancelled: {error}");
    drop(guard);
}

fn interrupt(scheduler: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["ctrl_c::child", "--exact", "--nocapture"])
        .env(CHILD, scheduler)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("the first task runs") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended before it ran");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("cancelled: the computation was cancelled"), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn ctrl_c_cancels_what_sync_runs() {
    interrupt("sync");
}

#[test]
fn ctrl_c_cancels_what_threads_run() {
    interrupt("threads");
}

#[test]
fn ctrl_c_cancels_what_round_trip_runs() {
    interrupt("round-trip");
}

//! A scheduler that is killed and started again, and connections that are cut.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::worker::WorkerOptions;
use dask_dist::{Client, Future, run_scheduler, run_worker};

/// Not a test by itself: what [`start`] runs in a process of its own.
#[test]
fn a_scheduler_in_a_process_of_its_own() {
    let (Ok(address), Ok(journal)) = (std::env::var("TEST_ADDRESS"), std::env::var("TEST_JOURNAL")) else { return };
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let options = SchedulerOptions { journal: Some(journal.into()), ..SchedulerOptions::default() };
    run_scheduler(&address, options, stopped, |_| ()).unwrap();
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(address: &str, journal: &Path) -> Killed {
    let test = "restart::a_scheduler_in_a_process_of_its_own";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("TEST_ADDRESS", address)
        .env("TEST_JOURNAL", journal)
        .stdout(Stdio::null())
        .spawn();
    Killed(child.unwrap())
}

fn square(x: i64) -> Vec<i64> {
    vec![x * x; 1000]
}

#[test]
fn a_scheduler_that_is_killed_takes_its_workers_and_what_is_published_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("tcp://127.0.0.1:{port}");
    let scheduler = start(&address, &journal);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers: Vec<_> = (0..2)
        .map(|i| {
            let (address, stopped) = (address.clone(), stopped.clone());
            let reconnect = Duration::from_secs(3600);
            std::thread::spawn(move || {
                let options = WorkerOptions { name: format!("worker-{i}"), reconnect, ..WorkerOptions::default() };
                run_worker(&address, options, stopped)
            })
        })
        .collect();
    let client = Client::connect(&address).unwrap();
    while client.workers().wait().unwrap().len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let squares: Vec<Future<Vec<i64>>> = client.map(square, 0..20).unwrap();
    let scattered = client.scatter(vec![7i64; 100]).unwrap();
    client.wait(&squares).wait().unwrap();
    client.wait([&scattered]).wait().unwrap();
    client.publish("squares", &squares).wait().unwrap();
    client.publish("first", &squares[..3]).wait().unwrap();
    client.publish("gone", std::slice::from_ref(&scattered)).wait().unwrap();
    client.unpublish("gone").wait().unwrap();
    let pids: Vec<i64> = client.gather(&squares).wait().unwrap().iter().map(|x| x[0]).collect();

    // Killed, not stopped: nobody is told anything.
    drop(scheduler);
    let error = client.submit(square, (100,)).and_then(|future| future.result()).unwrap_err().to_string();
    assert!(error.contains("scheduler"), "{error}");
    let _scheduler = start(&address, &journal);

    let client = Client::connect(&address).unwrap();
    while client.workers().wait().unwrap().len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(client.datasets().wait().unwrap(), ["first", "squares"]);
    let again = client.dataset::<Vec<i64>>("squares").wait().unwrap();
    let back: Vec<i64> = client.gather(&again).wait().unwrap().iter().map(|x| x[0]).collect();
    assert_eq!(back, pids);
    assert_eq!(client.dataset::<Vec<i64>>("first").wait().unwrap().len(), 3);
    // They can be used, and what is new is not taken for what was.
    let sum = client.submit(|all: Vec<Vec<i64>>| all.iter().map(|x| x[0]).sum::<i64>(), (again.clone(),)).unwrap();
    assert_eq!(sum.result().unwrap(), (0..20).map(|x| x * x).sum::<i64>());
    let new = client.map(square, 100..200).unwrap();
    assert_eq!(client.gather(&new).wait().unwrap()[99], square(199));
    // What was not published is not kept.
    drop((new, sum));
    let held = || client.who_has(&again).wait().unwrap().len();
    assert_eq!(held(), 20);
    client.close();
    stop.send(true).unwrap();
    for worker in workers {
        worker.join().unwrap().unwrap();
    }
}

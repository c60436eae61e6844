//! How workers die of their tasks.

use dask_dist::{Client, Options};

use super::*;
use crate::itself::{self, Running};

fn end_of(script: &str) -> End {
    let (line, its_end) = line().unwrap();
    let child = Command::new("sh").args(["-c", script]).stdin(its_end).spawn().unwrap();
    let thresholds = Thresholds::configured().unwrap();
    let mut watched = Watched::new(child.id(), 0, &thresholds);
    watch(&Mutex::new(Some(child)), &line, &mut watched, || false).unwrap()
}

#[test]
fn a_task_that_ends_the_process_is_no_end_in_order() {
    for code in [0, 1, 2, 70, 71] {
        assert!(matches!(end_of(&format!("exit {code}")), End::Died(why) if why.contains(&code.to_string())));
    }
    assert!(matches!(end_of("kill -9 $$"), End::Died(_)));
    assert!(matches!(end_of("printf E >&0; exit 1"), End::Over(code) if code == ExitCode::SUCCESS));
    assert!(matches!(end_of("printf F >&0"), End::Over(code) if code == ExitCode::FAILURE));
    // What it leaves behind holds the line, and nobody waits for that.
    assert!(matches!(end_of("sleep 5 >/dev/null 2>&1 & exit 3"), End::Died(_)));
}

/// A scheduler that lets a task kill one worker, and its address.
fn scheduler() -> (Running, String) {
    let allowed = [("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")];
    let scheduler = itself::start(&["scheduler", "--port", "0", "--dashboard-address", "none"], &allowed);
    let address = scheduler.address();
    (scheduler, address)
}

fn worker(address: &str, name: &str, rest: &[&str]) -> Running {
    let plain = ["worker", address, "--nanny", "--nthreads", "1", "--memory-limit", "0", "--name", name];
    itself::start(&[&plain[..], rest].concat(), &[])
}

/// The process of a worker.
fn process_of(client: &Client, name: &str) -> u32 {
    loop {
        let workers = client.workers().wait().unwrap();
        if let Some(worker) = workers.iter().find(|worker| worker.name == name) {
            return worker.process;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_task_that_ends_its_process_errs_with_the_exit_status_and_its_worker_is_started_again() {
    for code in [0, 1, 70] {
        let (mut scheduler, address) = scheduler();
        let mut doomed = worker(&address, "doomed", &[]);
        let mut spared = worker(&address, "spared", &[]);
        let client = Client::connect(&address).unwrap();
        let at = |name: &str| client.with(Options::new().workers([name]));
        let before = (process_of(&client, "doomed"), process_of(&client, "spared"));
        // Elsewhere: what stands next in line behind a death is blamed for it too.
        let others = at("spared").map(|x: i64| x * x, 0..20).unwrap();
        let exits = at("doomed").submit(|code: i32| -> i64 { std::process::exit(code) }, (code,)).unwrap();
        let after = client.submit(|x: i64| x + 1, (exits.clone(),)).unwrap();

        let error = exits.result().unwrap_err().to_string();
        assert!(error.contains("the workers that ran it died, 2 times"), "{error}");
        assert_eq!(error.matches(&format!("exit status: {code}")).count(), 2, "{error}");
        assert_eq!(error.matches("doomed at tcp://").count(), 2, "{error}");
        let error = after.result().unwrap_err().to_string();
        assert!(error.contains(&format!("exit status: {code}")), "{error}");
        let expected: Vec<i64> = (0..20).map(|x| x * x).collect();
        assert_eq!(client.gather(&others).wait().unwrap(), expected);

        for _ in 0..2 {
            let line = doomed.line("died");
            assert!(line.contains("doomed (process ") && line.contains(&format!("exit status: {code}")), "{line}");
            doomed.line("is started again");
        }
        // The one that was started again works as it did.
        let process = at("doomed").submit(|_: i64| std::process::id(), (0,)).unwrap().result().unwrap();
        assert_ne!(process, before.0);
        assert_eq!(process_of(&client, "spared"), before.1);
        client.close();
        for process in [&mut doomed, &mut spared, &mut scheduler] {
            process.signal(libc::SIGTERM);
            assert_eq!(process.ended(), Some(0));
        }
    }
}

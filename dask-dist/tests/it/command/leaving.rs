//! Workers that leave: how long they may take, what is lost, what is left behind.

use std::time::Duration;

use dask_dist::Options;

use super::*;

/// A task that takes the worker `busy` longer than a test should: one product of large matrices. What it takes is there
/// already, so that nothing else runs that could be taken for it.
fn long_task(client: &Client) -> impl Sized + use<> {
    let ones = client.persist(&Array::<f64>::ones(&[6000, 6000], &[6000, 6000]).unwrap()).unwrap();
    until(client, "busy", |worker| worker.n_held != 0 && worker.metrics.executing == 0);
    client.compute(&ones.matmul(&ones).unwrap()).unwrap()
}

/// Waits until a worker called so runs something, or has another status.
fn until(client: &Client, name: &str, is: impl Fn(&dask_dist::protocol::WorkerInfo) -> bool) -> u32 {
    loop {
        let workers = client.workers().wait().unwrap();
        if let Some(worker) = workers.iter().find(|worker| worker.name == name && is(worker)) {
            return worker.process;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn lives(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim().starts_with('Z'))
}

#[test]
fn a_worker_that_cannot_hand_over_in_time_says_what_is_lost() {
    let (_scheduler, address) = scheduler();
    let mut busy = worker(&address, &["--no-nanny", "--name", "busy", "--drain-timeout", "700ms"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let _task = long_task(&client);
    until(&client, "busy", |worker| worker.n_processing != 0 && worker.metrics.executing != 0);
    // One that could take its values.
    let _idle = worker(&address, &["--no-nanny", "--name", "idle"]);
    client.wait_for_workers(2).wait().unwrap();
    busy.signal(libc::SIGTERM);
    busy.line("were not handed over in 700ms");
    assert_eq!(busy.ended(), Some(0));
}

#[test]
fn a_second_signal_ends_a_worker_at_once() {
    for (nanny, code) in [(&["--no-nanny"][..], 143), (&[], 143)] {
        let (_scheduler, address) = scheduler();
        let rest = [nanny, &["--name", "busy", "--drain-timeout", "1h"]].concat();
        let mut busy = worker(&address, &rest);
        let client = Client::connect(&address).unwrap();
        client.wait_for_workers(1).wait().unwrap();
        let _task = long_task(&client);
        let process = until(&client, "busy", |worker| worker.metrics.executing != 0);
        let _idle = worker(&address, &["--no-nanny", "--name", "idle"]);
        client.wait_for_workers(2).wait().unwrap();
        busy.signal(libc::SIGTERM);
        until(&client, "busy", |worker| worker.status == "leaving");
        busy.signal(libc::SIGTERM);
        assert_eq!(busy.ended(), Some(code), "{nanny:?}");
        while lives(process) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_last_worker_leaves_at_once_and_says_what_is_lost() {
    let (_scheduler, address) = scheduler();
    let client = Client::connect(&address).unwrap();
    for nanny in [&["--no-nanny"][..], &[]] {
        let mut last = worker(&address, &[nanny, &["--drain-timeout", "1h"]].concat());
        client.wait_for_workers(1).wait().unwrap();
        let kept = client.scatter(vec![1.5f64; 1000]).unwrap();
        client.wait([&kept]).wait().unwrap();
        last.signal(libc::SIGTERM);
        last.line("no worker stays to take its values (1)");
        assert_eq!(last.ended(), Some(0), "{nanny:?}");
    }
}

#[test]
fn a_worker_with_a_lifetime_leaves_by_itself_and_hands_over() {
    let (_scheduler, address) = scheduler();
    let client = Client::connect(&address).unwrap();
    let _stays = worker(&address, &["--no-nanny"]);
    client.wait_for_workers(1).wait().unwrap();
    let mut brief = worker(&address, &["--name", "brief", "--lifetime", "5s"]);
    client.wait_for_workers(2).wait().unwrap();
    let kept = client.with(Options::new().workers(["brief"])).scatter(vec![2.5f64; 1000]).unwrap();
    client.wait([&kept]).wait().unwrap();
    brief.line("leaves: it was asked to leave");
    assert_eq!(brief.ended(), Some(0));
    assert_eq!(kept.result().unwrap(), vec![2.5; 1000]);
}

#[test]
fn a_worker_without_a_scheduler_ends_when_it_is_told_to() {
    let (scheduler, address) = scheduler();
    let mut left = worker(&address, &["--no-nanny", "--death-timeout", "1h"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let kept = client.scatter(vec![1.5f64; 1000]).unwrap();
    client.wait([&kept]).wait().unwrap();
    scheduler.signal(libc::SIGKILL);
    left.line("looking for it");
    left.signal(libc::SIGTERM);
    left.line("there is no scheduler to say who takes 1 value of ");
    assert_eq!(left.ended(), Some(0));
    // One that listens and does not answer.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for nanny in [&["--no-nanny"][..], &[]] {
        let rest = [nanny, &["--death-timeout", "1h"]].concat();
        let mut waiting = worker(&format!("tcp://{}", silent.local_addr().unwrap()), &rest);
        let _connection = silent.accept().unwrap();
        waiting.signal(libc::SIGTERM);
        assert_eq!(waiting.ended(), Some(0), "{nanny:?}");
    }
}

/// A program that runs a command here as a shell on another machine would, whatever the host.
pub(super) fn fake_ssh(folder: &std::path::Path) -> String {
    let path = folder.join("ssh");
    std::fs::write(&path, "#!/bin/sh\nshift\nexec sh -c \"exec $*\"\n").unwrap();
    let mut permissions = path.metadata().unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&path, permissions).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn options_reach_other_hosts_as_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    fake_ssh(folder.path());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let file = keys(&folder.path().join("what's secret"));
    let spill = folder.path().join("it's for values; $HOME `no`");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let hosts = ["ssh", "somebody@127.0.0.1", "--scheduler-port", &port, "--remote-dask", env!("CARGO_BIN_EXE_dask")];
    let rest = ["--nthreads", "3", "--memory-limit", "64MiB", "--drain-timeout", "1h", "--token-file", &file("token")];
    let directory = ["--local-directory", spill.to_str().unwrap()];
    let mut all = Running::start_with(&[&hosts[..], &rest, &directory].concat(), &[("PATH", &path)]);
    let security = dask_dist::Security::default().token_file(file("token")).unwrap();
    let settings = dask_dist::transport::CommSettings { security, ..Default::default() };
    let client = Client::connect_with(&format!("tcp://127.0.0.1:{port}"), settings).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let worker = client.workers().wait().unwrap().remove(0);
    assert_eq!((worker.n_threads, worker.memory_limit), (3, 64 << 20));
    assert!(spill.is_dir());
    client.close();
    all.signal(libc::SIGINT);
    assert_eq!(all.ended(), Some(0));
    assert!(!lives(worker.process));
}

#[test]
fn nothing_is_left_on_other_hosts_when_ssh_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ssh = fake_ssh(folder.path());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let all = ["ssh", "127.0.0.1", "localhost", "--scheduler-port", &port, "--nthreads", "1", "--insecure", "--json"];
    let all = Running::start(&[&all[..], &["--ssh", &ssh, "--remote-dask", env!("CARGO_BIN_EXE_dask")]].concat());
    // What runs there speaks as this does.
    assert!(all.line("listening at").starts_with('{'));
    let client = Client::connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
    client.wait_for_workers(2).wait().unwrap();
    let processes: Vec<u32> = client.workers().wait().unwrap().iter().map(|worker| worker.process).collect();
    all.signal(libc::SIGKILL);
    while processes.iter().any(|&process| lives(process))
        || std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
    {
        std::thread::sleep(Duration::from_millis(20));
    }
}

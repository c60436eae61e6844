//! The command `dask`, as operators call it.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use dask_array::Array;
use dask_core::{Collection, RunContext};
use dask_dist::Client;

mod encrypted;
mod leaving;
mod page;
mod running;
mod strangers;
mod trust;

pub(crate) use running::Running;
use running::kill;

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::of(dask(arguments).envs(environment.iter().copied()))
    }

    /// Waits for a line with each of these, in any order.
    pub(crate) fn line_of(&self, each: &[&'static str]) -> HashMap<&'static str, String> {
        let mut found = HashMap::new();
        while found.len() < each.len() {
            let line = self.line("");
            found.extend(each.iter().find(|with| line.contains(**with)).map(|with| (*with, line.clone())));
        }
        found
    }
}

fn dask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dask"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn call(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = dask(arguments).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

pub(crate) fn scheduler() -> (Running, String) {
    let scheduler = Running::start(&["scheduler", "--port", "0", "--dashboard-address", "none"]);
    let address = scheduler.address();
    (scheduler, address)
}

fn worker(address: &str, rest: &[&str]) -> Running {
    Running::start(&[&["worker", address, "--nthreads", "1", "--memory-limit", "0"], rest].concat())
}

#[test]
fn a_stock_worker_runs_what_is_built_in() {
    let (mut scheduler, address) = scheduler();
    let mut worker = worker(&address, &["--no-nanny", "--name", "ada", "--resources", "GPU=2,DISK=1"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    worker.line(&format!(", for the scheduler at {address}"));
    let x = Array::<f64>::ones(&[100, 100], &[30, 30]).unwrap();
    let y = (&x + &x.transpose()).sum(None, false).unwrap();
    let sum = y.compute_with(&client, &RunContext::default()).unwrap();
    assert_eq!(sum.iter().copied().collect::<Vec<f64>>(), [20_000.0]);
    // A closure of this program is none of the worker's.
    let error = client.submit(|x: i64| x + 1, (1,)).and_then(|future| future.result()).unwrap_err().to_string();
    assert!(error.contains("another build"), "{error}");

    let (code, text) = call(&["info", &address]);
    assert_eq!(code, Some(0));
    assert!(text.contains("1 workers, 1 threads") && text.contains("ada"), "{text}");
    let (_, text) = call(&["--json", "info", &address]);
    let info: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(info["workers"][0]["name"], "ada");
    client.close();
    worker.signal(libc::SIGTERM);
    assert_eq!(worker.ended(), Some(0));
    scheduler.signal(libc::SIGINT);
    assert_eq!(scheduler.ended(), Some(0));
}

#[test]
fn tasks_that_ask_for_resources_run_where_they_are() {
    let (_scheduler, address) = scheduler();
    let _plain = worker(&address, &["--no-nanny", "--name", "plain"]);
    let _rich = worker(&address, &["--name", "rich", "--resources", "GPU=2,DISK=0.5"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(2).wait().unwrap();
    let asks = client.with(dask_dist::Options::new().resource("GPU", 2.0).resource("DISK", 0.25));
    let kept = asks.persist(&Array::<f64>::ones(&[100], &[10]).unwrap()).unwrap();
    let sum = kept.sum(None, false).unwrap().compute_with(&asks, &RunContext::default()).unwrap();
    assert_eq!(sum.first(), Some(&100.0));
    let workers = client.workers().wait().unwrap();
    let held = |name: &str| workers.iter().find(|worker| worker.name == name).unwrap().n_held;
    assert_eq!(held("plain"), 0);
    assert!(10 <= held("rich"), "{workers:?}");
}

#[test]
fn a_worker_that_is_terminated_hands_its_values_over() {
    for nanny in [&["--no-nanny"][..], &[]] {
        let (_scheduler, address) = scheduler();
        let mut first = worker(&address, nanny);
        let client = Client::connect(&address).unwrap();
        client.wait_for_workers(1).wait().unwrap();
        let kept = client.scatter(vec![1.5f64; 1000]).unwrap();
        client.wait([&kept]).wait().unwrap();
        let _second = worker(&address, nanny);
        client.wait_for_workers(2).wait().unwrap();
        first.signal(libc::SIGTERM);
        assert_eq!(first.ended(), Some(0), "{nanny:?}");
        assert_eq!(kept.result().unwrap(), vec![1.5; 1000]);
    }
}

/// Waits for a worker that is not this process.
fn another_process(client: &Client, than: u32) -> u32 {
    loop {
        match client.workers().wait().unwrap().first() {
            Some(worker) if worker.process != than => return worker.process,
            _ => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
}

#[test]
fn a_nanny_starts_a_worker_again_and_tells_how_it_died() {
    let environment = [("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")];
    let scheduler = Running::start_with(&["scheduler", "--port", "0", "--dashboard-address", "none"], &environment);
    let address = scheduler.address();
    let worker =
        Running::start(&["worker", &address, "--nthreads", "1", "--memory-limit", "100MiB", "--name", "small"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let before = client.workers().wait().unwrap()[0].process;
    // One chunk of 1.6 GB.
    let n = 200_000_000;
    let large = Array::<f64>::ones(&[n], &[n]).unwrap().sum(None, false).unwrap();
    let error = large.compute_with(&client, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("out of memory") && error.contains("100 MiB"), "{error}");
    worker.line("is started again");
    let process = another_process(&client, before);
    kill(process, libc::SIGKILL);
    let line = worker.line("died");
    assert!(line.contains("signal 9") && line.contains("MiB"), "{line}");
    another_process(&client, process);
    let x = Array::<f64>::ones(&[10], &[5]).unwrap().sum(None, false).unwrap();
    assert_eq!(x.compute_with(&client, &RunContext::default()).unwrap().first(), Some(&10.0));
}

#[test]
fn a_cluster_keeps_its_workers_within_their_memory() {
    let environment = [("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")];
    let arguments =
        ["cluster", "--workers", "1", "--port", "0", "--dashboard-address", "none", "--memory-limit", "100MiB"];
    let cluster = Running::start_with(&arguments, &environment);
    let client = Client::connect(&cluster.address()).unwrap();
    let before = client.workers().wait().unwrap()[0].process;
    // One chunk of 1.6 GB.
    let n = 200_000_000;
    let large = Array::<f64>::ones(&[n], &[n]).unwrap().sum(None, false).unwrap();
    let error = large.compute_with(&client, &RunContext::default()).unwrap_err().to_string();
    assert!(error.contains("out of memory") && error.contains("100 MiB"), "{error}");
    assert!(cluster.line("died").contains("terminated by its nanny"));
    another_process(&client, before);
    let x = Array::<f64>::ones(&[10], &[5]).unwrap().sum(None, false).unwrap();
    assert_eq!(x.compute_with(&client, &RunContext::default()).unwrap().first(), Some(&10.0));
}

#[test]
fn a_cluster_on_this_machine() {
    let mut cluster = Running::start(&[
        "cluster",
        "--workers",
        "2",
        "--port",
        "0",
        "--dashboard-address",
        "127.0.0.1:0",
        "--memory-limit",
        "1GiB",
    ]);
    let client = Client::connect(&cluster.address()).unwrap();
    assert_eq!(client.workers().wait().unwrap().len(), 2);
    let x = Array::<f64>::ones(&[10], &[5]).unwrap().sum(None, false).unwrap();
    assert_eq!(x.compute_with(&client, &RunContext::default()).unwrap().first(), Some(&10.0));
    cluster.signal(libc::SIGTERM);
    assert_eq!(cluster.ended(), Some(0));
}

#[test]
fn hosts_through_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let ssh = leaving::fake_ssh(folder.path());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let hosts = ["ssh", "127.0.0.1", "localhost", "--scheduler-port", &port, "--nthreads", "1"];
    let rest = ["--ssh", &ssh, "--remote-dask", env!("CARGO_BIN_EXE_dask")];
    let (code, text) = call(&[&hosts[..], &rest].concat());
    assert!(code == Some(1) && text.contains("--insecure"), "{text}");
    let mut all = Running::start(&[&hosts[..], &rest, &["--insecure"]].concat());
    let client = Client::connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
    client.wait_for_workers(2).wait().unwrap();
    client.close();
    all.signal(libc::SIGTERM);
    assert_eq!(all.ended(), Some(0));
}

/// What `dask keys` has written to a folder.
pub(crate) fn keys(folder: &std::path::Path) -> impl Fn(&str) -> String + use<> {
    let (code, text) = call(&["keys", folder.to_str().unwrap()]);
    assert!(code == Some(0) && text.contains("--token-file"), "{text}");
    let folder = folder.to_path_buf();
    move |name| folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn keys_keep_strangers_out_of_an_open_interface() {
    let folder = tempfile::tempdir().unwrap();
    let file = keys(folder.path());
    let secret = std::fs::read_to_string(file("token")).unwrap();
    let token = ["--token-file", &file("token")];
    let tls = ["--tls-ca-file", &file("ca.pem"), "--tls-cert", &file("cert.pem"), "--tls-key", &file("key.pem")];
    let settings = [
        ("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", file("ca.pem")),
        ("DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT", file("cert.pem")),
        ("DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY", file("key.pem")),
        ("DASK_DISTRIBUTED__COMM__TOKEN_FILE", file("token")),
    ];
    for shown in [&token[..], &tls, &[&token[..], &tls].concat()] {
        let open = ["scheduler", "--host", "0.0.0.0", "--port", "0", "--dashboard-address", "none"];
        let mut scheduler = Running::start(&[&open[..], shown].concat());
        let address = scheduler.address();
        assert!(address.starts_with(if shown.contains(&"--tls-cert") { "tls://" } else { "tcp://" }), "{address}");
        let address = address.replace("0.0.0.0", "127.0.0.1");
        let mut worker = worker(&address, shown);
        let (code, text) = loop {
            let (code, text) = call(&[&["info", &address][..], shown].concat());
            if !text.contains("0 workers") {
                break (code, text);
            }
        };
        assert!(code == Some(0) && text.contains("1 workers"), "{text}");
        // Configured rather than said.
        let keep = |name: &str| shown.contains(&"--tls-cert") != name.contains("TOKEN") || shown.len() == 8;
        let mut info = dask(&["info", &address]);
        let output = info.envs(settings.iter().filter(|(name, _)| keep(name)).cloned()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Without a scheme, it goes there as it is.
        let (code, text) = call(&["info", address.split_once("://").unwrap().1]);
        assert_eq!(code, Some(1), "{text}");
        let said = scheduler.line("refused");
        assert!(!said.contains(secret.trim()) && !text.contains(secret.trim()), "{said}");
        worker.signal(libc::SIGTERM);
        assert_eq!(worker.ended(), Some(0));
        scheduler.signal(libc::SIGTERM);
        assert_eq!(scheduler.ended(), Some(0));
    }
    let (code, text) = call(&["keys", folder.path().to_str().unwrap()]);
    assert!(code == Some(1) && text.contains("is there already"), "{text}");
    let (code, text) = call(&["info", "127.0.0.1:1", "--tls-cert", &file("cert.pem")]);
    assert!(code == Some(1) && text.contains("go together"), "{text}");
}

#[test]
fn an_open_dashboard_asks_for_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = keys(folder.path());
    let open = ["scheduler", "--port", "0", "--dashboard-address", "0.0.0.0:0"];
    let (code, text) = call(&open);
    assert!(code == Some(1) && text.contains("--dashboard-token-file"), "{text}");
    let scheduler = Running::start(&[&open[..], &["--dashboard-token-file", &file("dashboard-token")]].concat());
    let line = scheduler.line("dashboard at");
    let port = line.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let ask = |path: &str, authorization: &str| {
        let mut socket = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
        answer[9..12].to_owned()
    };
    let token = std::fs::read_to_string(file("dashboard-token")).unwrap();
    let basic = |text: &str| {
        let text = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text);
        format!("Authorization: Basic {text}\r\n")
    };
    assert_eq!(ask("/api/v1/status", ""), "401");
    assert_eq!(ask("/", &basic("me:something else")), "401");
    assert_eq!(ask("/", &basic(&format!("me:{}", token.trim()))), "200");
    assert_eq!(ask("/metrics", &format!("Authorization: Bearer {}\r\n", token.trim())), "200");
    assert_eq!(ask("/metrics", &format!("Authorization: Bearer {}x\r\n", token.trim())), "401");
    assert_eq!(ask("/health", ""), "200");
}

#[test]
fn wrong_calls_are_refused_with_the_way_out() {
    let (_scheduler, address) = scheduler();
    let port = address.rsplit(':').next().unwrap();
    let cases: [(&[&str], i32, &[&str]); 18] = [
        (&["scheduler", "--port", port], 1, &["in use", port]),
        (&["scheduler", "--host", "0.0.0.0"], 1, &["--insecure"]),
        (&["scheduler", "--token-file", "/dev/null/token"], 1, &["/dev/null/token", "Not a directory"]),
        (&["worker", "tls://127.0.0.1:1", "--no-nanny"], 1, &["tls://127.0.0.1:1", "--tls-ca-file"]),
        (&["worker", &address, "--host", "0.0.0.0", "--insecure"], 1, &["--host 0.0.0.0", "by which they reach"]),
        (&["worker", "nowhere"], 1, &["nowhere"]),
        (&["worker", "tcp://127.0.0.1:1", "--no-nanny", "--death-timeout", "200ms"], 1, &["127.0.0.1:1"]),
        (&["worker", &address, "--memory-limit", "a lot"], 2, &["a lot", "4GiB"]),
        (&["worker", &address, "--memory-limit", "12"], 2, &["16 MiB"]),
        (&["worker", &address, "--nthreads", "0"], 2, &["--nthreads"]),
        (&["worker", &address, "--local-directory", "/dev/null/x"], 1, &["/dev/null/x"]),
        (&["worker", &address, "--host", "0.0.0.0"], 1, &["--insecure"]),
        (&["worker", &address, "--drain-timeout", "0s"], 2, &["--drain-timeout", "a time above 0"]),
        (&["worker", &address, "--lifetime", "soon"], 2, &["--lifetime", "soon", "1h"]),
        (&["worker", &address, "--resources", "GPU"], 2, &["--resources", "GPU=2"]),
        (&["scheduler", "--dashboard-address", ":8787"], 2, &["HOST:PORT", "none"]),
        (&["cluster", "--port", "0", "--dashboard-address", "0.0.0.0:0"], 1, &["--dashboard-token-file", "127.0.0.1"]),
        (&["cluster", "--workers", "1", "--port", port, "--dashboard-address", "none"], 1, &["in use", port]),
    ];
    for (arguments, code, parts) in cases {
        let (found, text) = call(arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{arguments:?}: {text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dask.yaml");
    std::fs::write(&file, "distributed:\n  worker:\n    memory: {target: 0.5, pause: 7}\n").unwrap();
    let settings: [(&str, &str, &[&str]); 4] = [
        ("DASK_CONFIG", file.to_str().unwrap(), &["memory.pause", "\"7\"", "dask.yaml", "a share from 0 to 1"]),
        ("DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE", "0.5", &["memory.pause is 0.8", "memory.terminate is 0.5"]),
        ("DASK_DISTRIBUTED__WORKER__MEMORY__TARGET", "much", &["memory.target", "much", "environment"]),
        ("DASK_DISTRIBUTED__COMM__TIMEOUTS__HANDSHAKE", "0", &["timeouts.handshake", "a time above 0"]),
    ];
    for (name, value, parts) in settings {
        let output = dask(&["worker", &address]).env(name, value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{name}: {text}");
    }
    let (code, text) = call(&["--json", "worker", "nowhere"]);
    let said: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(said["level"], "error");
    assert_eq!((code, said["who"].as_str()), (Some(1), Some("worker")));
}

#[test]
fn with_json_a_wrong_call_is_one_line_too_and_help_is_for_people() {
    // What is called, who says what is wrong, and what it is.
    let wrong: [(&[&str], &str, &[&str]); 8] = [
        (&["--json"], "dask", &["subcommand", "Usage: dask"]),
        (&["--json", "wrker"], "dask", &["wrker", "worker"]),
        (&["--json", "--bad", "worker", "127.0.0.1:1"], "dask", &["--bad"]),
        (&["worker", "--json"], "worker", &["<SCHEDULER>"]),
        (&["worker", "127.0.0.1:1", "--nthreads", "0", "--json"], "worker", &["--nthreads", "1..=65536"]),
        (&["worker", "127.0.0.1:1", "--json", "--threads", "2"], "worker", &["--threads", "--nthreads"]),
        (&["scheduler", "--port", "\"a\nb\"", "--json"], "scheduler", &["--port", "\"a\nb\""]),
        (&["info", "127.0.0.1:1", "--json", "--", "more"], "info", &["more"]),
    ];
    for (arguments, who, parts) in wrong {
        let Output { status, stdout, stderr } = dask(arguments).output().unwrap();
        let text = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), &*stdout, text.lines().count()), (Some(2), &[][..], 1), "{arguments:?}: {text}");
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((said["level"].as_str(), said["who"].as_str()), (Some("error"), Some(who)), "{text}");
        assert!(said["time"].as_f64().is_some_and(|time| 1e9 < time), "{text}");
        let message = said["message"].as_str().unwrap();
        assert!(parts.iter().all(|part| message.contains(part)), "{text}");
        assert!(!message.starts_with("error") && message.ends_with(|c: char| !c.is_whitespace()), "{text}");
    }
    for arguments in [&["--json", "--help"][..], &["--json", "--version"], &["worker", "--json", "-h"], &["help"]] {
        let Output { status, stdout, stderr } = dask(arguments).output().unwrap();
        let text = String::from_utf8(stdout).unwrap();
        assert_eq!((status.code(), &*stderr), (Some(0), &[][..]), "{arguments:?}: {text}");
        assert!(!text.is_empty() && !text.starts_with('{'), "{arguments:?}: {text}");
    }
    // After the end of the options it is an address that is one too many.
    for arguments in [&[][..], &["worker"], &["info", "127.0.0.1:1", "--", "--json"], &["info", "127.0.0.1:1", "--bad"]]
    {
        let (code, text) = call(arguments);
        assert!(code == Some(2) && text.contains("Usage: dask") && !text.starts_with('{'), "{arguments:?}: {text}");
    }
}

#[test]
fn with_json_a_panic_in_a_worker_process_is_one_line_too() {
    let (_scheduler, address) = scheduler();
    let worker = ["--json", "worker", &address, "--nthreads", "1", "--memory-limit", "0"];
    let cluster = ["--json", "cluster", "--workers", "1", "--memory-limit", "0", "--port", "0"];
    let calls = [
        [&worker[..], &["--no-nanny"]].concat(),
        [&worker[..], &["--nanny"]].concat(),
        [&cluster[..], &["--dashboard-address", "none"]].concat(),
    ];
    for arguments in calls {
        let mut running = Running::start(&arguments);
        let address = if arguments[1] == "cluster" { running.address() } else { address.clone() };
        let client = Client::connect(&address).unwrap();
        client.wait_for_workers(1).wait().unwrap();
        let process = client.workers().wait().unwrap()[0].process;
        // One chunk of more bytes than can be counted.
        let n = usize::MAX / 4;
        let endless = Array::<f64>::ones(&[n], &[n]).unwrap().sum(None, false).unwrap();
        let error = endless.compute_with(&client, &RunContext::default()).unwrap_err().to_string();
        assert!(error.contains("capacity overflow"), "{error}");
        let said = loop {
            let line = running.line("");
            let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if said["message"].as_str().unwrap().contains("capacity overflow") {
                break said;
            }
        };
        assert_eq!((said["level"].as_str(), said["who"].as_str()), (Some("error"), Some("worker")), "{said}");
        let message = said["message"].as_str().unwrap();
        assert!(message.starts_with("the thread dask-task-0 panicked at "), "{message}");
        // It was a task's, and no more.
        let x = Array::<f64>::ones(&[10], &[5]).unwrap().sum(None, false).unwrap();
        assert_eq!(x.compute_with(&client, &RunContext::default()).unwrap().first(), Some(&10.0));
        assert_eq!(client.workers().wait().unwrap()[0].process, process);
        client.close();
        running.signal(libc::SIGTERM);
        assert_eq!(running.ended(), Some(0));
    }
}

#[test]
fn nobody_needs_to_read_what_a_process_says() {
    let (_scheduler, address) = scheduler();
    let mut command = dask(&["worker", &address, "--no-nanny", "--nthreads", "1", "--memory-limit", "0"]);
    let mut worker = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(worker.stderr.take());
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    kill(worker.id(), libc::SIGTERM);
    assert_eq!(worker.wait().unwrap().code(), Some(0));
}

#[test]
fn settings_come_from_files_below_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("memory.yaml");
    std::fs::write(&file, "distributed:\n  worker:\n    memory:\n      target: lots\n").unwrap();
    let (_scheduler, address) = scheduler();
    let arguments = ["worker", &address, "--no-nanny", "--nthreads", "1", "--memory-limit", "1GiB"];
    let from_file = [("DASK_CONFIG", folder.path().to_str().unwrap())];
    let mut worker = Running::start_with(&arguments, &from_file);
    let refused = worker.line("distributed.worker.memory.target");
    assert!(refused.contains("lots") && refused.contains(file.to_str().unwrap()), "{refused}");
    assert_eq!(worker.ended(), Some(1));
    let above = [from_file[0], ("DASK_DISTRIBUTED__WORKER__MEMORY__TARGET", "0.5")];
    let _worker = Running::start_with(&arguments, &above);
    Client::connect(&address).unwrap().wait_for_workers(1).wait().unwrap();
}

#[test]
fn a_scheduler_with_a_journal_that_is_stopped_in_order_finds_its_workers_again() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let arguments =
        ["scheduler", "--port", &port, "--dashboard-address", "none", "--journal", journal.to_str().unwrap()];
    let mut scheduler = Running::start(&arguments);
    let address = scheduler.address();
    let _worker = worker(&address, &["--no-nanny", "--death-timeout", "120s"]);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let process = client.workers().wait().unwrap()[0].process;
    let kept = client.scatter(vec![7i64; 1000]).unwrap();
    client.wait([&kept]).wait().unwrap();
    client.publish("kept", &[kept]).wait().unwrap();

    scheduler.signal(libc::SIGTERM);
    assert_eq!(scheduler.ended(), Some(0));
    let again = Running::start(&arguments);
    assert_eq!(again.address(), address);
    let client = Client::connect(&address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    assert_eq!(client.workers().wait().unwrap()[0].process, process, "the same worker");
    let found = client.dataset::<Vec<i64>>("kept").wait().unwrap();
    assert_eq!(found[0].result().unwrap(), vec![7i64; 1000]);
}

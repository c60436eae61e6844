//! The scheduler's pages, metrics and API, over real connections; and in a browser, where there is one.

mod browser;
#[cfg(feature = "tls")]
pub(crate) mod https;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use dask_dist::dashboard::{Dashboard, DashboardOptions};
use dask_dist::{Client, DistError, Future, LocalCluster, Security};
use serde_json::Value;

pub(crate) fn watched() -> (LocalCluster, Client, SocketAddr) {
    let cluster = LocalCluster::builder().workers(2).dashboard("127.0.0.1:0").start().unwrap();
    let client = cluster.client().unwrap();
    let address = cluster.dashboard().unwrap().address();
    (cluster, client, address)
}

/// Status, headers and body.
fn request(address: SocketAddr, first: &str, host: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{first} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let (status, _, body) = request(address, &format!("GET {path}"), "localhost");
    (status, body)
}

fn json(address: SocketAddr, path: &str) -> Value {
    let (status, body) = get(address, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

pub(crate) fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn halve(x: i64) -> Result<i64, std::num::TryFromIntError> {
    u8::try_from(-x).map(i64::from)
}

/// Asks until it is so: what is shown is as old as it may be.
fn until(mut is: impl FnMut() -> bool) {
    while !is() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn counts_workers_layers_and_tasks_are_told() {
    let (_cluster, client, address) = watched();
    assert_eq!(get(address, "/health"), (200, "ok\n".to_owned()));
    let squares = client.map(|x: i64| x * x, 0..20).unwrap();
    let total = client.submit(|all: Vec<i64>| all.iter().sum::<i64>(), (squares.clone(),)).unwrap();
    assert_eq!(total.result().unwrap(), 2470);
    until(|| {
        let status = json(address, "/api/v1/status");
        let shown = (&status["workers"], &status["clients"], &status["tasks_by_state"]["memory"]);
        shown == (&Value::from(2), &Value::from(1), &Value::from(21))
    });
    let workers = json(address, "/api/v1/workers");
    assert_eq!(workers.as_array().map(Vec::len), Some(2));
    assert_eq!(workers[0]["threads"], 1);
    let layers = json(address, "/api/v1/layers");
    assert!(layers.as_array().unwrap().iter().any(|layer| layer["measured"] == 21), "{layers}");
    let ended = json(address, "/api/v1/tasks");
    let ended = ended.as_array().unwrap();
    assert!(21 <= ended.len() && ended.iter().any(|task| task["key"] == total.key().to_string()), "{ended:?}");
    let graph = json(address, "/api/v1/graph");
    let n_edges = graph["edges"].as_array().unwrap().len();
    assert!(20 <= n_edges && graph["truncated"] == false, "{graph}");
    let (_, metrics) = get(address, "/metrics");
    for line in [
        "dask_scheduler_clients 1",
        "dask_scheduler_workers{state=\"idle\"} 2",
        "dask_scheduler_workers{state=\"paused_or_retiring\"} 0",
        "dask_scheduler_tasks{state=\"erred\"} 0",
        "dask_scheduler_desired_workers 1",
        "dask_scheduler_tasks_forgotten_total 0",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line}: {metrics}");
    }
    assert!(metrics.contains("\ndask_scheduler_tick_duration_maximum_seconds 0."), "{metrics}");
    let entered = |state: &str| -> u64 {
        let lines = metrics.lines().filter(|line| line.starts_with("dask_scheduler_prefix_state_totals_total{"));
        let of = format!("task_prefix_name=\"closure\",state=\"{state}\"");
        let lines = lines.filter(|line| line.contains(&of));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    // Some may be taken from a busy worker, and given to an idle one.
    assert!(21 <= entered("processing"));
    assert_eq!((entered("memory"), entered("forgotten")), (21, 0));
    assert!(metrics.contains("dask_worker_memory_bytes{worker=\"") && metrics.contains("type=\"spilled\"} 0"));
    let events = json(address, "/api/v1/events").to_string();
    assert!(events.contains("has come"), "{events}");
}

/// Something that goes from one worker to the other, and a task that is looked at while it sleeps.
pub(crate) fn something_to_see(client: &Client) -> Future<i64> {
    let sleeps = |x: i64| {
        std::thread::sleep(std::time::Duration::from_millis(400));
        x
    };
    let future = client.submit(sleeps, (7,)).unwrap();
    assert_eq!(future.result().unwrap(), 7);
    client.replicate([&future], 2).wait().unwrap();
    future
}

#[test]
fn what_went_between_workers_and_what_threads_were_at_are_told() {
    let (_cluster, client, address) = watched();
    assert_eq!(json(address, "/api/v1/transfers"), serde_json::json!({ "pairs": 0, "transfers": [] }));
    let future = something_to_see(&client);
    until(|| json(address, "/api/v1/transfers")["pairs"] == 1);
    let transfers = json(address, "/api/v1/transfers");
    let pair = &transfers["transfers"][0];
    assert!(pair["from"] != pair["to"] && pair["requests"] == 1 && pair["bytes"] == 8, "{transfers}");
    assert!(0.0 < pair["seconds"].as_f64().unwrap() && 0.0 < pair["last"].as_f64().unwrap(), "{transfers}");
    let seen = || {
        let layers = json(address, "/api/v1/layers");
        let of = layers.as_array().unwrap().iter().find(|layer| layer["layer"] == "closure").cloned();
        of.unwrap_or_default()["seconds_seen"].clone()
    };
    // It slept for most of the time.
    let waits = if cfg!(target_os = "linux") { "waiting" } else { "computing" };
    until(|| 0.1 <= seen()[waits].as_f64().unwrap_or_default());
    drop(future);
}

#[test]
fn a_tasks_story_has_states_and_the_error_chain() {
    let (_cluster, client, address) = watched();
    let bad = client.try_submit(halve, (3,)).unwrap();
    let after = client.submit(|x: i64| x + 1, (&bad,)).unwrap();
    after.result().unwrap_err();
    let story = json(address, &format!("/api/v1/task/{}", percent(&after.key().to_string())));
    assert_eq!(story["state"], "erred");
    let states = |story: &Value| -> Vec<String> {
        let transitions = story["transitions"].as_array().unwrap();
        assert!(transitions.is_sorted_by(|a, b| a[0].as_f64() <= b[0].as_f64()), "{transitions:?}");
        transitions.iter().map(|transition| transition[1].as_str().unwrap().to_owned()).collect()
    };
    // It may have been sent to the worker that was to make its input.
    let seen = states(&story);
    assert_eq!((&*seen[0], seen.last().map(String::as_str)), ("waiting", Some("erred")), "{seen:?}");
    let chain = story["error_chain"].as_array().unwrap();
    assert_eq!(chain.len(), 2, "{story}");
    assert!(chain[1].as_str().unwrap().contains("out of range"), "{story}");
    assert_eq!(story["dependencies"][0][0], bad.key().to_string());
    let story = json(address, &format!("/api/v1/task/{}", percent(&bad.key().to_string())));
    assert_eq!(states(&story), ["waiting", "queued", "processing", "waiting", "erred"]);
    let on = story["transitions"][2][2].as_str().unwrap();
    let workers = json(address, "/api/v1/workers");
    assert!(workers.as_array().unwrap().iter().any(|worker| worker["name"] == on), "{on}");
    assert_eq!(story["dependents"][0], serde_json::json!([after.key().to_string(), "erred"]));
    let (status, body) = get(address, "/api/v1/task/nobody-0123");
    assert!(status == 404 && body.contains("no task nobody-0123 is known"), "{body}");
    let (status, body) = get(address, &format!("/api/v1/task/{}", percent("('x', 1")));
    assert!(status == 400 && body.contains("is no key"), "{body}");
    assert_eq!(get(address, "/api/v2").0, 404);
}

/// The fields that a page of the documentation lists below a heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = include_str!("../../src/dashboard/api.md");
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let first = rows.map(|row| row.split('|').nth(1).unwrap());
    first.flat_map(|cell| cell.split(',').map(|name| name.trim().trim_matches('`').to_owned())).collect()
}

fn fields(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().cloned().collect()
}

#[test]
fn the_api_has_the_fields_that_are_documented() {
    let (_cluster, client, address) = watched();
    let future = client.submit(|x: i64| x + 1, (1,)).unwrap();
    future.result().unwrap();
    let path = format!("/api/v1/task/{}", percent(&future.key().to_string()));
    assert_eq!(fields(&json(address, "/api/v1/status")), documented("/api/v1/status"));
    assert_eq!(fields(&json(address, "/api/v1/graph")), documented("/api/v1/graph"));
    assert_eq!(fields(&json(address, &path)), documented("/api/v1/task/KEY"));
    for list in ["/api/v1/workers", "/api/v1/layers", "/api/v1/tasks", "/api/v1/events"] {
        assert_eq!(fields(&json(address, list)[0]), documented(list), "{list}");
    }
    assert_eq!(fields(&json(address, "/api/v1/layers/closure/profile")), documented("/api/v1/layers/LAYER/profile"));
    let stream = TcpStream::connect(address).unwrap();
    write!(&stream, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let push = lines.find_map(|line| line.strip_prefix("data:").map(str::to_owned)).unwrap();
    assert_eq!(fields(&serde_json::from_str(&push).unwrap()), documented("/api/v1/stream"));
    let status = json(address, "/api/v1/status");
    let page = include_str!("../../src/dashboard/api.md");
    for names in [&status["workers_by_status"], &status["tasks_by_state"]] {
        for name in fields(names) {
            assert!(page.contains(&format!("`{name}`")), "{name} is not documented");
        }
    }
    let (_, error) = get(address, "/api/v1/task/nobody-0123");
    assert_eq!(fields(&serde_json::from_str(&error).unwrap()), BTreeSet::from(["error".to_owned()]));
}

#[test]
fn only_this_site_reads_and_nobody_writes() {
    let (_cluster, _client, address) = watched();
    let (status, head, page) = request(address, "GET /", "localhost:1");
    assert!(status == 200 && page.contains("Task stream"));
    assert!(head.contains("content-security-policy: default-src 'none'") && head.contains("nosniff"), "{head}");
    assert!(!head.contains("access-control"), "{head}");
    assert_eq!(request(address, "GET /", "evil.example").0, 403);
    assert_eq!(request(address, "GET /api/v1/status", "evil.example:80").0, 403);
    assert_eq!(request(address, "POST /api/v1/status", "localhost").0, 405);
    for asset in ["/style.css", "/dashboard.js"] {
        assert_eq!(get(address, asset).0, 200);
    }
}

#[test]
fn what_happens_is_pushed() {
    let (_cluster, client, address) = watched();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).filter(|line| line.starts_with("data:"));
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap()["data:".len()..]).unwrap();
    let first = next();
    assert_eq!((first["status"]["workers"].as_u64(), first["workers"].as_array().map(Vec::len)), (Some(2), Some(2)));
    let future = client.submit(|x: i64| x + 1, (1,)).unwrap();
    future.result().unwrap();
    loop {
        let push = next();
        if push["tasks"].as_array().unwrap().iter().any(|task| task[3] == future.key().to_string()) {
            break;
        }
    }
}

#[test]
fn a_report_is_one_page() {
    let (cluster, client, address) = watched();
    let future = client.submit(|x: i64| x + 1, (1,)).unwrap();
    future.result().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    cluster.dashboard().unwrap().performance_report(&path).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains(&future.key().to_string()) && page.contains("<style>") && !page.contains("src=\""));
    // What stood there is replaced when the page is whole; nothing else is left, and nothing at all by one that fails.
    std::fs::write(&path, "old").unwrap();
    client.performance_report(&path).wait().unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains(&future.key().to_string()) && page.contains("<style>"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("inside")).unwrap();
    client.performance_report(&taken).wait().unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let unwatched = LocalCluster::builder().workers(1).start().unwrap();
    let error = unwatched.client().unwrap().performance_report(&path).wait().unwrap_err().to_string();
    assert!(error.contains("with a dashboard"), "{error}");
    assert_eq!(get(address, "/report.html").0, 200);
    let error = cluster.dashboard().unwrap().performance_report("/nowhere/report.html").unwrap_err().to_string();
    assert!(error.contains("/nowhere/report.html"), "{error}");
    let taken = LocalCluster::builder().workers(1).dashboard(&address.to_string()).start();
    assert!(matches!(taken, Err(DistError::Io { .. })), "{:?}", taken.err());
}

#[test]
fn pages_that_others_can_reach_need_a_token_or_a_word() {
    let at = |readers: Security| {
        let options = DashboardOptions { readers, ..DashboardOptions::default() };
        Dashboard::start_with("0.0.0.0:0", options)
    };
    let error = at(Security::default()).err().unwrap().to_string();
    assert!(error.contains("0.0.0.0:0") && error.contains("--dashboard-token-file"), "{error}");
    assert!(at(Security::random().unwrap()).is_ok());
    assert!(at(Security::insecure()).is_ok());
    // What keeps strangers out of the cluster keeps nobody from the pages.
    let open = || LocalCluster::builder().workers(1).security(Security::random().unwrap());
    assert!(open().dashboard("0.0.0.0:0").start().err().unwrap().to_string().contains("the dashboard at 0.0.0.0:0"));
    let readers = Security::default().token("a token of the readers").unwrap();
    let options = DashboardOptions { readers, ..DashboardOptions::default() };
    let cluster = open().dashboard_with("0.0.0.0:0", options).start().unwrap();
    let port = cluster.dashboard().unwrap().address().port();
    assert_eq!(get(([127, 0, 0, 1], port).into(), "/").0, 401);
}

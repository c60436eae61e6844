//! In which functions tasks are, as a cluster tells; and that who is looked at is not disturbed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use dask_dist::LocalCluster;
use serde_json::Value;

use crate::dashboard::percent;

/// Whether this process handles the signal that stacks are sampled with.
fn handles_the_signal() -> bool {
    // SAFETY: all zeros are a valid `sigaction`.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: writes to a structure of this function.
    let asked = unsafe { libc::sigaction(libc::SIGPROF, std::ptr::null(), &raw mut now) };
    asked == 0 && now.sa_sigaction != libc::SIG_DFL
}

#[inline(never)]
fn spend_time_in_here(x: u64) -> u64 {
    let end = Instant::now() + Duration::from_millis(300);
    let mut n = x;
    while Instant::now() < end {
        n = std::hint::black_box(n.wrapping_mul(31) + 7);
    }
    std::hint::black_box(n)
}

pub(crate) fn busy(x: u64) -> u64 {
    spend_time_in_here(x) ^ 1
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The profile of a layer, once a function of this name is in it.
fn profile_with(address: SocketAddr, layer: &str, function: &str) -> Value {
    loop {
        let (status, body) = get(address, &format!("/api/v1/layers/{}/profile", percent(layer)));
        if status == 200 {
            let profile: Value = serde_json::from_str(&body).unwrap();
            let calls = profile["calls"].as_array().unwrap();
            if calls.iter().any(|call| call["function"].as_str().unwrap().ends_with(function)) {
                return profile;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_profile_of_a_layer_names_the_functions_that_its_tasks_were_in() {
    let cluster = LocalCluster::builder().workers(2).profile(true).dashboard("127.0.0.1:0").start().unwrap();
    let address = cluster.dashboard().unwrap().address();
    let client = cluster.client().unwrap();
    let futures = client.map(busy, 0..10u64).unwrap();
    let profile = profile_with(address, "busy", "profile::spend_time_in_here");
    let calls = profile["calls"].as_array().unwrap();
    let seconds = |value: &Value, field: &str| value[field].as_f64().unwrap();
    for (at, call) in calls.iter().enumerate() {
        assert!(seconds(call, "self_seconds") <= seconds(call, "seconds"), "{call}");
        assert!(call["caller"].is_null() || call["caller"].as_u64().unwrap() < at as u64, "{call}");
    }
    // The task's own function is the first: what calls it is not seen, nor the loop of the worker's thread.
    let first: Vec<&str> =
        calls.iter().filter(|call| call["caller"].is_null()).map(|call| call["function"].as_str().unwrap()).collect();
    assert!(first.iter().any(|name| name.ends_with("busy") || name.ends_with("spend_time_in_here")), "{first:?}");
    assert!(!first.iter().any(|name| name.contains("executor") || name.contains("catch_unwind")), "{first:?}");
    assert!(seconds(&profile, "cut_seconds") <= seconds(&profile, "seconds"));
    // And it is in a report.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    client.performance_report(&path).wait().unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("spend_time_in_here"));
    client.gather(&futures).wait().unwrap();
    let (status, body) = get(address, "/api/v1/layers/nothing/profile");
    assert!(status == 404 && body.contains("no layer nothing is known"), "{body}");
}

#[test]
fn tasks_that_sleep_and_wait_are_not_disturbed_and_the_signal_is_handled_only_if_that_is_asked_for() {
    for profile in [false, true] {
        let cluster = LocalCluster::builder().workers(1).processes(true).profile(profile).start().unwrap();
        let client = cluster.client().unwrap();
        let sleeps = |x: u64| {
            let start = Instant::now();
            std::thread::sleep(Duration::from_millis(300));
            let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let writer = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                (&ours).write_all(&[7; 3]).unwrap();
            });
            let mut bytes = [0; 3];
            // One call that waits: it is started again, not broken off.
            let n = theirs.read(&mut bytes).unwrap();
            writer.join().unwrap();
            assert!(Duration::from_millis(500) <= start.elapsed());
            x + n as u64
        };
        assert_eq!(client.submit(sleeps, (1u64,)).unwrap().result().unwrap(), 4);
        let handled = client.submit(|_: u64| handles_the_signal(), (1u64,)).unwrap();
        assert_eq!(handled.result().unwrap(), profile);
    }
}

//! Faults of real processes, networks and disks, under a cluster that works.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dask_dist::protocol::{Batch, FromClient, ToClient};
use dask_dist::scheduler::Settings;
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::worker::WorkerOptions;
use dask_dist::transport::{Address, CommSettings, Hello, Role};
use dask_dist::{Client, Future, run_scheduler, run_worker};
use tokio::sync::watch;

/// A scheduler on a thread.
struct Scheduler {
    address: String,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Scheduler {
    fn start(settings: Settings, comm: CommSettings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let options = SchedulerOptions { settings, comm, ..SchedulerOptions::default() };
            run_scheduler("tcp://127.0.0.1:0", options, stopped, |at| tell.send(at.to_string()).unwrap()).unwrap();
        });
        Self { address: told.recv().unwrap(), stop, thread: Some(thread) }
    }

    fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Workers on threads, that end with the scheduler.
fn worker(scheduler: &str, options: WorkerOptions) -> watch::Sender<bool> {
    let (stop, stopped) = watch::channel(false);
    let scheduler = scheduler.to_owned();
    std::thread::spawn(move || run_worker(&scheduler, options, stopped));
    stop
}

/// Passes bytes on between two others, unless it is cut.
struct Proxy {
    port: u16,
    cut: Arc<AtomicBool>,
    n_connections: Arc<AtomicUsize>,
}

impl Proxy {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (cut, n_connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let proxy = Self { port: listener.local_addr().unwrap().port(), cut: cut.clone(), n_connections };
        let n = proxy.n_connections.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                n.fetch_add(1, Ordering::Relaxed);
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let cut = cut.clone();
                    std::thread::spawn(move || pass(from, to, &cut));
                }
            }
        });
        proxy
    }
}

/// As a cable does: while it is cut nothing arrives, and nobody is told.
fn pass(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut bytes = [0; 1 << 14];
    while let Ok(n) = from.read(&mut bytes) {
        while cut.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if n == 0 || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn slow_square(x: i64) -> i64 {
    std::thread::sleep(Duration::from_millis(5));
    x * x
}

fn squares(n: i64) -> Vec<i64> {
    (0..n).map(|x| x * x).collect()
}

#[test]
fn the_network_is_cut_and_healed() {
    // Shorter than the patience, and longer.
    for (cut_for, gives_up) in [(300, false), (2500, true)] {
        let settings = Settings { worker_ttl: Duration::from_secs(1), validate: true, ..Settings::default() };
        let scheduler = Scheduler::start(settings, CommSettings::default().of_scheduler());
        let proxy = Proxy::to(scheduler.port());
        let reconnect = Duration::from_secs(3600);
        let _near = worker(&scheduler.address, WorkerOptions { name: "near".into(), reconnect, ..Default::default() });
        let far = WorkerOptions { name: "far".into(), reconnect, ..Default::default() };
        let _far = worker(&format!("tcp://127.0.0.1:{}", proxy.port), far);
        let client = Client::connect(&scheduler.address).unwrap();
        client.wait_for_workers(2).wait().unwrap();
        let futures = client.map(slow_square, 0..400).unwrap();
        let total = client.submit(|all: Vec<i64>| all.iter().sum::<i64>(), (futures.clone(),)).unwrap();
        proxy.cut.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(cut_for));
        proxy.cut.store(false, Ordering::Relaxed);
        assert_eq!(client.gather(&futures).wait().unwrap(), squares(400));
        assert_eq!(total.result().unwrap(), squares(400).iter().sum::<i64>());
        // It is there again, and of use.
        client.wait_for_workers(2).wait().unwrap();
        let again = client.map(|x: i64| x + 1, 0..50).unwrap();
        assert_eq!(client.gather(&again).wait().unwrap(), (1..51).collect::<Vec<_>>());
        assert_eq!(1 < proxy.n_connections.load(Ordering::Relaxed), gives_up, "cut for {cut_for} ms");
        client.close();
    }
}

/// Not a test by itself: a client in a process of its own, that holds on to what it computed.
#[test]
fn a_client_in_a_process_of_its_own() {
    let Ok(address) = std::env::var("TEST_CLIENT_OF") else { return };
    let client = Client::connect(&address).unwrap();
    let futures: Vec<Future<i64>> = client.map(slow_square, 0..50).unwrap();
    client.wait(&futures).wait().unwrap();
    let endless = client.map(slow_square, 1000..3000).unwrap();
    println!("\nready");
    std::thread::sleep(Duration::from_secs(3600));
    drop((futures, endless));
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_a_killed_client_wanted_is_released() {
    let settings = Settings { validate: true, ..Settings::default() };
    let scheduler = Scheduler::start(settings, CommSettings::default().of_scheduler());
    let _worker = worker(&scheduler.address, WorkerOptions::default());
    let client = Client::connect(&scheduler.address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let mine = client.submit(slow_square, (7,)).unwrap();
    mine.result().unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::a_client_in_a_process_of_its_own", "--nocapture"])
        .env("TEST_CLIENT_OF", &scheduler.address)
        .stdout(Stdio::piped())
        .spawn();
    let mut other = Killed(other.unwrap());
    let mut said = String::new();
    let mut from = other.0.stdout.take().unwrap();
    while !said.contains("ready") {
        let mut bytes = [0; 64];
        let n = from.read(&mut bytes).unwrap();
        assert_ne!(n, 0, "it ended: {said}");
        said += &String::from_utf8_lossy(&bytes[..n]);
    }
    let held = || client.has_what().wait().unwrap().values().map(Vec::len).sum::<usize>();
    assert!(50 < held());
    drop(other);
    while held() != 1 || client.demand().wait().unwrap().n_tasks != 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(mine.result().unwrap(), 49);
    client.close();
}

/// A disk of so many bytes, if this process may make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn of(nbytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={nbytes}"), "none"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mount.ok()?.success().then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_is_really_full_loses_nothing() {
    let Some(disk) = SmallDisk::of(3 << 20) else {
        return eprintln!("skipped: this process may not mount a disk");
    };
    let settings = Settings { validate: true, ..Settings::default() };
    let scheduler = Scheduler::start(settings, CommSettings::default().of_scheduler());
    let of_worker = dask_dist::worker::Settings { memory_limit: 10 << 20, own_process: false, ..Default::default() };
    let directory = Some(disk.0.path().to_owned());
    let small = WorkerOptions { name: "small".into(), settings: of_worker, directory, ..Default::default() };
    let _small = worker(&scheduler.address, small);
    let client = Client::connect(&scheduler.address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    // Each of a mebibyte: six are to be in memory, and on the disk is room for two.
    let values: Vec<Future<Vec<u8>>> = client.map(|x: u8| vec![x; 1 << 20], 0..9).unwrap();
    let spilled = || client.workers().wait().unwrap().iter().map(|worker| worker.metrics.spilled).sum::<u64>();
    client.wait(&values).wait().unwrap();
    while spilled() < 1 << 20 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _large = worker(&scheduler.address, WorkerOptions { name: "large".into(), ..Default::default() });
    client.wait_for_workers(2).wait().unwrap();
    let more: Vec<Future<Vec<u8>>> = client.map(|x: u8| vec![x; 1 << 20], 100..120).unwrap();
    for (value, x) in values.iter().zip(0u8..).chain(more.iter().zip(100u8..)) {
        assert_eq!(value.result().unwrap(), vec![x; 1 << 20]);
    }
    client.close();
}

#[test]
fn thousands_of_connections_disturb_nobody() {
    let n = dask_dist::shell::process::raise_file_limit().min(3000 * 2 + 200);
    let n = (n.saturating_sub(200) / 2) as usize;
    let settings = Settings { worker_ttl: Duration::from_secs(3), ..Settings::default() };
    let scheduler = Scheduler::start(settings, CommSettings::default().of_scheduler());
    let _worker = worker(&scheduler.address, WorkerOptions::default());
    let client = Client::connect(&scheduler.address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let before = client.workers().wait().unwrap()[0].id;
    // Some say nothing, some begin a greeting, some speak of something else.
    let said: [&[u8]; 3] = [b"", b"dask", b"GET / HTTP/1.1\r\n\r\n"];
    let mut silent = Vec::new();
    for i in 0..n {
        let mut stream = TcpStream::connect(("127.0.0.1", scheduler.port())).unwrap();
        // One that was refused already does not take it.
        let _ = stream.write_all(said[i % 3]);
        silent.push(stream);
        if i % 100 == 0 {
            assert_eq!(client.submit(|x: usize| x + 1, (i,)).unwrap().result().unwrap(), i + 1);
        }
    }
    // A client of whom nothing is known yet is let in among them.
    let late = Client::connect(&scheduler.address).unwrap();
    assert_eq!(late.submit(|x: i64| x * 2, (21,)).unwrap().result().unwrap(), 42);
    assert_eq!(late.workers().wait().unwrap()[0].id, before, "the worker was not given up meanwhile");
    late.close();
    client.close();
}

#[test]
fn a_client_that_does_not_read_is_cut_and_disturbs_nobody() {
    let comm = CommSettings { queued_bytes_max: 4 << 20, ..CommSettings::default() };
    let scheduler = Scheduler::start(Settings::default(), comm);
    let _worker = worker(&scheduler.address, WorkerOptions::default());
    let client = Client::connect(&scheduler.address).unwrap();
    client.wait_for_workers(1).wait().unwrap();
    let values = client.map(slow_square, 0..100).unwrap();
    client.wait(&values).wait().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address: Address = scheduler.address.parse().unwrap();
    runtime.block_on(async {
        let comm = CommSettings { unread_bytes_max: 4096, ..CommSettings::default() };
        let hello = Hello::new(Role::Client);
        let mut slow = dask_dist::transport::connect::<FromClient, ToClient>(&address, hello, &comm).await.unwrap();
        // It asks, and takes no answer.
        let mut request = 0;
        while !slow.outbox.is_closed() {
            let ask = |request| FromClient::HasWhat { request };
            let messages = (0..100).map(|i| ask(request + i)).collect();
            if slow.outbox.send(Batch { messages, attachments: Vec::new() }).is_err() {
                break;
            }
            request += 100;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while let Ok(Some(_)) = slow.inbox.recv().await {}
    });
    let again = client.submit(|x: i64| x + 1, (1,)).unwrap();
    assert_eq!(again.result().unwrap(), 2);
    client.close();
}

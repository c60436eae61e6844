//! Many connections: ten thousand that are idle, and a thousand new ones a second, while workers send signs of life.
//!
//! Those who connect are another process, so that neither side needs more than one file for each.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use dask_benches::dashboard::{loop_longest_ms, loop_p99_ms, page};
use dask_benches::processes::resident_megabytes;
use dask_benches::rows::Row;
use dask_dist::LocalCluster;
use dask_dist::protocol::{Batch, FromClient, ToClient};
use dask_dist::scheduler::Settings;
use dask_dist::transport::{Address, CommSettings, Hello, Link, Role, connect};

use crate::{Options, Outcome};

/// How this program is called to be those who connect.
pub(crate) const ROLE: &str = "--as-crowd";
/// Connections that are idle.
const IDLE: usize = 10_000;
/// New ones a second, meanwhile.
const RATE: u32 = 1000;
/// Files beside the connections.
const SPARE: u64 = 200;
/// Who connects is connected to by so many at a time.
const TOGETHER: usize = 64;
const STORM: Duration = Duration::from_secs(10);
/// Two signs of life of a worker and a half: when these do not come it is taken for dead.
const SILENCE_MAX: Duration = Duration::from_millis(1250);

async fn greeted(address: &Address) -> Result<Link<FromClient, ToClient>, dask_dist::DistError> {
    connect(address, Hello::new(Role::Client), &CommSettings::default()).await
}

/// The other process: opens idle connections and keeps them with signs of life, then connects again and again; what came
/// of each is a line. Ends when its input does.
pub(crate) fn hold(address: &str) -> Outcome<()> {
    let address: Address = address.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    runtime.block_on(async {
        let (start, mut links) = (Instant::now(), Vec::with_capacity(IDLE));
        while links.len() < IDLE {
            let mut some = tokio::task::JoinSet::new();
            for _ in 0..TOGETHER.min(IDLE - links.len()) {
                let address = address.clone();
                some.spawn(async move { greeted(&address).await });
            }
            while let Some(link) = some.join_next().await {
                links.push(link??);
            }
        }
        println!("{}", start.elapsed().as_secs_f64());
        let beat = async {
            loop {
                tokio::time::sleep(Duration::from_secs(3)).await;
                for link in &links {
                    let _ = link.outbox.send(Batch::one(FromClient::Heartbeat));
                }
            }
        };
        let storm = async {
            let (start, mut n) = (tokio::time::Instant::now(), 0u32);
            let (done, mut came) = tokio::sync::mpsc::unbounded_channel();
            while start.elapsed() < STORM {
                tokio::time::sleep_until(start + Duration::from_secs(1) * n / RATE).await;
                let (address, done) = (address.clone(), done.clone());
                tokio::spawn(async move {
                    let begun = Instant::now();
                    let time = greeted(&address).await.map(|_| begun.elapsed());
                    drop(done.send(time));
                });
                n += 1;
            }
            drop(done);
            let mut times = Vec::with_capacity(n as usize);
            while let Some(time) = came.recv().await {
                times.push(time?.as_secs_f64());
            }
            times.sort_by(f64::total_cmp);
            println!("{} {}", f64::from(n) / start.elapsed().as_secs_f64(), times[times.len() * 99 / 100]);
            Ok::<(), Box<dyn std::error::Error>>(())
        };
        tokio::select! {
            () = beat => {}
            ended = storm => ended?,
        }
        std::future::pending::<()>().await;
        Ok(())
    })
}

/// The other process, seen from here.
struct Holder {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
    _input: Option<ChildStdin>,
}

impl Holder {
    fn start(address: &str) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([ROLE, address]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let says = BufReader::new(child.stdout.take().ok_or("no output")?);
        let input = child.stdin.take();
        Ok(Self { child, says, _input: input })
    }

    /// The numbers of its next line.
    fn line(&mut self) -> Outcome<Vec<f64>> {
        let mut line = String::new();
        if self.says.read_line(&mut line)? == 0 {
            return Err(format!("those who connect have ended: {}", self.child.wait()?).into());
        }
        Ok(line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How many files a process may have open.
fn files_max() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(u64::MAX)
}

/// The workers that are there, by their ids, which are never given twice.
fn workers(at: SocketAddr) -> Outcome<Vec<u64>> {
    let all: serde_json::Value = serde_json::from_str(&page(at, "/api/v1/workers")?)?;
    Ok(all.as_array().into_iter().flatten().filter_map(|worker| worker["id"].as_u64()).collect())
}

fn clients(at: SocketAddr) -> Outcome<u64> {
    let status: serde_json::Value = serde_json::from_str(&page(at, "/api/v1/status")?)?;
    Ok(status["clients"].as_u64().unwrap_or(0))
}

/// One run: it takes half a minute.
pub(crate) fn measure(_options: &Options) -> Outcome<Vec<Row>> {
    let need = IDLE as u64 + SPARE;
    if files_max() < need {
        let have = files_max();
        return Err(
            format!("{IDLE} connections need {need} open files, and {have} are allowed: `ulimit -n {need}`").into()
        );
    }
    let settings = Settings { worker_ttl: SILENCE_MAX, ..Settings::default() };
    let cluster = LocalCluster::builder().workers(2).processes(true).scheduler_settings(settings);
    let cluster = cluster.dashboard("127.0.0.1:0").start()?;
    let at = cluster.dashboard().ok_or("there is no dashboard")?.address();
    let (before, there) = (resident_megabytes(&[std::process::id()]), workers(at)?);
    let mut holder = Holder::start(&cluster.address().to_string())?;
    let opened = holder.line()?[0];
    let kilobytes = (resident_megabytes(&[std::process::id()]) - before) * 1e3 / IDLE as f64;
    eprintln!("{} clients are there; {RATE} more a second for {} s", clients(at)?, STORM.as_secs());
    let storm = holder.line()?;
    let still_there = workers(at)?.iter().filter(|&worker| there.contains(worker)).count();
    Ok(vec![
        Row::cost(format!("{IDLE} idle connections: until all are there"), "s", opened),
        Row::cost("  memory of the scheduler's process for each", "kB", kilobytes),
        // The last of them are waited for.
        Row::rate("connections a second, beside", "/s", storm[0]).to_reach(0.95 * f64::from(RATE)),
        Row::cost("  until one is greeted, p99", "ms", storm[1] * 1e3),
        Row::rate("  workers that were never silent for 1.25 s", "", still_there as f64).to_reach(2.0),
        Row::rate("  idle clients that are still there", "", clients(at)? as f64).to_reach(IDLE as f64),
        Row::cost("  a turn of the scheduler's loop, p99", "ms", loop_p99_ms(at)?).to_reach(5.0),
        Row::cost("  the longest", "ms", loop_longest_ms(at)?),
    ])
}

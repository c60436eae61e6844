//! Watches a worker process: starts it again when it dies, ends it before it takes more memory than it may, and tells
//! the scheduler how it died.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dask_core::config;
use dask_dist::shell::process::own_bytes;
use dask_dist::{Security, log, send_obituary, transport::Address};

use crate::options::{SecurityArgs, WorkerArgs};
use crate::{Outcome, signals};

const EVERY: Duration = Duration::from_millis(50);
/// Between a death and the next start: doubles up to the second with every death that follows soon.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];
/// A worker that lived for so long has not died at its start.
const SETTLED: Duration = Duration::from_secs(60);

/// How a worker has ended.
enum End {
    /// In order, or with an error that it has said itself.
    Over(ExitCode),
    /// Otherwise.
    Died(String),
}

pub(crate) fn run(
    args: &WorkerArgs,
    security_args: &SecurityArgs,
    security: &Security,
    scheduler: &Address,
    json: bool,
) -> Outcome {
    let (_stop, stopped) = signals::stop(None)?;
    let n_threads = args.nthreads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let limit = args.memory_limit.bytes(n_threads);
    let terminate = config::number("distributed.worker.memory.terminate")?.unwrap_or(0.95);
    let name = args.name.clone().unwrap_or_else(|| format!("worker-{}-{}", host_name(), std::process::id()));
    let mut pause = PAUSES[0];
    loop {
        let start = Instant::now();
        let mut child = command(args, &name, limit, json)?.args(security_args.arguments()).spawn()?;
        let end = watch(&mut child, limit, terminate, || *stopped.borrow());
        match end? {
            End::Over(code) => return Ok(code),
            End::Died(why) => {
                log::say("nanny", format_args!("{name} (process {}) died: {why}", child.id()));
                if let Err(error) = send_obituary(scheduler, security, &name, child.id(), &why) {
                    log::say("nanny", format_args!("the scheduler was not told: {error}"));
                }
            }
        }
        pause = if SETTLED < start.elapsed() { PAUSES[0] } else { (pause * 2).min(PAUSES[1]) };
        let until = Instant::now() + pause;
        while Instant::now() < until {
            if *stopped.borrow() {
                return Ok(ExitCode::SUCCESS);
            }
            std::thread::sleep(EVERY);
        }
        log::say("nanny", format_args!("{name} is started again"));
    }
}

/// The worker's process, whose input is held here.
fn command(args: &WorkerArgs, name: &str, limit: u64, json: bool) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker").arg(&args.scheduler).args(["--has-nanny", "--name", name, "--port", &args.port.to_string()]);
    if let Some(host) = &args.host {
        command.args(["--host", host]);
    }
    command.args(["--memory-limit", &limit.to_string()]);
    command.args(["--death-timeout", &format!("{}ms", args.death_timeout.as_millis())]);
    if let Some(n) = args.nthreads {
        command.args(["--nthreads", &n.to_string()]);
    }
    for (resource, amount) in &args.resources {
        command.args(["--resources", &format!("{resource}={amount}")]);
    }
    if let Some(folder) = &args.local_directory {
        command.arg("--local-directory").arg(folder);
    }
    if let Some(lifetime) = args.lifetime {
        command.args(["--lifetime", &format!("{}ms", lifetime.as_millis())]);
    }
    if args.insecure {
        command.arg("--insecure");
    }
    if json {
        command.arg("--json");
    }
    // A group of its own: a Ctrl-C in the terminal is for the nanny, which passes it on.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::piped());
    Ok(command)
}

fn watch(child: &mut Child, limit: u64, terminate: f64, stopped: impl Fn() -> bool) -> std::io::Result<End> {
    let most = if 0.0 < terminate { (limit as f64 * terminate) as u64 } else { 0 };
    let (mut resident, mut killed) = (0, None);
    let killed_before = system_kills();
    loop {
        if let Some(status) = child.try_wait()? {
            let why = killed.take().unwrap_or_else(|| describe(status, resident, limit, killed_before));
            return Ok(match status.code() {
                Some(0) => End::Over(ExitCode::SUCCESS),
                Some(1) => End::Over(ExitCode::FAILURE),
                _ => End::Died(why),
            });
        }
        if stopped() {
            // The end of its input tells it to leave.
            drop(child.stdin.take());
        }
        let now = own_bytes(child.id());
        if now != 0 {
            resident = now;
        }
        if most != 0 && most < resident && killed.is_none() {
            killed = Some(format!(
                "out of memory: it took {}, of {} that it may; terminated by its nanny",
                mebibytes(resident),
                mebibytes(limit)
            ));
            child.kill()?;
        }
        std::thread::sleep(EVERY);
    }
}

fn describe(status: ExitStatus, resident: u64, limit: u64, killed_before: u64) -> String {
    let how = match status.signal() {
        Some(9) if killed_before < system_kills() => "out of memory: killed by the system".to_owned(),
        Some(9) => "signal 9, killed".to_owned(),
        Some(6) => "signal 6, aborted".to_owned(),
        Some(11) => "signal 11, segmentation fault".to_owned(),
        Some(signal) => format!("signal {signal}"),
        None => status.to_string(),
    };
    let of = if limit == 0 { String::new() } else { format!(" of {} that it may take", mebibytes(limit)) };
    format!("{how}; it last took {}{of}", mebibytes(resident))
}

fn mebibytes(n: u64) -> String {
    format!("{} MiB", n >> 20)
}

/// How many processes of this group the system has killed for want of memory.
fn system_kills() -> u64 {
    let events = std::fs::read_to_string("/sys/fs/cgroup/memory.events").unwrap_or_default();
    events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "here".to_owned() } else { name.trim().to_owned() }
}

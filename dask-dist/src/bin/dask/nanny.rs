//! Watches a worker process: starts it again when it dies, ends it before it takes more memory than it may, and tells
//! the scheduler how it died.

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dask_dist::shell::Thresholds;
use dask_dist::{Security, Watched, log, send_obituary, transport::Address};

use crate::Outcome;
use crate::options::{SecurityArgs, WorkerArgs};
use crate::signals::{self, When};

const EVERY: Duration = Duration::from_millis(50);
/// Between a death and the next start: doubles up to the second with every death that follows soon.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(30)];
/// A worker that lived for so long has not died at its start.
const SETTLED: Duration = Duration::from_secs(60);

/// What a worker says on the line to its nanny when it has ended in order, or with an error that it has told itself: a
/// task may end the process with any code.
const ENDED: u8 = b'E';
const FAILED: u8 = b'F';

/// Says so to the nanny of this process, which holds the other end of its input.
pub(crate) fn tell_end(in_order: bool) {
    // If it listens no more, nobody needs to know.
    if let Ok(line) = std::io::stdin().as_fd().try_clone_to_owned() {
        let _ = File::from(line).write_all(&[if in_order { ENDED } else { FAILED }]);
    }
}

/// How a worker has ended.
enum End {
    /// As it told.
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
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let last = child.clone();
    let when = When { with_input: args.stops_with_input, ..When::default() };
    let (_stop, stopped) = signals::stop(when, move || {
        if let Some(child) = locked(&last).as_mut() {
            let _ = child.kill();
        }
    })?;
    let n_threads = args.nthreads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let limit = args.memory_limit.bytes(n_threads);
    let thresholds = Thresholds::configured()?;
    let name = args.name.clone().unwrap_or_else(|| format!("worker-{}-{}", host_name(), std::process::id()));
    let mut pause = PAUSES[0];
    loop {
        let start = Instant::now();
        let (line, its_end) = line()?;
        let started = command(args, &name, limit, json)?.args(security_args.arguments()).stdin(its_end).spawn()?;
        let process = started.id();
        *locked(&child) = Some(started);
        let mut watched = Watched::new(process, limit, &thresholds);
        match watch(&child, &line, &mut watched, || *stopped.borrow())? {
            End::Over(code) => return Ok(code),
            End::Died(why) => {
                log::warn("nanny", format_args!("{name} (process {process}) died: {why}"));
                if let Err(error) = send_obituary(scheduler, security, &name, process, &why) {
                    log::warn("nanny", format_args!("the scheduler was not told: {error}"));
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

/// A line to a worker, and its input: that ends when it is to leave, and it says on it how it ends.
fn line() -> std::io::Result<(UnixStream, Stdio)> {
    let (line, its_end) = UnixStream::pair()?;
    line.set_nonblocking(true)?;
    Ok((line, OwnedFd::from(its_end).into()))
}

/// The worker's process.
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
    if let Some(time) = args.drain_timeout {
        command.args(["--drain-timeout", &format!("{}ms", time.as_millis())]);
    }
    if let Some(lifetime) = args.lifetime {
        command.args(["--lifetime", &format!("{}ms", lifetime.as_millis())]);
    }
    if args.profile {
        command.arg("--profile");
    }
    if args.insecure {
        command.arg("--insecure");
    }
    if json {
        command.arg("--json");
    }
    // A group of its own: a Ctrl-C in the terminal is for the nanny, which passes it on.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok(command)
}

fn locked(child: &Mutex<Option<Child>>) -> MutexGuard<'_, Option<Child>> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch(
    child: &Mutex<Option<Child>>,
    line: &UnixStream,
    watched: &mut Watched,
    stopped: impl Fn() -> bool,
) -> std::io::Result<End> {
    loop {
        if let Some(child) = locked(child).as_mut() {
            if let Some(status) = child.try_wait()? {
                let (mut line, mut told) = (line, [0]);
                // One that has said nothing has died.
                return Ok(match line.read(&mut told).map(|_| told) {
                    Ok([ENDED]) => End::Over(ExitCode::SUCCESS),
                    Ok([FAILED]) => End::Over(ExitCode::FAILURE),
                    _ => End::Died(watched.describe(status)),
                });
            }
            if stopped() {
                // The end of its input tells it to leave.
                let _ = line.shutdown(Shutdown::Write);
            }
            if watched.takes_too_much() {
                child.kill()?;
            }
        }
        std::thread::sleep(EVERY);
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "here".to_owned() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests;

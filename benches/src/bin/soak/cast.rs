//! The processes of the cluster: this executable again, a role each.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use dask_dist::dashboard::Dashboard;
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::worker::WorkerOptions;
use dask_dist::{run_scheduler, run_worker};
use tokio::sync::watch;

use crate::{Failure, rounds};

const SCHEDULER: &str = "play-scheduler";
const WORKER: &str = "play-worker";

/// Plays the role that the arguments name, to its end; false if they name none.
pub(crate) fn played(arguments: &[String]) -> Result<bool, Failure> {
    // Nobody stops a role but the parent, by its end.
    let (_stop, stopped) = watch::channel(false);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SCHEDULER, dashboard] => {
            end_with_parent();
            let (dashboard, questions) = match dashboard {
                "dashboard" => Some(Dashboard::start("127.0.0.1:0")?).unzip(),
                _ => (None, None),
            };
            let options = SchedulerOptions { questions, ..SchedulerOptions::default() };
            run_scheduler("tcp://127.0.0.1:0", options, stopped, |at| {
                println!("{at} {}", dashboard.as_ref().map_or(String::new(), |pages| pages.address().to_string()));
            })?;
        }
        [WORKER, address] => {
            end_with_parent();
            say_nothing_of(rounds::ON_PURPOSE);
            run_worker(address, WorkerOptions::default(), stopped)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The parent holds the other end of the standard input, however it dies.
fn end_with_parent() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        drop(std::io::stdin().read_to_end(&mut rest));
        std::process::exit(0);
    });
}

/// Panics with this message are part of the work.
fn say_nothing_of(message: &'static str) {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some(message) {
            say(panic);
        }
    }));
}

/// A scheduler and its workers; they end with this.
pub(crate) struct Cast {
    address: String,
    pages: Option<String>,
    scheduler: Child,
    workers: Vec<Child>,
}

impl Cast {
    pub(crate) fn start(n_workers: usize, dashboard: bool) -> Result<Self, Failure> {
        let mut scheduler = play(&[SCHEDULER, if dashboard { "dashboard" } else { "alone" }], Stdio::piped())?;
        let mut line = String::new();
        BufReader::new(scheduler.stdout.take().ok_or("no output of the scheduler")?).read_line(&mut line)?;
        let (address, pages) = line.trim_end_matches('\n').split_once(' ').ok_or("the scheduler did not start")?;
        let pages = (!pages.is_empty()).then(|| pages.to_owned());
        let workers: Result<Vec<Child>, Failure> =
            (0..n_workers).map(|_| play(&[WORKER, address], Stdio::inherit())).collect();
        Ok(Self { address: address.to_owned(), pages, scheduler, workers: workers? })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where the dashboard is, if there is one.
    pub(crate) fn pages(&self) -> Option<&str> {
        self.pages.as_deref()
    }

    /// Names and process ids, this one's too: it is the client.
    pub(crate) fn members(&self) -> impl Iterator<Item = (String, u32)> {
        let workers = self.workers.iter().enumerate().map(|(i, worker)| (format!("worker {i}"), worker.id()));
        [("client".to_owned(), std::process::id()), ("scheduler".to_owned(), self.scheduler.id())]
            .into_iter()
            .chain(workers)
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        for child in self.workers.iter_mut().chain([&mut self.scheduler]) {
            // One that has ended already is no loss.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

fn play(role: &[&str], stdout: Stdio) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    Ok(command.args(role).stdin(Stdio::piped()).stdout(stdout).spawn()?)
}

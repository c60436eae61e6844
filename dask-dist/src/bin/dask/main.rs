//! The command `dask`: schedulers, workers and clusters for operators.
//!
//! Exit codes: 0 in order, 1 an error that was said, 2 a wrong call.

mod cluster; // a scheduler and workers here
mod info; // who is there
#[cfg(test)]
mod itself; // with the functions of tests
mod keys; // for a cluster of one's own
mod nanny; // watches a worker process
mod options; // the command line
mod scheduler;
mod signals; // TERM drains
mod ssh; // on other machines
mod usage; // a wrong call, said
mod worker;

use std::process::ExitCode;

use clap::Parser;
// Linked, so that workers know every built-in operation.
use {dask_array as _, dask_bag as _, dask_frame as _, dask_io as _};

use options::{Command, Dask};

/// What goes wrong here is said to a person.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    // A process that a local cluster starts is a worker, and does not come back from here.
    dask_dist::init();
    dask_dist::shell::process::raise_file_limit();
    let arguments: Vec<_> = std::env::args_os().collect();
    let dask = match Dask::try_parse_from(&arguments) {
        Ok(dask) => dask,
        Err(error) => return usage::refuse(&error, &arguments),
    };
    if dask.json {
        dask_dist::log::set_format(dask_dist::log::Format::Json);
        dask_dist::log::say_panics(dask.command.name());
    }
    dask.security.configure();
    let who = dask.command.name();
    let outcome = match &dask.command {
        Command::Scheduler(options) => scheduler::run(options),
        Command::Worker(options) => worker::run(options, &dask.security, dask.json),
        Command::Cluster(options) => cluster::run(options),
        Command::Info(options) => info::run(options, dask.json),
        Command::Ssh(options) => ssh::run(options, &dask.security, dask.json),
        Command::Keys(options) => keys::run(options),
    };
    outcome.unwrap_or_else(|error| {
        dask_dist::log::fail(who, error);
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Dask;

    /// The calls on a page: those at a prompt, and those in backticks that have options.
    fn calls(page: &str) -> Vec<Vec<&str>> {
        let at_prompts = page.lines().filter_map(|line| line.strip_prefix("$ ")?.split(" #").next());
        let quoted = page.split('`').skip(1).step_by(2).filter(|text| text.contains(" --"));
        let ours = at_prompts.chain(quoted).filter(|call| call.starts_with("dask "));
        ours.map(|call| call.split_whitespace().collect()).collect()
    }

    #[test]
    fn what_the_pages_call_can_be_called() {
        let calls = calls(include_str!("../../../../README.md"));
        assert!(calls.len() >= 7, "{calls:?}");
        let deploying = self::calls(include_str!("../../../deploy/README.md"));
        assert!(!deploying.is_empty());
        for call in calls.into_iter().chain(deploying) {
            if let Err(error) = Dask::try_parse_from(&call) {
                panic!("{call:?}: {error}");
            }
        }
        assert!(Dask::try_parse_from(["dask", "worker", "tcp://127.0.0.1:8786", "--threads", "2"]).is_err());
    }
}

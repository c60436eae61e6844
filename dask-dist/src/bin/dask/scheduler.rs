//! `dask scheduler`.

use std::process::ExitCode;

use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::{comm_settings, scheduler_settings};
use dask_dist::{log, run_scheduler};

use crate::options::{SchedulerArgs, check_host};
use crate::{Outcome, signals};

pub(crate) fn run(args: &SchedulerArgs) -> Outcome {
    check_host(&args.host, args.insecure)?;
    let options = SchedulerOptions {
        settings: scheduler_settings()?,
        comm: comm_settings()?,
        journal: args.journal.clone(),
        ..SchedulerOptions::default()
    };
    let (_stop, stopped) = signals::stop(None)?;
    let address = format!("tcp://{}:{}", args.host, args.port);
    run_scheduler(&address, options, stopped, |at| log::say("scheduler", format_args!("listening at {at}")))?;
    log::say("scheduler", "ended");
    Ok(ExitCode::SUCCESS)
}

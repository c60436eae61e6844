//! `dask scheduler`.

use std::process::ExitCode;

use dask_dist::dashboard::Dashboard;
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::scheduler_settings;
use dask_dist::transport::Role;
use dask_dist::{log, run_scheduler};

use crate::Outcome;
use crate::options::{DashboardArgs, SchedulerArgs, comm_of};
use crate::signals::{self, When};

pub(crate) fn run(args: &SchedulerArgs) -> Outcome {
    let comm = comm_of(Role::Scheduler, &args.host, args.insecure)?;
    let (dashboard, questions) = match args.dashboard.wanted(args.insecure)? {
        Some((address, options)) => {
            let start = |address: &str| Dashboard::start_with(address, options.clone());
            let started = DashboardArgs::start(address, start)?;
            log::say("scheduler", format_args!("dashboard at {}", started.0.url()));
            Some(started)
        }
        None => None,
    }
    .unzip();
    let options = SchedulerOptions {
        settings: scheduler_settings()?,
        comm,
        journal: args.journal.clone(),
        questions,
        ..SchedulerOptions::default()
    };
    let (_stop, stopped) = signals::stop(When { with_input: args.stops_with_input, ..When::default() }, || ())?;
    let address = format!("tcp://{}:{}", args.host, args.port);
    run_scheduler(&address, options, stopped, |at| log::say("scheduler", format_args!("listening at {at}")))?;
    drop(dashboard);
    log::say("scheduler", "ended");
    Ok(ExitCode::SUCCESS)
}

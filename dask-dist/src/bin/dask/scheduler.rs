//! `dask scheduler`.

use std::process::ExitCode;

use dask_dist::dashboard::Dashboard;
use dask_dist::shell::questions::Asked;
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::{comm_settings, scheduler_settings};
use dask_dist::{log, run_scheduler};

use crate::options::{SchedulerArgs, check_host};
use crate::{Outcome, signals};

pub(crate) fn run(args: &SchedulerArgs) -> Outcome {
    check_host(&args.host, args.insecure)?;
    let (dashboard, questions) = dashboard(&args.dashboard_address, args.insecure)?.unzip();
    let options = SchedulerOptions {
        settings: scheduler_settings()?,
        comm: comm_settings()?,
        journal: args.journal.clone(),
        questions,
        ..SchedulerOptions::default()
    };
    let (_stop, stopped) = signals::stop(None)?;
    let address = format!("tcp://{}:{}", args.host, args.port);
    run_scheduler(&address, options, stopped, |at| log::say("scheduler", format_args!("listening at {at}")))?;
    drop(dashboard);
    log::say("scheduler", "ended");
    Ok(ExitCode::SUCCESS)
}

/// Serves pages, unless none are wanted. A default port that is in use is no reason not to start: another is taken.
fn dashboard(address: &str, insecure: bool) -> Result<Option<(Dashboard, Asked)>, Box<dyn std::error::Error>> {
    if address == "none" {
        return Ok(None);
    }
    check_host(host_of(address), insecure)?;
    let started = Dashboard::start(address).or_else(|error| match address.strip_suffix(":8787") {
        Some(host) => Dashboard::start(&format!("{host}:0")),
        None => Err(error),
    })?;
    log::say("scheduler", format_args!("dashboard at http://{}/", started.0.address()));
    Ok(Some(started))
}

fn host_of(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

//! `dask scheduler`.

use std::process::ExitCode;

use dask_dist::dashboard::{Dashboard, DashboardOptions};
use dask_dist::shell::questions::Asked;
use dask_dist::shell::scheduler::SchedulerOptions;
use dask_dist::shell::{comm_settings, scheduler_settings};
use dask_dist::transport::Role;
use dask_dist::{Security, log, run_scheduler};

use crate::Outcome;
use crate::options::{SchedulerArgs, check_host};
use crate::signals::{self, When};

pub(crate) fn run(args: &SchedulerArgs) -> Outcome {
    let comm = comm_settings(Role::Scheduler)?;
    check_host(&args.host, args.insecure || comm.security.is_guarded())?;
    let (dashboard, questions) = dashboard(args)?.unzip();
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

/// Serves pages, unless none are wanted. A default port that is in use is no reason not to start: another is taken.
fn dashboard(args: &SchedulerArgs) -> Result<Option<(Dashboard, Asked)>, Box<dyn std::error::Error>> {
    let address = args.dashboard_address.as_str();
    if address == "none" {
        return Ok(None);
    }
    let readers = match &args.dashboard_token_file {
        Some(path) => Security::default().token_file(path)?,
        None => Security::default(),
    };
    let guarded = args.insecure || readers.has_token();
    check_host(host_of(address), guarded).map_err(|_| {
        format!("the dashboard at {address} can be read by others: give --dashboard-token-file, serve it at 127.0.0.1 and forward the port, or say --insecure if the network is trusted")
    })?;
    let options = DashboardOptions { readers, hosts: args.dashboard_host.clone() };
    let start = |address: &str| Dashboard::start_with(address, options.clone());
    let started = start(address).or_else(|error| match address.strip_suffix(":8787") {
        Some(host) => start(&format!("{host}:0")),
        None => Err(error),
    })?;
    log::say("scheduler", format_args!("dashboard at http://{}/", started.0.address()));
    Ok(Some(started))
}

fn host_of(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

//! `dask worker`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::process::ExitCode;

use dask_dist::shell::worker::WorkerOptions;
use dask_dist::shell::{drain_timeout, profile_interval, worker_settings};
use dask_dist::transport::{Address, CommSettings, Role};
use dask_dist::{log, run_worker};

use crate::options::{SecurityArgs, WorkerArgs, comm_of};
use crate::signals::{self, When};
use crate::{Outcome, nanny};

pub(crate) fn run(args: &WorkerArgs, security: &SecurityArgs, json: bool) -> Outcome {
    let outcome = start(args, security, json);
    if !args.has_nanny {
        return outcome;
    }
    // What a task may end the process with is told from an end that was meant.
    nanny::tell_end(outcome.is_ok());
    outcome
}

fn start(args: &WorkerArgs, security: &SecurityArgs, json: bool) -> Outcome {
    let address: Address = args.scheduler.parse()?;
    let host = match &args.host {
        Some(host) => host.clone(),
        None => host_towards(&address),
    };
    let comm = comm_of(Role::Worker, &host, args.insecure)?;
    if host.parse::<IpAddr>().is_ok_and(|host| host.is_unspecified()) {
        let why = "is no address by which others find this worker: give the one by which they reach this machine";
        return Err(format!("--host {host} {why}").into());
    }
    if let Some(folder) = &args.local_directory {
        check_folder(folder)?;
    }
    if !args.no_nanny && !args.has_nanny {
        return nanny::run(args, security, &comm.security, &address, json);
    }
    let n_threads = args.nthreads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let settings = dask_dist::worker::Settings {
        n_threads,
        memory_limit: args.memory_limit.bytes(n_threads),
        ..worker_settings()?
    };
    let comm = CommSettings { connect_timeout: args.death_timeout, ..comm };
    let options = WorkerOptions {
        name: args.name.clone().unwrap_or_default(),
        resources: args.resources.clone(),
        listen: Some(Address::Tcp(at(&host, args.port))),
        directory: args.local_directory.clone(),
        settings,
        comm,
        reconnect: args.death_timeout,
        drain_timeout: match args.drain_timeout {
            Some(time) => time,
            None => drain_timeout()?.unwrap_or(WorkerOptions::default().drain_timeout),
        },
        has_nanny: args.has_nanny,
        announce: true,
        profile: profile_interval(args.profile.then_some(true))?,
    };
    // A nanny holds the other end of the input: what it leaves behind ends too.
    let when = When { lifetime: args.lifetime, with_input: args.has_nanny || args.stops_with_input };
    let (_stop, stopped) = signals::stop(when, || ())?;
    run_worker(&args.scheduler, options, stopped)?;
    log::say("worker", "ended");
    Ok(ExitCode::SUCCESS)
}

/// The address from which this machine reaches another; nothing is sent. Of no use if the name is not known: whoever
/// connects says so.
fn host_towards(scheduler: &Address) -> String {
    let local = match scheduler {
        Address::Tcp(host) | Address::Tls(host) => local_towards(host).ok(),
        Address::InProc(_) => None,
    };
    local.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_string()
}

fn local_towards(host: &str) -> std::io::Result<IpAddr> {
    let unknown = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let there = host.to_socket_addrs()?.next().ok_or_else(unknown)?;
    let here: IpAddr = if there.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((here, 0))?;
    socket.connect(there)?;
    Ok(socket.local_addr()?.ip())
}

/// Host and port as an address.
fn at(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether files can be made there, before anything else is begun.
fn check_folder(folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("--local-directory {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let probe = folder.join(format!(".dask-probe-{}", std::process::id()));
    std::fs::write(&probe, b"x").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)
}

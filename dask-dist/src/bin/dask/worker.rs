//! `dask worker`.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use dask_dist::shell::worker::WorkerOptions;
use dask_dist::shell::{comm_settings, worker_settings};
use dask_dist::transport::{Address, CommSettings};
use dask_dist::{log, run_worker};

use crate::options::{WorkerArgs, check_host};
use crate::{Outcome, nanny, signals};

pub(crate) fn run(args: &WorkerArgs, json: bool) -> Outcome {
    let address: Address = args.scheduler.parse()?;
    check_host(&args.host, args.insecure)?;
    if let Some(folder) = &args.local_directory {
        check_folder(folder)?;
    }
    if !args.no_nanny && !args.has_nanny {
        return nanny::run(args, &address, json);
    }
    let n_threads = args.nthreads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let settings = dask_dist::worker::Settings {
        n_threads,
        memory_limit: args.memory_limit.bytes(n_threads),
        ..worker_settings()?
    };
    let comm = CommSettings { connect_timeout: args.death_timeout, ..comm_settings()? };
    let options = WorkerOptions {
        name: args.name.clone().unwrap_or_default(),
        resources: args.resources.clone(),
        listen: Some(Address::Tcp(format!("{}:0", args.host))),
        directory: args.local_directory.clone(),
        settings,
        comm,
        reconnect: args.death_timeout,
        has_nanny: args.has_nanny,
    };
    let (stop, stopped) = signals::stop(args.lifetime)?;
    if args.has_nanny {
        // The nanny holds the other end: what it leaves behind ends too.
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = stop.send(true);
        });
    }
    run_worker(&args.scheduler, options, stopped)?;
    log::say("worker", "ended");
    Ok(ExitCode::SUCCESS)
}

/// Whether files can be made there, before anything else is begun.
fn check_folder(folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("--local-directory {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let probe = folder.join(format!(".dask-probe-{}", std::process::id()));
    std::fs::write(&probe, b"x").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)
}

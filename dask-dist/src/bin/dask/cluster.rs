//! `dask cluster`.

use std::process::ExitCode;

use dask_dist::transport::Address;
use dask_dist::{LocalCluster, log};

use crate::Outcome;
use crate::options::{ClusterArgs, DashboardArgs};
use crate::signals::{self, When};

pub(crate) fn run(args: &ClusterArgs) -> Outcome {
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n_workers = args.workers.map_or(n_cores, |n| n as usize);
    let (_stop, mut stopped) = signals::stop(When::default(), || ())?;
    let builder = LocalCluster::builder()
        .workers(n_workers)
        .threads_per_worker(args.nthreads)
        .memory_limit(args.memory_limit.bytes(args.nthreads))
        .listen(Address::Tcp(format!("127.0.0.1:{}", args.port)))
        .processes(true)
        .restart(true);
    let builder = if args.profile { builder.profile(true) } else { builder };
    let cluster = match args.dashboard.wanted(args.insecure)? {
        Some((address, options)) => {
            let start = |address: &str| builder.clone().dashboard_with(address, options.clone()).start();
            DashboardArgs::start(address, start)?
        }
        None => builder.start()?,
    };
    log::say("cluster", format_args!("{n_workers} workers, the scheduler listening at {}", cluster.address()));
    if let Some(dashboard) = cluster.dashboard() {
        log::say("cluster", format_args!("dashboard at {}", dashboard.url()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(stopped.wait_for(|stop| *stop))?;
    cluster.close();
    log::say("cluster", "ended");
    Ok(ExitCode::SUCCESS)
}

//! `dask ssh`.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use dask_dist::log;

use crate::options::SshArgs;
use crate::{Outcome, signals};

/// What runs on other machines; killed if this ends.
struct Remote {
    what: String,
    child: Child,
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(args: &SshArgs) -> Outcome {
    if !args.insecure {
        return Err(
            "workers on other machines connect without encryption: say --insecure if the network is trusted".into()
        );
    }
    let (_stop, stopped) = signals::stop(None)?;
    let start = |host: &str, rest: &[&str]| -> std::io::Result<Remote> {
        let mut command = Command::new(&args.ssh);
        command.arg(host).arg(&args.remote_dask).args(rest).stdin(Stdio::null());
        let what = format!("{} on {host}", rest[0]);
        Ok(Remote { child: command.spawn()?, what })
    };
    let first = &args.hosts[0];
    let port = args.scheduler_port.to_string();
    let mut all = vec![start(first, &["scheduler", "--host", "0.0.0.0", "--port", &port, "--insecure"])?];
    let scheduler = format!("tcp://{}:{port}", first.rsplit('@').next().unwrap_or(first));
    let n_threads = args.nthreads.map(|n| n.to_string());
    for host in &args.hosts {
        let address = host.rsplit('@').next().unwrap_or(host);
        let mut rest = vec!["worker", &scheduler, "--host", address, "--insecure"];
        if let Some(n) = &n_threads {
            rest.extend(["--nthreads", n]);
        }
        all.push(start(host, &rest)?);
    }
    log::say("ssh", format_args!("{} workers for the scheduler at {scheduler}", args.hosts.len()));
    loop {
        for remote in &mut all {
            if let Some(status) = remote.child.try_wait()? {
                return Err(format!("the {} ended: {status}", remote.what).into());
            }
        }
        if *stopped.borrow() {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

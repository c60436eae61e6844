//! `dask ssh`.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use dask_dist::log;

use crate::options::{SecurityArgs, SshArgs};
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

pub(crate) fn run(args: &SshArgs, security: &SecurityArgs) -> Outcome {
    let shown = security.arguments();
    if !args.insecure && shown.is_empty() {
        return Err("others could run programs on these machines: give --token-file or --tls-ca-file, --tls-cert and \
                    --tls-key, with paths that are the same on all hosts, or say --insecure if the network is trusted"
            .into());
    }
    let shown: Vec<&str> =
        if shown.is_empty() { vec!["--insecure"] } else { shown.iter().map(String::as_str).collect() };
    let (_stop, stopped) = signals::stop(None)?;
    let start = |host: &str, rest: &[&str]| -> std::io::Result<Remote> {
        let mut command = Command::new(&args.ssh);
        command.arg(host).arg(&args.remote_dask).args(rest).stdin(Stdio::null());
        let what = format!("{} on {host}", rest[0]);
        Ok(Remote { child: command.spawn()?, what })
    };
    let first = &args.hosts[0];
    let port = args.scheduler_port.to_string();
    let mut rest = vec!["scheduler", "--host", "0.0.0.0", "--port", &port];
    rest.extend(&shown);
    let mut all = vec![start(first, &rest)?];
    let scheduler = format!("tcp://{}:{port}", first.rsplit('@').next().unwrap_or(first));
    let n_threads = args.nthreads.map(|n| n.to_string());
    for host in &args.hosts {
        let address = host.rsplit('@').next().unwrap_or(host);
        let mut rest = vec!["worker", &scheduler, "--host", address];
        rest.extend(&shown);
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

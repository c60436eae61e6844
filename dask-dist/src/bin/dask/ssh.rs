//! `dask ssh`.
//!
//! What runs elsewhere holds on to its input: it leaves in order when this command is to stop, and when the connection to
//! it is lost, so that nothing is left behind.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use dask_dist::log;

use crate::Outcome;
use crate::options::{SecurityArgs, SshArgs};
use crate::signals::{self, When};

const EVERY: Duration = Duration::from_millis(50);

/// What runs on another machine; killed if this ends otherwise than in order.
struct Remote {
    what: String,
    child: Child,
}

impl Remote {
    /// Asks it to leave, and waits until it has.
    fn leave(mut self) -> std::io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().map(drop)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As a shell on the other machine takes for one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A host without the user who logs in there.
fn name_of(host: &str) -> &str {
    host.rsplit('@').next().unwrap_or(host)
}

/// What each worker is told besides.
fn given(args: &SshArgs) -> Vec<String> {
    let given = [
        ("--nthreads", args.nthreads.map(|n| n.to_string())),
        ("--memory-limit", args.memory_limit.map(|limit| limit.to_string())),
        ("--local-directory", args.local_directory.clone()),
        ("--drain-timeout", args.drain_timeout.map(|time| format!("{}ms", time.as_millis()))),
    ];
    let given = given.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten();
    given.chain(args.profile.then(|| "--profile".to_owned())).collect()
}

pub(crate) fn run(args: &SshArgs, security: &SecurityArgs, json: bool) -> Outcome {
    let shown = security.arguments();
    if !args.insecure && shown.is_empty() {
        return Err("others could run programs on these machines: give --token-file or --tls-ca-file, --tls-cert and \
                    --tls-key, with paths that are the same on all hosts, or say --insecure if the network is trusted"
            .into());
    }
    let mut shown: Vec<&str> =
        if shown.is_empty() { vec!["--insecure"] } else { shown.iter().map(String::as_str).collect() };
    if json {
        shown.push("--json");
    }
    let (_stop, stopped) = signals::stop(When::default(), || ())?;
    let start = |host: &str, rest: &[&str]| -> std::io::Result<Remote> {
        let mut command = Command::new(&args.ssh);
        command.arg(host).arg(&args.remote_dask).args(rest.iter().map(|word| quoted(word))).stdin(Stdio::piped());
        // A Ctrl-C in the terminal is for this process, which asks the others to leave.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let what = format!("{} on {host}", rest[0]);
        Ok(Remote { child: command.spawn()?, what })
    };
    let first = &args.hosts[0];
    let port = args.scheduler_port.to_string();
    let mut rest = vec!["scheduler", "--host", "0.0.0.0", "--port", &port, "--stops-with-input"];
    rest.extend(&shown);
    let mut all = vec![start(first, &rest)?];
    let scheduler = match name_of(first) {
        name if name.contains(':') => format!("tcp://[{name}]:{port}"),
        name => format!("tcp://{name}:{port}"),
    };
    let given = given(args);
    for host in &args.hosts {
        let mut rest = vec!["worker", &scheduler, "--host", name_of(host), "--stops-with-input"];
        rest.extend(&shown);
        rest.extend(given.iter().map(String::as_str));
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
            break;
        }
        std::thread::sleep(EVERY);
    }
    // The scheduler last: it is to know where values go, and that all have left.
    let mut workers = all.split_off(1);
    workers.iter_mut().for_each(|worker| drop(worker.child.stdin.take()));
    workers.into_iter().try_for_each(Remote::leave)?;
    all.into_iter().try_for_each(Remote::leave)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_stay_words() {
        for plain in ["--port", "tcp://h:1", "GPU=2", "a@b"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b;rm -rf /"), "'a b;rm -rf /'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}

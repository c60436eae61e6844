//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use dask_core::config::{self, parse_bytes, parse_duration};
use dask_dist::dashboard::DashboardOptions;
use dask_dist::shell::{comm_settings, memory_limit_of_group};
use dask_dist::transport::{CommSettings, Role};
use dask_dist::{DistError, Security, log};

/// Runs schedulers, workers and clusters.
#[derive(Parser, Debug)]
#[command(name = "dask", version, about)]
pub(crate) struct Dask {
    /// Say everything as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A file that is given, in place of what is configured, for this whole process.
fn put(key: &str, path: &Option<PathBuf>) {
    config::set_global(path.as_ref().map(|path| (key.to_owned(), path.display().to_string())));
}

/// What it shows to others and asks of them; otherwise as configured.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct SecurityArgs {
    /// File with the token that all processes of the cluster know
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates of the authorities that sign for the cluster (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) tls_ca_file: Option<PathBuf>,
    /// The certificate to show (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

impl SecurityArgs {
    /// In place of what is configured, for this whole process.
    pub(crate) fn configure(&self) {
        put("distributed.comm.token-file", &self.token_file);
        put("distributed.comm.tls.ca-file", &self.tls_ca_file);
        for role in ["scheduler", "worker", "client"] {
            put(&format!("distributed.comm.tls.{role}.cert"), &self.tls_cert);
            put(&format!("distributed.comm.tls.{role}.key"), &self.tls_key);
        }
    }

    /// For another process of this program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let given = [
            ("--token-file", &self.token_file),
            ("--tls-ca-file", &self.tls_ca_file),
            ("--tls-cert", &self.tls_cert),
            ("--tls-key", &self.tls_key),
        ];
        let given =
            given.into_iter().filter_map(|(name, path)| Some([name.to_owned(), path.as_ref()?.display().to_string()]));
        given.flatten().collect()
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// A scheduler: workers and clients connect to it
    Scheduler(SchedulerArgs),
    /// A worker for a scheduler
    Worker(WorkerArgs),
    /// A scheduler and worker processes on this machine
    Cluster(ClusterArgs),
    /// Who is there
    Info(InfoArgs),
    /// A scheduler on the first host and a worker on each, through ssh
    Ssh(SshArgs),
    /// A token, an authority and a certificate, for a cluster of your own
    Keys(KeysArgs),
}

/// The scheduler's pages.
#[derive(Args, Debug, Clone)]
pub(crate) struct DashboardArgs {
    /// Where the dashboard is served, as HOST:PORT; `none` for nowhere
    #[arg(long, default_value = "127.0.0.1:8787", value_parser = dashboard_address)]
    pub(crate) dashboard_address: String,
    /// File with a token that those who look at the dashboard must give, as the password of any user or as a bearer token
    #[arg(long, value_name = "FILE")]
    pub(crate) dashboard_token_file: Option<PathBuf>,
    /// A name by which the dashboard is reached, besides this machine's own and those that its certificate is for, such as
    /// that of a service or a proxy; may be repeated. With a token any name will do
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    pub(crate) dashboard_host: Vec<String>,
    /// The certificate that the dashboard shows (PEM): it is served as https then
    #[arg(long, value_name = "FILE")]
    pub(crate) dashboard_tls_cert: Option<PathBuf>,
    /// The private key of the dashboard's certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) dashboard_tls_key: Option<PathBuf>,
    /// Certificates of the authorities that sign for those who may look at the dashboard (PEM): they must show theirs then,
    /// which counts like a token
    #[arg(long, value_name = "FILE")]
    pub(crate) dashboard_tls_ca_file: Option<PathBuf>,
}

impl DashboardArgs {
    /// Where it is wanted, and who may look, if it is; `insecure` if anybody may.
    pub(crate) fn wanted(&self, insecure: bool) -> Result<Option<(&str, DashboardOptions)>, DistError> {
        if self.dashboard_address == "none" {
            return Ok(None);
        }
        let readers = match &self.dashboard_token_file {
            Some(path) => Security::default().token_file(path)?,
            None if insecure => Security::insecure(),
            None => Security::default(),
        };
        put("distributed.scheduler.dashboard.tls.cert", &self.dashboard_tls_cert);
        put("distributed.scheduler.dashboard.tls.key", &self.dashboard_tls_key);
        put("distributed.scheduler.dashboard.tls.ca-file", &self.dashboard_tls_ca_file);
        let hosts = self.dashboard_host.clone();
        Ok(Some((&self.dashboard_address, DashboardOptions { readers, hosts, ..DashboardOptions::configured()? })))
    }

    /// A default port that is in use is no reason not to start: another is taken.
    pub(crate) fn start<T>(address: &str, start: impl Fn(&str) -> Result<T, DistError>) -> Result<T, DistError> {
        let is_taken = |error: &DistError| matches!(error, DistError::Io { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse);
        match (start(address), address.strip_suffix(":8787")) {
            (Err(error), Some(host)) if is_taken(&error) => start(&format!("{host}:0")),
            (started, _) => started,
        }
    }
}

impl Command {
    /// Who speaks.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Scheduler(_) => "scheduler",
            Self::Worker(_) => "worker",
            Self::Cluster(_) => "cluster",
            Self::Info(_) => "info",
            Self::Ssh(_) => "ssh",
            Self::Keys(_) => "keys",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SchedulerArgs {
    /// Address to listen at
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port to listen at; 0 for any
    #[arg(long, default_value_t = 8786)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) dashboard: DashboardArgs,
    /// File in which published datasets are written down, so that a scheduler started again with it takes them back
    #[arg(long)]
    pub(crate) journal: Option<PathBuf>,
    /// Listen where others than this machine can connect, without token or certificates: whoever can reach the port can
    /// run programs here
    #[arg(long)]
    pub(crate) insecure: bool,
    /// The end of its input is as a signal
    #[arg(long, hide = true)]
    pub(crate) stops_with_input: bool,
}

#[derive(Args, Debug, Clone)]
pub(crate) struct WorkerArgs {
    /// The scheduler's address, such as tcp://127.0.0.1:8786
    pub(crate) scheduler: String,
    /// Tasks that run at a time; by default one a core
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) nthreads: Option<u32>,
    /// Memory it may use: `auto` for its share of the machine, a size such as 4GiB, a share such as 0.5, or 0 for any
    #[arg(long, default_value = "auto", value_parser = memory_limit)]
    pub(crate) memory_limit: MemoryLimit,
    /// Run under a process that starts it again when it dies, and keeps it within its memory (the default)
    #[arg(long, overrides_with = "no_nanny")]
    pub(crate) nanny: bool,
    /// Run without one
    #[arg(long)]
    pub(crate) no_nanny: bool,
    /// A name that no other worker has
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Resources that tasks may ask for, such as GPU=2,DISK=1
    #[arg(long, value_delimiter = ',', value_parser = resource)]
    pub(crate) resources: Vec<(String, f64)>,
    /// Folder for values that do not fit into memory
    #[arg(long)]
    pub(crate) local_directory: Option<PathBuf>,
    /// Leave in order after so long, such as 1h
    #[arg(long, value_parser = time)]
    pub(crate) lifetime: Option<Duration>,
    /// Give up when there has been no scheduler for so long
    #[arg(long, default_value = "60s", value_parser = time)]
    pub(crate) death_timeout: Duration,
    /// Time to finish what runs and to hand values over when it is to stop (by default as configured, or 4min); a second
    /// signal ends it at once
    #[arg(long, value_parser = time)]
    pub(crate) drain_timeout: Option<Duration>,
    /// Sample the call stacks of tasks for the dashboard, by a signal that libraries in other languages must stand (by
    /// default as configured)
    #[arg(long)]
    pub(crate) profile: bool,
    /// Address at which peers and clients find its values; by default the one from which this machine reaches the
    /// scheduler
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Port at which they do; 0 for any
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Listen where others than this machine can connect, without token or certificates: whoever can reach the port can
    /// read its values
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Its input is held by a nanny
    #[arg(long, hide = true)]
    pub(crate) has_nanny: bool,
    /// The end of its input is as a signal
    #[arg(long, hide = true)]
    pub(crate) stops_with_input: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ClusterArgs {
    /// Worker processes; by default one a core
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) workers: Option<u32>,
    /// Tasks that each runs at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) nthreads: u32,
    /// Memory that each may use, as for `dask worker`
    #[arg(long, default_value = "auto", value_parser = memory_limit)]
    pub(crate) memory_limit: MemoryLimit,
    /// Sample the call stacks of tasks for the dashboard, by a signal that libraries in other languages must stand (by
    /// default as configured)
    #[arg(long)]
    pub(crate) profile: bool,
    /// Port of the scheduler; 0 for any
    #[arg(long, default_value_t = 8786)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) dashboard: DashboardArgs,
    /// Serve the dashboard where others than this machine can connect, without a token
    #[arg(long)]
    pub(crate) insecure: bool,
}

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// The scheduler's address
    pub(crate) scheduler: String,
}

#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    /// Folder in which they are written
    pub(crate) folder: PathBuf,
    /// Days for which the certificates are valid
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) days: u32,
}

#[derive(Args, Debug)]
pub(crate) struct SshArgs {
    /// Hosts; the scheduler runs on the first
    #[arg(required = true)]
    pub(crate) hosts: Vec<String>,
    /// The scheduler's port
    #[arg(long, default_value_t = 8786)]
    pub(crate) scheduler_port: u16,
    /// Tasks that each worker runs at a time
    #[arg(long)]
    pub(crate) nthreads: Option<u32>,
    /// Memory that each worker may use, as for `dask worker`
    #[arg(long, value_parser = memory_limit)]
    pub(crate) memory_limit: Option<MemoryLimit>,
    /// Folder on each host for values that do not fit into memory
    #[arg(long)]
    pub(crate) local_directory: Option<String>,
    /// Time that each worker has to hand its values over when it is to stop
    #[arg(long, value_parser = time)]
    pub(crate) drain_timeout: Option<Duration>,
    /// Sample the call stacks of tasks for the dashboard, as `dask worker --profile`
    #[arg(long)]
    pub(crate) profile: bool,
    /// What starts a command on a host
    #[arg(long, default_value = "ssh")]
    pub(crate) ssh: String,
    /// This program on the hosts, as their shells understand it
    #[arg(long, default_value = "dask")]
    pub(crate) remote_dask: String,
    /// Without token or certificates: whoever can reach the ports can run programs there
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// How much memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MemoryLimit {
    /// By threads, of the machine's.
    Auto,
    /// A share of the machine's.
    Share(f64),
    /// Bytes; 0 for any.
    Bytes(u64),
}

impl std::fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Share(share) => share.fmt(f),
            Self::Bytes(n) => n.fmt(f),
        }
    }
}

impl MemoryLimit {
    /// In bytes, for a worker of so many threads.
    pub(crate) fn bytes(self, n_threads: u32) -> u64 {
        let machine = machine_memory() as f64;
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        match self {
            Self::Auto => (machine * (f64::from(n_threads) / cores).min(1.0)) as u64,
            Self::Share(share) => (machine * share) as u64,
            Self::Bytes(n) => within(n, machine as u64),
        }
    }
}

/// What a worker may use of a machine that has so much, or 0 if that is unknown.
fn within(limit: u64, machine: u64) -> u64 {
    if machine == 0 || limit <= machine {
        return limit;
    }
    let (asked, there) = (limit >> 20, machine >> 20);
    log::warn("worker", format_args!("--memory-limit of {asked} MiB is more than there is: it is {there} MiB instead"));
    machine
}

/// Of the machine, or of the groups of processes that this one is in; 0 if unknown.
fn machine_memory() -> u64 {
    let total = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = total.lines().find_map(|line| {
        let kib: u64 = line.strip_prefix("MemTotal:")?.split_ascii_whitespace().next()?.parse().ok()?;
        Some(kib * 1024)
    });
    match (total, memory_limit_of_group()) {
        (Some(total), Some(group)) => total.min(group),
        (total, group) => total.or(group).unwrap_or(0),
    }
}

fn memory_limit(text: &str) -> Result<MemoryLimit, String> {
    const MIN: u64 = 16 << 20;
    if text == "auto" {
        return Ok(MemoryLimit::Auto);
    }
    if let Ok(share) = text.parse::<f64>()
        && 0.0 < share
        && share <= 1.0
    {
        return Ok(MemoryLimit::Share(share));
    }
    match parse_bytes(text) {
        Some(n) if n == 0 || MIN <= n => Ok(MemoryLimit::Bytes(n)),
        Some(n) => Err(format!("{n} bytes are too few for a worker: at least 16 MiB, or 0 for no limit")),
        None => Err("expected auto, a size such as 4GiB, a share such as 0.5, or 0".to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| "expected a time above 0, such as 30s, 5min or 1h".to_owned())
}

/// Host and port, or `none`.
fn dashboard_address(text: &str) -> Result<String, String> {
    let is_address =
        |(host, port): (&str, &str)| !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok();
    if text == "none" || text.rsplit_once(':').is_some_and(is_address) {
        return Ok(text.to_owned());
    }
    Err("expected HOST:PORT, such as 127.0.0.1:8787 (port 0 for any), or none".to_owned())
}

/// Without scheme, port and path.
fn host_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c)) {
        return Err("expected a name alone, such as dask.example.org: no http://, port or path".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

fn resource(text: &str) -> Result<(String, f64), String> {
    let bad = || format!("expected NAME=AMOUNT, such as GPU=2, not {text:?}");
    let (name, amount) = text.split_once('=').ok_or_else(bad)?;
    match amount.parse::<f64>() {
        Ok(amount) if !name.is_empty() && 0.0 < amount && amount.is_finite() => Ok((name.to_owned(), amount)),
        _ => Err(bad()),
    }
}

/// Connections as configured, for who listens at `host`; with `insecure`, open to all.
pub(crate) fn comm_of(role: Role, host: &str, insecure: bool) -> Result<CommSettings, Box<dyn std::error::Error>> {
    let mut comm = comm_settings(role)?;
    check_host(host, insecure || comm.security.is_guarded())?;
    if insecure && !comm.security.is_guarded() {
        comm.security = Security::insecure();
    }
    Ok(comm)
}

/// Refuses a host that others can reach, unless strangers are kept out or that was asked for.
fn check_host(host: &str, guarded: bool) -> Result<(), String> {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_local = match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => address == "localhost",
    };
    if is_local || guarded {
        return Ok(());
    }
    Err(format!(
        "{host} can be reached by others, who could run programs here: give --token-file or --tls-ca-file, --tls-cert and --tls-key (`dask keys FOLDER` makes them), listen at 127.0.0.1, or say --insecure if the network is trusted"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_resources_are_read_and_nonsense_is_refused() {
        assert_eq!(memory_limit("auto"), Ok(MemoryLimit::Auto));
        assert_eq!(memory_limit("0.25"), Ok(MemoryLimit::Share(0.25)));
        assert_eq!(memory_limit("2GiB"), Ok(MemoryLimit::Bytes(2 << 30)));
        assert_eq!(memory_limit("0"), Ok(MemoryLimit::Bytes(0)));
        for text in ["auto", "0.25", "1", "2147483648", "0"] {
            assert_eq!(memory_limit(text).unwrap().to_string(), text);
        }
        for nonsense in ["-1", "1e99 GB", "lots", "", "12", "nan"] {
            assert!(memory_limit(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        assert!(time("soon").is_err() && time("0s").is_err());
        assert_eq!((within(5, 4), within(4, 4), within(5, 0), within(0, 4)), (4, 4, 5, 0));
        assert_eq!(host_name("Dask.example.org"), Ok("dask.example.org".to_owned()));
        for nonsense in ["", "http://x", "x:80", "x/y", "a b", "*"] {
            assert!(host_name(nonsense).is_err(), "{nonsense}");
        }
        for address in ["127.0.0.1:8787", "[::1]:0", "localhost:80", "none"] {
            assert_eq!(dashboard_address(address), Ok(address.to_owned()));
        }
        for nonsense in ["", "8787", ":8787", "localhost", "127.0.0.1:x", "127.0.0.1:70000", "http://x:80"] {
            assert!(dashboard_address(nonsense).is_err(), "{nonsense}");
        }
        assert_eq!(resource("GPU=2"), Ok(("GPU".to_owned(), 2.0)));
        for nonsense in ["GPU", "=2", "GPU=", "GPU=-1", "GPU=inf", "GPU=two"] {
            assert!(resource(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn only_this_machine_is_let_in_unless_asked_for() {
        for host in ["127.0.0.1", "localhost", "::1", "[::1]", "127.3.2.1"] {
            assert!(check_host(host, false).is_ok(), "{host}");
        }
        for host in ["0.0.0.0", "::", "192.168.0.7", "example.org"] {
            assert!(check_host(host, false).unwrap_err().contains("--insecure"), "{host}");
            assert!(check_host(host, true).is_ok(), "{host}");
        }
    }

    #[test]
    fn the_command_line_makes_sense() {
        use clap::CommandFactory;
        Dask::command().debug_assert();
    }
}

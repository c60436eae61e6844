//! Settings as configured: [`dask_core::config`], keys below `distributed`.

use std::time::Duration;

use dask_core::config::{ConfigError, bytes, flag, parse_bytes, parse_duration, parsed, text};

use super::Thresholds;
use crate::error::DistError;
use crate::scheduler::Measure;
use crate::security::Security;
use crate::shell::worker::PROFILE_INTERVAL;
use crate::transport::{CommSettings, Role};
use crate::{scheduler, worker};

impl From<ConfigError> for DistError {
    fn from(error: ConfigError) -> Self {
        Self::Other(error.to_string())
    }
}

/// Replaces a setting if it is configured.
fn put<T>(setting: &mut T, configured: Option<T>) {
    if let Some(value) = configured {
        *setting = value;
    }
}

/// The scheduler's settings as configured.
///
/// # Errors
/// A value that is not what its key needs, with where it stands.
///
/// ```
/// let guard = dask_core::config::set([("distributed.scheduler.allowed-failures", "7")]);
/// assert_eq!(dask_dist::shell::scheduler_settings()?.allowed_failures, 7);
/// # Ok::<(), dask_dist::DistError>(())
/// ```
pub fn scheduler_settings() -> Result<scheduler::Settings, DistError> {
    let mut settings = scheduler::Settings::default();
    put(&mut settings.allowed_failures, few("distributed.scheduler.allowed-failures")?);
    put(&mut settings.saturation, positive("distributed.scheduler.worker-saturation")?);
    put(&mut settings.worker_ttl, silence("distributed.scheduler.worker-ttl")?);
    put(&mut settings.bandwidth, bandwidth("distributed.scheduler.bandwidth")?);
    put(&mut settings.no_worker_timeout, time("distributed.scheduler.no-workers-timeout")?.map(Some));
    put(&mut settings.lease_timeout, silence("distributed.scheduler.locks.lease-timeout")?);
    put(&mut settings.item_max, bytes("distributed.scheduler.item-limit")?);
    put(&mut settings.tasks_max, few("distributed.scheduler.tasks-limit")?.map(u64::from));
    put(&mut settings.stuck_after, time("distributed.scheduler.stuck-after")?);
    let manager = &mut settings.memory_manager;
    put(&mut manager.start, flag("distributed.scheduler.active-memory-manager.start")?);
    put(&mut manager.interval, time("distributed.scheduler.active-memory-manager.interval")?);
    put(&mut manager.measure, measure("distributed.scheduler.active-memory-manager.measure")?);
    settings.memory_target = Thresholds::configured()?.target;
    Ok(settings)
}

/// A number of things that is counted in 32 bits.
fn few(key: &str) -> Result<Option<u32>, ConfigError> {
    parsed(key, "a whole number below four billion, such as 3", |text| text.parse().ok())
}

fn positive(key: &str) -> Result<Option<f64>, ConfigError> {
    parsed(key, "a number above 0, such as 1.1", |text| {
        text.parse().ok().filter(|number: &f64| number.is_finite() && 0.0 < *number)
    })
}

/// Bytes a second.
fn bandwidth(key: &str) -> Result<Option<f64>, ConfigError> {
    parsed(key, "bytes a second, such as 500 MB", |text| parse_bytes(text).filter(|&n| n != 0).map(|n| n as f64))
}

/// A time that passes.
fn time(key: &str) -> Result<Option<Duration>, ConfigError> {
    parsed(key, "a time above 0, such as 30 s or 500 ms", |text| parse_duration(text).filter(|time| !time.is_zero()))
}

/// Signs of life come every three seconds or more often: less patience would take everybody for dead.
fn silence(key: &str) -> Result<Option<Duration>, ConfigError> {
    const LEAST: Duration = Duration::from_secs(5);
    parsed(key, "a time of 5 s or more, such as 30 s", |text| parse_duration(text).filter(|time| LEAST <= *time))
}

/// How the active memory manager counts.
fn measure(key: &str) -> Result<Option<Measure>, DistError> {
    match text(key).as_deref() {
        None | Some("") => Ok(None),
        Some("managed") => Ok(Some(Measure::Managed)),
        Some("process") => Ok(Some(Measure::Process)),
        Some("optimistic") => Ok(Some(Measure::Optimistic)),
        Some(other) => {
            Err(DistError::Other(format!("{key}: {other:?} is no measure: write managed, process or optimistic")))
        }
    }
}

/// A worker's settings as configured; threads and limit are the caller's affair.
///
/// # Errors
/// As [`scheduler_settings`].
pub fn worker_settings() -> Result<worker::Settings, DistError> {
    let Thresholds { target, spill, pause, .. } = Thresholds::configured()?;
    Ok(worker::Settings { target, spill, pause, ..worker::Settings::default() })
}

/// How long a worker that is asked to stop may take to hand its values over, as configured.
///
/// # Errors
/// As [`scheduler_settings`].
pub fn drain_timeout() -> Result<Option<Duration>, DistError> {
    Ok(time("distributed.worker.drain-timeout")?)
}

/// How often the call stacks of tasks are sampled, as configured: none if they are not. The program may say whether they
/// are.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(dask_dist::shell::profile_interval(None)?, None);
/// let guard = dask_core::config::set([("distributed.worker.profile.enabled", "true")]);
/// assert_eq!(dask_dist::shell::profile_interval(None)?, Some(Duration::from_millis(10)));
/// assert_eq!(dask_dist::shell::profile_interval(Some(false))?, None);
/// # Ok::<(), dask_dist::DistError>(())
/// ```
///
/// # Errors
/// As [`scheduler_settings`].
pub fn profile_interval(is_on: Option<bool>) -> Result<Option<Duration>, DistError> {
    let interval = time("distributed.worker.profile.interval")?.unwrap_or(PROFILE_INTERVAL);
    let configured = flag("distributed.worker.profile.enabled")?;
    Ok((is_on.or(configured) == Some(true)).then_some(interval))
}

/// Limits and patience of connections as configured, and what a process of this role shows to others.
///
/// # Errors
/// As [`scheduler_settings`]; a token or certificates that are of no use.
pub fn comm_settings(role: Role) -> Result<CommSettings, DistError> {
    let mut settings = CommSettings::default();
    put(&mut settings.connect_timeout, time("distributed.comm.timeouts.connect")?);
    put(&mut settings.handshake_timeout, time("distributed.comm.timeouts.handshake")?);
    settings.security = security(role)?;
    Ok(if role == Role::Scheduler { settings.of_scheduler() } else { settings })
}

/// A text that is there.
fn given(key: &str) -> Option<String> {
    text(key).filter(|text| !text.is_empty())
}

/// Certificates of the dashboard as configured, if they are.
#[cfg(feature = "dashboard")]
pub(crate) fn dashboard_tls() -> Result<Option<crate::dashboard::DashboardTls>, DistError> {
    let keys = ["cert", "key", "ca-file"].map(|name| format!("distributed.scheduler.dashboard.tls.{name}"));
    let missing = match keys.each_ref().map(|key| given(key)) {
        [Some(cert), Some(key), ca] => {
            let [cert, key] = [cert, key].map(Into::into);
            return Ok(Some(crate::dashboard::DashboardTls { cert, key, ca_file: ca.map(Into::into) }));
        }
        [None, None, None] => return Ok(None),
        [None, ..] => &keys[0],
        [Some(_), None, _] => &keys[1],
    };
    let why = "it is needed too: a certificate and its key go together, and authorities with them".to_owned();
    Err(DistError::BadSecurity { what: missing.clone(), why })
}

fn security(role: Role) -> Result<Security, DistError> {
    let mut security = Security::default();
    if let Some(path) = given("distributed.comm.token-file") {
        security = security.token_file(path)?;
    }
    let name = match role {
        Role::Scheduler => "scheduler",
        Role::Worker => "worker",
        Role::Client | Role::Peer => "client",
    };
    let keys = [
        "distributed.comm.tls.ca-file".to_owned(),
        format!("distributed.comm.tls.{name}.cert"),
        format!("distributed.comm.tls.{name}.key"),
    ];
    match keys.each_ref().map(|key| given(key)) {
        [Some(ca), Some(cert), Some(key)] => security = security.tls(ca, cert, key)?,
        // The authority may be configured for all, and a certificate for some.
        [_, None, None] => {}
        some => {
            let missing = keys.iter().zip(&some).find(|(_, text)| text.is_none()).map_or("", |(key, _)| key);
            let why = "it is needed too: authority, certificate and key go together".to_owned();
            return Err(DistError::BadSecurity { what: missing.to_owned(), why });
        }
    }
    if flag("distributed.comm.require-encryption")? == Some(true) && !security.encrypts() {
        let what = "distributed.comm.require-encryption".to_owned();
        let why = format!("there are no certificates for a {name}: configure {}", keys.join(", "));
        return Err(DistError::BadSecurity { what, why });
    }
    Ok(security)
}

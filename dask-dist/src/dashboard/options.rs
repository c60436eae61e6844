//! Who may look at a dashboard, and how it is encrypted.

use std::path::PathBuf;

use crate::error::DistError;
use crate::security::Security;

/// Who may look at a dashboard, see [`Dashboard::start_with`](super::Dashboard::start_with).
#[derive(Clone, Debug, Default)]
pub struct DashboardOptions {
    /// Whoever looks must give its token, if it has one, as the password of any user or as a bearer token. An address that
    /// others than this machine can reach needs one, or certificates of those who look ([`DashboardTls::ca_file`]), or
    /// [`Security::insecure`].
    pub readers: Security,
    /// Names by which this machine is reached, besides its own and those that its certificate is for: of a service, or of a
    /// proxy before it. Without a token, pages that are asked for under other names are refused. None by default.
    pub hosts: Vec<String>,
    /// Served as https with these; as http without, the default.
    pub tls: Option<DashboardTls>,
}

impl DashboardOptions {
    /// For those at this machine, encrypted if `distributed.scheduler.dashboard.tls` is configured.
    ///
    /// ```
    /// use dask_dist::dashboard::DashboardOptions;
    /// assert!(DashboardOptions::configured()?.tls.is_none());
    /// let tls = "distributed.scheduler.dashboard.tls";
    /// let guard = dask_core::config::set([(format!("{tls}.cert"), "cert.pem"), (format!("{tls}.key"), "key.pem")]);
    /// assert_eq!(DashboardOptions::configured()?.tls.unwrap().cert.to_str(), Some("cert.pem"));
    /// # Ok::<(), dask_dist::DistError>(())
    /// ```
    ///
    /// # Errors
    /// A certificate without a key, a key without a certificate, authorities without either.
    pub fn configured() -> Result<Self, DistError> {
        Ok(Self { tls: crate::shell::dashboard_tls()?, ..Self::default() })
    }
}

/// Files with which a dashboard is encrypted, PEM all of them; they are read when it starts (feature `tls`).
///
/// ```no_run
/// use dask_dist::LocalCluster;
/// use dask_dist::dashboard::{DashboardOptions, DashboardTls};
/// let tls = DashboardTls { cert: "cert.pem".into(), key: "key.pem".into(), ca_file: None };
/// let options = DashboardOptions { tls: Some(tls), ..DashboardOptions::default() };
/// let cluster = LocalCluster::builder().dashboard_with("127.0.0.1:8787", options).start()?;
/// assert!(cluster.dashboard().unwrap().url().starts_with("https://"));
/// # Ok::<(), dask_dist::DistError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DashboardTls {
    /// The certificate to show, for the names by which browsers come, and those between it and its authority.
    pub cert: PathBuf,
    /// Its private key, which not everybody can read.
    pub key: PathBuf,
    /// Of authorities: whoever looks must show a certificate that one of these has signed, besides the token if there is
    /// one. It counts like a token; encryption alone keeps nobody out.
    pub ca_file: Option<PathBuf>,
}

//! In place of encryption, in a build without it.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::options::DashboardTls;
use super::serve::Opened;
use crate::error::DistError;

/// There are none.
pub(super) type Encrypted = TcpStream;

/// There is none.
pub(super) enum Tls {}

impl Tls {
    pub(super) fn load(files: &DashboardTls) -> Result<Self, DistError> {
        let what = files.cert.display().to_string();
        let why = "this build has no TLS: use the feature `tls` of dask-dist".to_owned();
        Err(DistError::BadSecurity { what, why })
    }

    pub(super) fn asks(&self) -> bool {
        match *self {}
    }

    pub(super) fn is_for(&self, _: &str) -> bool {
        match *self {}
    }

    pub(super) async fn open(&self, stream: TcpStream, _: SocketAddr) -> Option<Opened> {
        // What could be opened otherwise.
        let _ = (Opened::Plain(stream), |stream| Opened::Encrypted { stream, has_certificate: false });
        match *self {}
    }
}

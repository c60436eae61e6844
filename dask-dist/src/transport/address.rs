//! Where somebody is.

use std::fmt;
use std::str::FromStr;

use crate::error::DistError;

/// Where somebody is: `tcp://127.0.0.1:8786`, `127.0.0.1:8786`, `tls://127.0.0.1:8786`, `inproc://name`.
///
/// ```
/// use dask_dist::transport::Address;
/// let address: Address = "127.0.0.1:8786".parse()?;
/// assert_eq!(address.to_string(), "tcp://127.0.0.1:8786");
/// assert!("nowhere".parse::<Address>().is_err());
/// # Ok::<(), dask_dist::DistError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// Host and port.
    Tcp(String),
    /// Host and port, encrypted.
    Tls(String),
    /// A name within this process.
    InProc(String),
}

impl FromStr for Address {
    type Err = DistError;

    fn from_str(text: &str) -> Result<Self, DistError> {
        let bad = || DistError::BadAddress { text: text.to_owned() };
        if let Some(name) = text.strip_prefix("inproc://") {
            return if name.is_empty() { Err(bad()) } else { Ok(Self::InProc(name.to_owned())) };
        }
        let (host, is_tls) = match text.strip_prefix("tls://") {
            Some(host) => (host, true),
            None => (text.strip_prefix("tcp://").unwrap_or(text), false),
        };
        let (name, port) = host.rsplit_once(':').ok_or_else(bad)?;
        if name.is_empty() || name.contains('/') || port.parse::<u16>().is_err() {
            return Err(bad());
        }
        Ok(if is_tls { Self::Tls(host.to_owned()) } else { Self::Tcp(host.to_owned()) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Tls(host) => write!(f, "tls://{host}"),
            Self::InProc(name) => write!(f, "inproc://{name}"),
        }
    }
}

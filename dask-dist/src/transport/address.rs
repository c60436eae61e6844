//! Where somebody is.

use std::fmt;
use std::str::FromStr;

use crate::error::DistError;

/// Where somebody is: `tcp://127.0.0.1:8786`, `127.0.0.1:8786`, `inproc://name`.
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
        let host = text.strip_prefix("tcp://").unwrap_or(text);
        let (name, port) = host.rsplit_once(':').ok_or_else(bad)?;
        if name.is_empty() || name.contains('/') || port.parse::<u16>().is_err() {
            return Err(bad());
        }
        Ok(Self::Tcp(host.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::InProc(name) => write!(f, "inproc://{name}"),
        }
    }
}

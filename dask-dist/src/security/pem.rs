//! Certificates and keys from files, and what is wrong with these.

use std::path::Path;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, RootCertStore};

use super::why::in_words;
use crate::error::DistError;

pub(super) fn bad(path: &Path, why: String) -> DistError {
    DistError::BadSecurity { what: format!("the file {}", path.display()), why }
}

fn unread(path: &Path, error: &PemError, what: &str) -> DistError {
    let why = match error {
        PemError::Io(error) => error.to_string(),
        PemError::NoItemsFound => format!("there is no {what} in it, as PEM"),
        other => format!("it is not PEM: {other}"),
    };
    bad(path, why)
}

/// At least one: whose it is, then those between it and its authority.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DistError> {
    let failed = |error| unread(path, &error, "certificate");
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(failed)?.collect();
    let all = all.map_err(failed)?;
    if all.is_empty() {
        return Err(failed(PemError::NoItemsFound));
    }
    Ok(all)
}

pub(super) fn authorities(path: &Path) -> Result<RootCertStore, DistError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(path)? {
        roots.add(authority).map_err(|error| bad(path, in_words(&error)))?;
    }
    Ok(roots)
}

/// Which not everybody can read.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, DistError> {
    #[cfg(unix)]
    check_private(path)?;
    PrivateKeyDer::from_pem_file(path).map_err(|error| unread(path, &error, "private key"))
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), DistError> {
    let about = std::fs::metadata(path).map_err(|error| bad(path, error.to_string()))?;
    if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o007 != 0 {
        return Err(bad(path, "everybody on this machine can read this private key: chmod 600".to_owned()));
    }
    Ok(())
}

/// Why a certificate and a key are of no use together.
pub(super) fn misfit(error: &Error, cert: &Path, key: &Path) -> DistError {
    match error {
        Error::InconsistentKeys(_) => bad(key, format!("it is not the key of the certificate {}", cert.display())),
        other => bad(cert, in_words(other)),
    }
}

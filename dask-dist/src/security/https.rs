//! The certificate of a server of pages, and whether those who look are asked for theirs.

use std::path::Path;
use std::sync::Arc;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoClientAuth, NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, Error, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::pem::{self, bad};
use super::why::in_words;
use crate::error::DistError;

/// How pages are served with TLS 1.2 or 1.3.
pub(crate) struct Https {
    pub(crate) acceptor: TlsAcceptor,
    /// What browsers are shown.
    certificate: CertificateDer<'static>,
}

impl Https {
    /// Reads the files. With authorities (`ca`), those who look are asked for certificates: who shows none can still
    /// speak, and is to be told so; who shows one that they have not signed cannot.
    ///
    /// # Errors
    /// Files that cannot be read or are something else; a certificate that has expired, is for no server, or does not
    /// fit the key.
    pub(crate) fn load(cert: &Path, key: &Path, ca: Option<&Path>) -> Result<Self, DistError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = pem::certificates(cert)?;
        check(&chain, provider.signature_verification_algorithms.all).map_err(|error| bad(cert, in_words(&error)))?;
        let verifier = match ca {
            None => Arc::new(NoClientAuth),
            Some(ca) => {
                let roots = Arc::new(pem::authorities(ca)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
                verifier.allow_unauthenticated().build().map_err(|error| bad(ca, error.to_string()))?
            }
        };
        let certificate = chain[0].clone();
        let private = pem::private_key(key)?;
        let fits = |error: Error| pem::misfit(&error, cert, key);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(fits)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, private)
            .map_err(fits)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Nothing is remembered of those who came: certificates are looked at every time, and strangers fill no table.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }

    /// Whether the certificate is for this name.
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let (Ok(name), Ok(certificate)) = (ServerName::try_from(name), ParsedCertificate::try_from(&self.certificate))
        else {
            return false;
        };
        verify_server_name(&certificate, &name).is_ok()
    }
}

/// What any browser would find wrong. Whose authority signed it is the browsers' affair: it may be in none of the files.
fn check(
    chain: &[CertificateDer<'_>],
    algorithms: &[&dyn rustls::pki_types::SignatureVerificationAlgorithm],
) -> Result<(), Error> {
    let certificate = ParsedCertificate::try_from(&chain[0])?;
    let nobody = RootCertStore::empty();
    match verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &chain[1..], UnixTime::now(), algorithms) {
        // Dates and purposes are looked at before authorities are.
        Err(
            error @ Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::InvalidPurpose
                | CertificateError::InvalidPurposeContext { .. },
            ),
        ) => Err(error),
        _ => Ok(()),
    }
}

//! Certificates of both sides, checked against the cluster's own authority.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::TlsFiles;
use super::pem::{self, bad};
use super::why::{THEY_SAY, in_words};
use crate::error::DistError;

/// How this process connects and listens with TLS 1.2 or 1.3.
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) acceptor: TlsAcceptor,
    /// What this process shows to others.
    own: Own,
}

/// A certificate, those between it and the authority, and the file that they are from.
struct Own {
    chain: Vec<CertificateDer<'static>>,
    checks: Signed,
    file: PathBuf,
}

impl Own {
    /// What others may find wrong with it now.
    fn fault(&self) -> Option<DistError> {
        let (certificate, between) = self.chain.split_first()?;
        let checked = self.checks.check(certificate, between, UnixTime::now());
        checked.err().map(|error| bad(&self.file, in_words(&error)))
    }
}

impl Tls {
    /// Why a connection did not come about: if the other side complains of this process's certificate, what is wrong
    /// with it, which is known here.
    pub(crate) fn blame(&self, error: DistError) -> DistError {
        match &error {
            DistError::Untrusted { why, .. } if why.starts_with(THEY_SAY) => self.own.fault().unwrap_or(error),
            _ => error,
        }
    }

    /// Reads the files, and sees that others will believe them.
    pub(super) fn load(files: &TlsFiles) -> Result<Self, DistError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (roots, chain) = (Arc::new(pem::authorities(&files.ca)?), pem::certificates(&files.cert)?);
        let key = pem::private_key(&files.key)?;
        let signed = Signed { roots: roots.clone(), provider: provider.clone() };
        let checks = Signed { roots: roots.clone(), provider: provider.clone() };
        let own = Own { chain: chain.clone(), checks, file: files.cert.clone() };
        signed.check(&chain[0], &chain[1..], UnixTime::now()).map_err(|error| bad(&files.cert, in_words(&error)))?;
        let fits = |error: Error| pem::misfit(&error, &files.cert, &files.key);
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(&fits)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(signed))
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(&fits)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
        let verifier = verifier.map_err(|error| bad(&files.ca, error.to_string()))?;
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(&fits)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(&fits)?;
        let (client, server) = (Arc::new(client), Arc::new(server));
        Ok(Self { connector: TlsConnector::from(client), acceptor: TlsAcceptor::from(server), own })
    }
}

/// Whoever the authority has signed for is one of the cluster, wherever it is.
#[derive(Debug)]
struct Signed {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Signed {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, algorithms)
    }
}

impl ServerCertVerifier for Signed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

//! Trust between the processes of a cluster: a secret that all of them know, and encryption with certificates.
//!
//! Both sides of every connection show what they have before anything else is said:
//!
//! * With a **token**, each proves that it knows it, by an HMAC-SHA-256 over two fresh random numbers (RFC 2104): the
//!   token itself never travels. It keeps strangers out; whoever can change what is on the wire is kept out by TLS.
//! * With **TLS** (feature `tls`), each shows a certificate signed by the cluster's own authority, and everything is
//!   encrypted. Names in certificates are not looked at: workers come and go, at any address. So the authority must be
//!   the cluster's own.

mod encoded; // to a worker process that is started here
#[cfg(all(feature = "dashboard", feature = "tls"))]
mod https; // a server of pages
#[cfg(feature = "tls")]
mod pem; // certificates and keys in files
mod secret;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod why; // what is wrong with a certificate, in words

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::DistError;
#[cfg(all(feature = "dashboard", feature = "tls"))]
pub(crate) use https::Https;
use secret::Secret;
pub(crate) use secret::{Nonce, Proof, Side, fresh_nonce};
#[cfg(feature = "tls")]
pub(crate) use tls::Tls;
#[cfg(feature = "tls")]
pub(crate) use why::explained;

/// What this process shows to the others of its cluster, and asks of them; by default nothing.
///
/// ```
/// use dask_dist::Security;
/// let security = Security::default().token("correct horse battery staple")?;
/// assert!(security.has_token() && !security.encrypts());
/// assert!(!format!("{security:?}").contains("horse"));
/// assert!(Security::default().token("short").is_err());
/// # Ok::<(), dask_dist::DistError>(())
/// ```
#[derive(Clone, Default)]
pub struct Security {
    secret: Option<Arc<Secret>>,
    files: Option<Arc<TlsFiles>>,
    #[cfg(feature = "tls")]
    tls: Option<Arc<Tls>>,
    /// Without either, others than this machine may connect all the same.
    is_open: bool,
}

/// Where certificates are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Of the authorities that sign for this cluster.
    pub(crate) ca: PathBuf,
    /// This process's own, with those between it and the authority.
    pub(crate) cert: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Security {
    /// With nothing, and yet where others than this machine can connect: for networks on which everybody may run programs
    /// as this user. Without it such an address is refused to those who listen.
    ///
    /// ```
    /// # use dask_dist::{LocalCluster, Security};
    /// let open = || LocalCluster::builder().workers(1).listen("tcp://0.0.0.0:0".parse().unwrap());
    /// assert!(open().start().err().unwrap().to_string().contains("Security::insecure"));
    /// assert!(open().security(Security::insecure()).start().is_ok());
    /// ```
    pub fn insecure() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// With a token: at least 16 bytes that nobody guesses.
    ///
    /// # Errors
    /// A token that is too short.
    pub fn token(self, token: &str) -> Result<Self, DistError> {
        Ok(Self { secret: Some(Arc::new(Secret::new(token, "the token")?)), ..self })
    }

    /// With the token in a file, without the white space around it.
    ///
    /// # Errors
    /// A file that cannot be read, that everybody can read, or whose token is too short.
    pub fn token_file(self, path: impl AsRef<Path>) -> Result<Self, DistError> {
        Ok(Self { secret: Some(Arc::new(Secret::read(path.as_ref())?)), ..self })
    }

    /// With a token of 256 random bits, for processes that are started from here.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> Result<Self, DistError> {
        Ok(Self { secret: Some(Arc::new(Secret::random()?)), ..Self::default() })
    }

    /// With TLS: the authorities' certificates, this process's certificate and its private key, as PEM files.
    ///
    /// # Errors
    /// Files that cannot be read or are something else; a certificate that has expired, is not signed by the authority
    /// or does not fit the key; a build without the feature `tls`.
    pub fn tls(self, ca: impl AsRef<Path>, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, DistError> {
        let of = |path: &Path| path.to_path_buf();
        self.with_files(TlsFiles { ca: of(ca.as_ref()), cert: of(cert.as_ref()), key: of(key.as_ref()) })
    }

    #[cfg(feature = "tls")]
    fn with_files(self, files: TlsFiles) -> Result<Self, DistError> {
        let tls = Some(Arc::new(Tls::load(&files)?));
        Ok(Self { files: Some(Arc::new(files)), tls, ..self })
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn with_files(self, files: TlsFiles) -> Result<Self, DistError> {
        let what = files.cert.display().to_string();
        Err(DistError::BadSecurity {
            what,
            why: "this build has no TLS: use the feature `tls` of dask-dist".to_owned(),
        })
    }

    /// Whether others must know a token.
    pub fn has_token(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether every connection over a network is encrypted, and certificates are asked for.
    pub fn encrypts(&self) -> bool {
        self.files.is_some()
    }

    /// Whether strangers are kept out.
    pub fn is_guarded(&self) -> bool {
        self.has_token() || self.encrypts()
    }

    /// Whether others than this machine may connect: somebody keeps strangers out, or nobody is to.
    pub(crate) fn lets_others_reach(&self, is_guarded: bool, address: SocketAddr) -> bool {
        is_guarded || self.is_open || address.ip().to_canonical().is_loopback()
    }

    /// What shows that this process knows the token, if it has one.
    pub(crate) fn proof(&self, side: Side, client: &Nonce, server: &Nonce) -> Option<Proof> {
        self.secret.as_ref().map(|secret| secret.proof(side, client, server))
    }

    /// Whether the other side knows the token. False without one.
    pub(crate) fn is_proved(&self, proof: &Proof, side: Side, client: &Nonce, server: &Nonce) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.is_proved(proof, side, client, server))
    }

    /// Whether somebody knows the token itself, which takes as long whatever is wrong. False without one.
    #[cfg(feature = "dashboard")]
    pub(crate) fn is_token(&self, text: &[u8]) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.is(text))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn get_tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("token", &self.has_token())
            .field("tls", &self.files)
            .field("is_open", &self.is_open)
            .finish()
    }
}

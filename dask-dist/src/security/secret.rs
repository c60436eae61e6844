//! A secret, and how it is proved without being told.

use std::fmt::Write;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::DistError;

/// Fewer bytes are guessed.
const LEN_MIN: usize = 16;
/// More are another file.
const LEN_MAX: u64 = 4096;

const NONCE_LEN: usize = 32;
const PROOF_LEN: usize = 32;
/// A number used once.
pub(crate) type Nonce = [u8; NONCE_LEN];
/// That somebody knows the secret.
pub(crate) type Proof = [u8; PROOF_LEN];

/// Who proves: what one side has said is of no use to the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    /// It connects.
    Client,
    /// It listens.
    Server,
}

/// Bytes that are never printed.
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn new(text: &str, what: &str) -> Result<Self, DistError> {
        let text = text.trim();
        if text.len() < LEN_MIN {
            let why = format!("a token of {} bytes is guessed: use at least {LEN_MIN}, random ones", text.len());
            return Err(DistError::BadSecurity { what: what.to_owned(), why });
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    pub(super) fn read(path: &Path) -> Result<Self, DistError> {
        let what = format!("the token file {}", path.display());
        let bad = |why: String| DistError::BadSecurity { what: what.clone(), why };
        let about = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?;
        if LEN_MAX < about.len() {
            return Err(bad(format!("{} bytes are no token: at most {LEN_MAX}", about.len())));
        }
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o007 != 0 {
            return Err(bad("everybody on this machine can read it: chmod 600".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        Self::new(&text, &what)
    }

    pub(super) fn random() -> Result<Self, DistError> {
        let text = fresh_nonce()?.iter().fold(String::new(), |mut text, byte| {
            // Writing into a text does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Self(text.into_bytes()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn mac(&self, side: Side, client: &Nonce, server: &Nonce) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(match side {
            Side::Client => b"dask-rs token: I connect ",
            Side::Server => b"dask-rs token: I listen  ",
        });
        mac.update(client);
        mac.update(server);
        mac
    }

    pub(super) fn proof(&self, side: Side, client: &Nonce, server: &Nonce) -> Proof {
        self.mac(side, client, server).finalize().into_bytes().into()
    }

    pub(super) fn is_proved(&self, proof: &Proof, side: Side, client: &Nonce, server: &Nonce) -> bool {
        self.mac(side, client, server).verify_slice(proof).is_ok()
    }

    /// Compares in a time that does not depend on where they differ.
    #[cfg(feature = "dashboard")]
    pub(super) fn is(&self, text: &[u8]) -> bool {
        let of = |bytes: &[u8]| Self(bytes.to_vec()).proof(Side::Client, &[0; NONCE_LEN], &[0; NONCE_LEN]);
        self.is_proved(&of(text), Side::Client, &[0; NONCE_LEN], &[0; NONCE_LEN])
    }
}

/// Random bytes.
pub(crate) fn fresh_nonce() -> Result<Nonce, DistError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|error| DistError::Other(format!("no random numbers: {error}")))?;
    Ok(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_secret_can_prove_it() {
        let secret = Secret::new("0123456789abcdef\n", "it").unwrap();
        let other = Secret::new("0123456789abcdeg", "it").unwrap();
        let (mine, theirs) = (fresh_nonce().unwrap(), fresh_nonce().unwrap());
        assert_ne!(mine, theirs);
        let proof = secret.proof(Side::Client, &mine, &theirs);
        assert!(secret.is_proved(&proof, Side::Client, &mine, &theirs));
        assert!(!other.is_proved(&proof, Side::Client, &mine, &theirs));
        // Neither turned around, nor said again to somebody else.
        assert!(!secret.is_proved(&proof, Side::Server, &mine, &theirs));
        assert!(!secret.is_proved(&proof, Side::Client, &mine, &fresh_nonce().unwrap()));
    }

    #[test]
    fn proofs_are_hmac_sha256() {
        // python3: hmac.new(b"k" * 20, b"dask-rs token: I connect " + bytes(32) + b"\1" * 32, "sha256").hexdigest()
        let secret = Secret::new(&"k".repeat(20), "it").unwrap();
        let proof = secret.proof(Side::Client, &[0; 32], &[1; 32]);
        let text: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "bc0352d61c9c8b9389a498fb5bcb9aecbde82aa3891824ad841172ea2bb1b649");
    }

    #[test]
    fn a_file_that_everybody_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "0123456789abcdef0123\n").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let why = |path: &Path| Secret::read(path).err().unwrap().to_string();
        assert!(why(&path).contains("everybody on this machine can read it: chmod 600"));
        mode(0o600);
        assert_eq!(Secret::read(&path).unwrap().bytes(), b"0123456789abcdef0123");
        std::fs::write(&path, "short").unwrap();
        assert!(why(&path).contains("at least 16"));
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        assert!(why(&path).contains("5000 bytes are no token"));
        assert!(why(&folder.path().join("none")).contains("No such file"));
    }
}

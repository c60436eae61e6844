//! As text for the standard input of a worker process: neither its arguments nor its environment, which others may see.

use std::path::PathBuf;

use dask_core::wire::{Decoder, Encoder, WireError};

use super::{Security, TlsFiles};
use crate::error::DistError;

/// A token, the paths of authority, certificate and key, and whether it is open to all.
type Parts = (Option<String>, Option<(PathBuf, PathBuf, PathBuf)>, bool);

impl Security {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let token = self.secret.as_ref().map(|secret| String::from_utf8_lossy(secret.bytes()).into_owned());
        let files = self.files.as_ref().map(|files| (files.ca.clone(), files.cert.clone(), files.key.clone()));
        let parts: Parts = (token, files, self.is_open);
        let mut out = Encoder::new();
        out.serde(&parts)?;
        Ok(out.into_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, DistError> {
        let parts = Decoder::of_bytes(bytes).serde();
        let (token, files, is_open): Parts = parts.map_err(|error| DistError::Other(error.to_string()))?;
        let mut security = Self { is_open, ..Self::default() };
        if let Some(token) = token {
            security = security.token(&token)?;
        }
        match files {
            Some((ca, cert, key)) => security.with_files(TlsFiles { ca, cert, key }),
            None => Ok(security),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_on_the_other_side() {
        let random = Security::random().unwrap();
        let there = Security::from_bytes(&random.to_bytes().unwrap()).unwrap();
        assert_eq!(there.secret.unwrap().bytes(), random.secret.unwrap().bytes());
        let nothing = Security::from_bytes(&Security::default().to_bytes().unwrap()).unwrap();
        assert!(!nothing.is_guarded() && !nothing.is_open);
        assert!(Security::from_bytes(&Security::insecure().to_bytes().unwrap()).unwrap().is_open);
    }
}

//! How connections of those who look begin, where pages are encrypted.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::options::DashboardTls;
use super::serve::Opened;
use crate::error::DistError;
use crate::security::{Https, explained};
use crate::transport::Refused;

/// What an encrypted connection's bytes go through.
pub(super) type Encrypted = tokio_rustls::server::TlsStream<TcpStream>;

/// The first byte of whoever speaks TLS: a record of a handshake.
const HANDSHAKE: u8 = 0x16;

/// Bytes that are read of whoever is refused.
const SAID_MAX: u64 = 64 << 10;

/// The certificate, and whether those who look must show theirs.
pub(super) struct Tls {
    https: Https,
    asks: bool,
    refused: Refused,
}

impl Tls {
    pub(super) fn load(files: &DashboardTls) -> Result<Self, DistError> {
        let https = Https::load(&files.cert, &files.key, files.ca_file.as_deref())?;
        Ok(Self { https, asks: files.ca_file.is_some(), refused: Refused::new("dashboard") })
    }

    /// Whether whoever looks must show a certificate.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    /// Whether a browser may know this dashboard by this name.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.https.is_for(name)
    }

    /// What was opened by whoever connected; nothing if that failed. May take as long as the other side likes.
    pub(super) async fn open(&self, stream: TcpStream, from: SocketAddr) -> Option<Opened> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first != [HANDSHAKE] {
            return Some(Opened::Plain(stream));
        }
        match self.https.acceptor.accept(stream).into_fallible().await {
            Ok(stream) => {
                let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                Some(Opened::Encrypted { stream: Box::new(stream), has_certificate })
            }
            Err((error, mut stream)) => {
                if let Some(why) = explained(&error) {
                    self.refused.tell(&DistError::Untrusted { address: from.to_string(), why });
                }
                // What it still says is read, or it would lose the refusal.
                let _ = stream.shutdown().await;
                let _ = tokio::io::copy(&mut stream.take(SAID_MAX), &mut tokio::io::sink()).await;
                None
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests;

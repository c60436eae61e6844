//! A socket, plain or encrypted.

use tokio::net::TcpStream;

use super::{CommSettings, Hello};
use crate::error::DistError;
use crate::wire::handshake;

/// What bytes go through.
pub(super) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::TlsStream<TcpStream>>),
}

impl Stream {
    /// The side that connects.
    pub(super) async fn to(socket: TcpStream, settings: &CommSettings, address: &str) -> Result<Self, DistError> {
        #[cfg(feature = "tls")]
        if let Some(tls) = settings.security.get_tls() {
            return encrypted::connect(socket, tls, settings, address).await;
        }
        let _ = (settings, address);
        Ok(Self::Plain(socket))
    }

    /// The side that listens.
    pub(super) async fn from(socket: TcpStream, settings: &CommSettings, address: &str) -> Result<Self, DistError> {
        #[cfg(feature = "tls")]
        if let Some(tls) = settings.security.get_tls() {
            return encrypted::accept(socket, tls, settings, address).await;
        }
        let _ = (settings, address);
        Ok(Self::Plain(socket))
    }

    pub(super) async fn greet(
        &mut self,
        hello: Hello,
        settings: &CommSettings,
        address: &str,
    ) -> Result<Hello, DistError> {
        match self {
            Self::Plain(socket) => handshake::greet(socket, hello, settings, address).await,
            #[cfg(feature = "tls")]
            Self::Tls(socket) => {
                let met = handshake::greet(&mut **socket, hello, settings, address).await;
                met.map_err(|error| blamed(settings, error))
            }
        }
    }

    pub(super) async fn answer(
        &mut self,
        hello: Hello,
        settings: &CommSettings,
        address: &str,
    ) -> Result<Hello, DistError> {
        match self {
            Self::Plain(socket) => handshake::answer(socket, hello, settings, address).await,
            #[cfg(feature = "tls")]
            Self::Tls(socket) => {
                let met = handshake::answer(&mut **socket, hello, settings, address).await;
                met.map_err(|error| blamed(settings, error))
            }
        }
    }
}

/// With what is wrong with the certificate of this process, if that is why.
#[cfg(feature = "tls")]
fn blamed(settings: &CommSettings, error: DistError) -> DistError {
    match settings.security.get_tls() {
        Some(tls) => tls.blame(error),
        None => error,
    }
}

#[cfg(feature = "tls")]
mod encrypted {
    use std::io;

    use rustls::pki_types::{DnsName, ServerName};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;
    use tokio::time::timeout;
    use tokio_rustls::TlsStream;

    use super::{CommSettings, DistError, Stream};
    use crate::security::{Tls, explained};
    use crate::wire::handshake;

    fn failed(error: &io::Error, address: &str) -> DistError {
        let address = address.to_owned();
        if let Some(why) = explained(error) {
            return DistError::Untrusted { address, why };
        }
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ended the connection before it was encrypted".to_owned(),
            _ => error.to_string(),
        };
        DistError::Cut { address, why }
    }

    fn late(settings: &CommSettings, address: &str) -> DistError {
        let what = "the handshake of TLS";
        DistError::Timeout { address: address.to_owned(), what, after: settings.handshake_timeout }
    }

    pub(super) async fn connect(
        socket: TcpStream,
        tls: &Tls,
        settings: &CommSettings,
        address: &str,
    ) -> Result<Stream, DistError> {
        // Nobody looks at the name: see `security`.
        let name = DnsName::try_from("dask").map_err(|error| DistError::Other(error.to_string()))?;
        let talk = tls.connector.connect(ServerName::DnsName(name), socket);
        let socket = timeout(settings.handshake_timeout, talk).await.map_err(|_| late(settings, address))?;
        let socket = socket.map_err(|error| tls.blame(failed(&error, address)))?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(socket))))
    }

    pub(super) async fn accept(
        mut socket: TcpStream,
        tls: &Tls,
        settings: &CommSettings,
        address: &str,
    ) -> Result<Stream, DistError> {
        let talk = async {
            let mut first = [0; 3];
            let n = socket.peek(&mut first).await.map_err(|error| failed(&error, address))?;
            if first[..n].first().is_some_and(|&byte| byte != 0x16) {
                let why =
                    "it does not speak TLS, which is needed here: give it `--tls-ca-file`, `--tls-cert`, `--tls-key`";
                let error = DistError::Untrusted { address: address.to_owned(), why: why.to_owned() };
                handshake::refuse(&mut socket, &error, address).await;
                // What it has said is read, or it would lose the refusal.
                let mut rest = (&mut socket).take(settings.greeting_bytes_max.into());
                let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
                return Err(error);
            }
            tls.acceptor.accept(socket).await.map_err(|error| tls.blame(failed(&error, address)))
        };
        let socket = timeout(settings.handshake_timeout, talk).await.map_err(|_| late(settings, address))??;
        Ok(Stream::Tls(Box::new(TlsStream::Server(socket))))
    }
}

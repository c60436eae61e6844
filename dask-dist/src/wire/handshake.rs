//! The first words: who is there, which protocol, which build.

use dask_core::Token;
use dask_core::wire::Encoder;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::frame::decode;
use super::limits::CommSettings;
use crate::error::DistError;

/// What both sides must speak; counted up with every change of messages.
pub const PROTOCOL: u32 = 2;

const MAGIC: [u8; 8] = *b"dask-rs\n";

/// What somebody is to the one it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The scheduler.
    Scheduler,
    /// A worker, to the scheduler.
    Worker,
    /// A client, to the scheduler.
    Client,
    /// A worker or a client, to a worker: it wants data.
    Peer,
}

/// How somebody introduces itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// What it is.
    pub role: Role,
    /// Its executable: closures travel only between equal ones.
    pub build: Token,
    /// More, by role: a worker's `WorkerHello`.
    pub about: Vec<u8>,
}

impl Hello {
    /// Of this process.
    pub fn new(role: Role) -> Self {
        Self { role, build: dask_core::wire::local::build_id(), about: Vec::new() }
    }

    /// With more to say, encoded by the codec.
    ///
    /// # Errors
    /// What cannot be encoded.
    pub fn with_about<T: Serialize>(mut self, about: &T) -> Result<Self, DistError> {
        let mut out = Encoder::new();
        out.serde(about).map_err(|error| DistError::Other(error.to_string()))?;
        self.about = out.into_bytes();
        Ok(self)
    }

    /// What was said with [`with_about`](Hello::with_about).
    ///
    /// # Errors
    /// Malformed bytes.
    pub fn about<T: serde::de::DeserializeOwned>(&self, address: &str) -> Result<T, DistError> {
        decode(&self.about, address)
    }
}

#[derive(Serialize, Deserialize)]
enum Greeting {
    Hello(Hello),
    Refused(String),
}

async fn send<S: AsyncWrite + Unpin>(socket: &mut S, greeting: &Greeting, address: &str) -> Result<(), DistError> {
    let mut out = Encoder::new();
    out.serde(greeting).map_err(|error| DistError::Other(error.to_string()))?;
    let payload = out.into_bytes();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&PROTOCOL.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&payload);
    let cut = |error: std::io::Error| DistError::Cut { address: address.to_owned(), why: error.to_string() };
    socket.write_all(&bytes).await.map_err(cut)?;
    socket.flush().await.map_err(cut)
}

async fn receive<S: AsyncRead + Unpin>(
    socket: &mut S,
    settings: &CommSettings,
    address: &str,
) -> Result<Greeting, DistError> {
    let cut = |error: std::io::Error| DistError::Cut { address: address.to_owned(), why: error.to_string() };
    let mut start = [0; 16];
    // Enough to tell what is there, so that something that speaks less is told at once.
    socket.read_exact(&mut start[..4]).await.map_err(cut)?;
    if start[..4] != MAGIC[..4] {
        let found = match &start[..4] {
            b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"HTTP" => "it speaks HTTP".to_owned(),
            [0x16, 3, ..] => "it speaks TLS".to_owned(),
            other => format!("it begins with the bytes {other:02x?}"),
        };
        return Err(DistError::NotDask { address: address.to_owned(), found });
    }
    socket.read_exact(&mut start[4..]).await.map_err(cut)?;
    if start[..8] != MAGIC {
        return Err(DistError::NotDask {
            address: address.to_owned(),
            found: "it begins with another magic".to_owned(),
        });
    }
    let word = |at: usize| u32::from_le_bytes([start[at], start[at + 1], start[at + 2], start[at + 3]]);
    let (theirs, len) = (word(8), word(12));
    if theirs != PROTOCOL {
        let why = format!("it speaks protocol {theirs}, this program {PROTOCOL}: use the same version everywhere");
        return Err(DistError::Refused { address: address.to_owned(), why });
    }
    if settings.greeting_bytes_max < len {
        let (found, limit) = (u64::from(len), u64::from(settings.greeting_bytes_max));
        return Err(DistError::Limit { address: address.to_owned(), what: "a greeting", found, limit });
    }
    // Memory grows as bytes arrive: whoever is there has not been accepted yet.
    let mut payload = Vec::new();
    (&mut *socket).take(len.into()).read_to_end(&mut payload).await.map_err(cut)?;
    if payload.len() < len as usize {
        return Err(cut(std::io::ErrorKind::UnexpectedEof.into()));
    }
    decode(&payload, address)
}

/// Speaks first; what the other side says of itself.
///
/// # Errors
/// Another protocol, a refusal, silence.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    hello: Hello,
    settings: &CommSettings,
    address: &str,
) -> Result<Hello, DistError> {
    let talk = async {
        send(socket, &Greeting::Hello(hello), address).await?;
        match receive(socket, settings, address).await? {
            Greeting::Hello(hello) => Ok(hello),
            Greeting::Refused(why) => Err(DistError::Refused { address: address.to_owned(), why }),
        }
    };
    within(talk, settings, address).await
}

/// Answers; refusals are told to the other side.
///
/// # Errors
/// As [`greet`].
pub async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    hello: Hello,
    settings: &CommSettings,
    address: &str,
) -> Result<Hello, DistError> {
    let talk = async {
        match receive(socket, settings, address).await {
            Ok(Greeting::Hello(theirs)) => {
                send(socket, &Greeting::Hello(hello), address).await?;
                Ok(theirs)
            }
            Ok(Greeting::Refused(why)) => Err(DistError::Refused { address: address.to_owned(), why }),
            Err(error) => {
                if let DistError::NotDask { found, .. } = &error
                    && found.contains("HTTP")
                {
                    let text = "HTTP/1.0 400 Bad Request\r\n\r\nthis port speaks dask's own protocol, not HTTP\n";
                    drop(socket.write_all(text.as_bytes()).await);
                } else if !matches!(error, DistError::Cut { .. }) {
                    drop(send(socket, &Greeting::Refused(error.to_string()), address).await);
                }
                Err(error)
            }
        }
    };
    within(talk, settings, address).await
}

async fn within<T>(
    talk: impl Future<Output = Result<T, DistError>>,
    settings: &CommSettings,
    address: &str,
) -> Result<T, DistError> {
    let after = settings.handshake_timeout;
    let late = |_| DistError::Timeout { address: address.to_owned(), what: "the handshake", after };
    tokio::time::timeout(after, talk).await.map_err(late)?
}

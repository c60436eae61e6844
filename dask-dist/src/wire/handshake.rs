//! The first words: who is there, which protocol, which build.

use dask_core::Token;
use dask_core::wire::Encoder;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::frame::decode;
use super::limits::{CommSettings, STRANGER_BYTES_MAX};
use crate::error::DistError;
use crate::security::{Nonce, Proof, Security, Side, fresh_nonce};

/// What both sides must speak; counted up with every change of messages.
pub const PROTOCOL: u32 = 6;

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
    /// A number that the other side's proof must contain.
    Challenge(Nonce),
    /// That it knows the token.
    Proof(Proof),
}

impl Greeting {
    fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "a greeting",
            Self::Refused(_) => "a refusal",
            Self::Challenge(_) => "a challenge",
            Self::Proof(_) => "a proof",
        }
    }
}

fn unexpected(greeting: &Greeting, address: &str) -> DistError {
    DistError::Malformed { address: address.to_owned(), why: format!("{} out of turn", greeting.name()) }
}

/// What the system says, or what TLS does through it.
fn failed(error: &std::io::Error, address: &str) -> DistError {
    let address = address.to_owned();
    #[cfg(feature = "tls")]
    if let Some(why) = crate::security::explained(error) {
        return DistError::Untrusted { address, why };
    }
    DistError::Cut { address, why: error.to_string() }
}

async fn send<S: AsyncWrite + Unpin>(socket: &mut S, greeting: &Greeting, address: &str) -> Result<(), DistError> {
    let mut out = Encoder::new();
    out.serde(greeting).map_err(|error| DistError::Other(error.to_string()))?;
    let payload = out.into_bytes();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&PROTOCOL.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&payload);
    let cut = |error: std::io::Error| failed(&error, address);
    socket.write_all(&bytes).await.map_err(cut)?;
    socket.flush().await.map_err(cut)
}

async fn receive<S: AsyncRead + Unpin>(socket: &mut S, limit: u32, address: &str) -> Result<Greeting, DistError> {
    let cut = |error: std::io::Error| failed(&error, address);
    let mut start = [0; 16];
    // Enough to tell what is there, so that something that speaks less is told at once.
    socket.read_exact(&mut start[..4]).await.map_err(cut)?;
    if start[..4] != MAGIC[..4] {
        let found = match &start[..4] {
            b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"HTTP" => "it speaks HTTP".to_owned(),
            [0x15 | 0x16, 3, ..] => "it speaks TLS: give certificates here too, or none there".to_owned(),
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
    if limit < len {
        let (found, limit) = (u64::from(len), u64::from(limit));
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
        if settings.security.has_token() {
            prove(socket, &settings.security, address).await?;
        }
        send(socket, &Greeting::Hello(hello), address).await?;
        match heard(socket, settings.greeting_bytes_max, address).await? {
            Greeting::Hello(hello) => Ok(hello),
            other => Err(unexpected(&other, address)),
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
        match hear_out(socket, settings, address).await {
            Ok(theirs) => {
                send(socket, &Greeting::Hello(hello), address).await?;
                Ok(theirs)
            }
            Err(error) => {
                refuse(socket, &error, address).await;
                Err(error)
            }
        }
    };
    within(talk, settings, address).await
}

/// Tells the other side why it is refused, in the language it seems to speak.
pub(crate) async fn refuse<S: AsyncWrite + Unpin>(socket: &mut S, error: &DistError, address: &str) {
    match error {
        DistError::Cut { .. } => {}
        DistError::NotDask { found, .. } if found.contains("HTTP") => {
            let text = "HTTP/1.0 400 Bad Request\r\n\r\nthis port speaks dask's own protocol, not HTTP\n";
            drop(socket.write_all(text.as_bytes()).await);
        }
        DistError::Untrusted { why, .. } => drop(send(socket, &Greeting::Refused(why.clone()), address).await),
        other => drop(send(socket, &Greeting::Refused(other.to_string()), address).await),
    }
}

/// As [`receive`]; a refusal is an error.
async fn heard<S: AsyncRead + Unpin>(socket: &mut S, limit: u32, address: &str) -> Result<Greeting, DistError> {
    match receive(socket, limit, address).await? {
        Greeting::Refused(why) => Err(DistError::Refused { address: address.to_owned(), why }),
        other => Ok(other),
    }
}

/// Of a refusal, which comes instead of what is due, that much is read.
const REFUSAL_BYTES_MAX: u32 = 4096;

/// The side that connects: shows that it knows the token, and sees that the other side does.
async fn prove<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    security: &Security,
    address: &str,
) -> Result<(), DistError> {
    let mine = fresh_nonce()?;
    send(socket, &Greeting::Challenge(mine), address).await?;
    let theirs = match heard(socket, REFUSAL_BYTES_MAX, address).await? {
        Greeting::Challenge(theirs) => theirs,
        other => return Err(unexpected(&other, address)),
    };
    if let Some(proof) = security.proof(Side::Client, &mine, &theirs) {
        send(socket, &Greeting::Proof(proof), address).await?;
    }
    match heard(socket, REFUSAL_BYTES_MAX, address).await? {
        Greeting::Proof(proof) if security.is_proved(&proof, Side::Server, &mine, &theirs) => Ok(()),
        Greeting::Proof(_) => {
            Err(DistError::Untrusted { address: address.to_owned(), why: "it has another token".to_owned() })
        }
        other => Err(unexpected(&other, address)),
    }
}

/// The side that listens: what the other says of itself, once it has shown that it knows the token, if there is one.
async fn hear_out<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    settings: &CommSettings,
    address: &str,
) -> Result<Hello, DistError> {
    let security = &settings.security;
    if security.has_token() {
        see_proof(socket, settings, address).await?;
    }
    match heard(socket, settings.greeting_bytes_max, address).await? {
        Greeting::Hello(theirs) => Ok(theirs),
        Greeting::Challenge(_) if !security.has_token() => {
            let why = "one side has a token and the other has none: start both with the same `--token-file`";
            Err(DistError::Untrusted { address: address.to_owned(), why: why.to_owned() })
        }
        other => Err(unexpected(&other, address)),
    }
}

async fn see_proof<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    settings: &CommSettings,
    address: &str,
) -> Result<(), DistError> {
    let security = &settings.security;
    let untrusted = |why: &str| Err(DistError::Untrusted { address: address.to_owned(), why: why.to_owned() });
    let needed =
        "a token is needed: give it as `--token-file`, `distributed.comm.token-file` or `Security::token_file`";
    let theirs = match receive(socket, STRANGER_BYTES_MAX, address).await {
        Ok(Greeting::Challenge(theirs)) => theirs,
        Ok(Greeting::Refused(why)) => return Err(DistError::Refused { address: address.to_owned(), why }),
        Ok(_) => return untrusted(needed),
        Err(DistError::Limit { found, .. }) if found <= settings.greeting_bytes_max.into() => {
            // Read and forgotten: a connection that is closed with something unread loses the refusal.
            let mut rest = (&mut *socket).take(found);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map_err(|error| failed(&error, address))?;
            return untrusted(needed);
        }
        Err(error) => return Err(error),
    };
    let mine = fresh_nonce()?;
    send(socket, &Greeting::Challenge(mine), address).await?;
    match receive(socket, STRANGER_BYTES_MAX, address).await? {
        Greeting::Proof(proof) if security.is_proved(&proof, Side::Client, &theirs, &mine) => {}
        Greeting::Proof(_) => return untrusted("the token is another"),
        other => return Err(unexpected(&other, address)),
    }
    match security.proof(Side::Server, &theirs, &mine) {
        Some(proof) => send(socket, &Greeting::Proof(proof), address).await,
        None => Ok(()),
    }
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

//! What a peer may ask for, and how long it may take.

use std::time::Duration;

use crate::security::Security;

/// Limits and patience of connections. Every limit is checked before memory is taken, and memory is taken as bytes
/// arrive: a forged length costs at most [`STEP`] bytes of address space.
///
/// ```
/// use std::time::Duration;
/// use dask_dist::transport::CommSettings;
/// let patient = CommSettings { stall_timeout: Duration::from_secs(600), ..CommSettings::default() };
/// assert_eq!(patient.greeting_bytes_max, CommSettings::default().greeting_bytes_max);
/// ```
#[derive(Clone, Debug)]
pub struct CommSettings {
    /// To establish a connection, retries included. 30 s by default.
    pub connect_timeout: Duration,
    /// For the greeting, from the first byte to the last. 10 s by default.
    pub handshake_timeout: Duration,
    /// Bytes of a greeting; 1 MiB by default, which lets a worker that comes back name some 50,000 values it holds.
    pub greeting_bytes_max: u32,
    /// Bytes of the messages of one frame, and of its table of attachments; 256 MiB by default, 64 MiB for what a
    /// scheduler receives. Decoded, they take at most some thirty times that.
    pub head_bytes_max: u32,
    /// Messages of one frame; 67,108,864 by default, 1,048,576 for what a scheduler receives.
    pub messages_max: u64,
    /// Attachments of one frame, and buffers of all of them; 1,048,576 by default.
    pub parts_max: u32,
    /// Bytes of all attachments of one frame; 256 GiB by default, 16 GiB for what a scheduler receives.
    pub attachment_bytes_max: u64,
    /// Bytes that wait for a peer that does not read; beyond it, the connection is cut. 4 GiB by default. A single
    /// batch that is larger still goes if nothing waits before it. 1 GiB for a scheduler.
    pub queued_bytes_max: u64,
    /// Received bytes, and those of the decoded messages, that nobody has taken yet; beyond it, reading pauses, and so
    /// does the sender. 256 MiB by default, one frame more at most.
    pub unread_bytes_max: u64,
    /// Once a frame has begun, at least [`PROGRESS`] bytes (or its end) must come in this time, and a peer must take at
    /// least one byte of what is sent. 60 s by default.
    pub stall_timeout: Duration,
    /// After so much silence the system asks whether the other machine is there; after three more such times without
    /// an answer the connection is cut. 15 s by default.
    pub keepalive: Duration,
    /// What others must show, and what is shown to them. Nothing by default.
    pub security: Security,
}

impl Default for CommSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            greeting_bytes_max: 1 << 20,
            head_bytes_max: 256 << 20,
            messages_max: 1 << 26,
            parts_max: 1 << 20,
            attachment_bytes_max: 1 << 38,
            queued_bytes_max: 4 << 30,
            unread_bytes_max: 256 << 20,
            stall_timeout: Duration::from_secs(60),
            keepalive: Duration::from_secs(15),
            security: Security::default(),
        }
    }
}

impl CommSettings {
    /// Stricter limits, of a scheduler: it receives messages and functions, not values, and all depend on it.
    #[must_use]
    pub fn of_scheduler(self) -> Self {
        Self {
            head_bytes_max: self.head_bytes_max.min(64 << 20),
            messages_max: self.messages_max.min(1 << 20),
            attachment_bytes_max: self.attachment_bytes_max.min(16 << 30),
            queued_bytes_max: self.queued_bytes_max.min(1 << 30),
            ..self
        }
    }
}

/// Address space for a block is taken at once up to this size; the system backs only what is written, so a forged
/// length costs nothing. Larger blocks double as bytes arrive, which may move them.
pub const STEP: usize = 1 << 30;

/// Bytes of a greeting of somebody who has not proved that it knows the token.
pub const STRANGER_BYTES_MAX: u32 = 256;

/// Of a frame, so many bytes must arrive within [`CommSettings::stall_timeout`].
pub const PROGRESS: u64 = 1 << 20;

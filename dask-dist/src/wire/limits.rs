//! What a peer may ask for.

use std::time::Duration;

/// Limits and patience of connections.
#[derive(Clone, Debug)]
pub struct CommSettings {
    /// To establish a connection, retries included.
    pub connect_timeout: Duration,
    /// For the greeting, from the first byte to the last.
    pub handshake_timeout: Duration,
    /// Bytes of a greeting.
    pub greeting_bytes_max: u32,
    /// Bytes of the messages of one frame, without attachments.
    pub head_bytes_max: u32,
    /// Bytes of one attachment.
    pub attachment_bytes_max: u64,
    /// Bytes that wait for a peer that does not read; beyond it, the connection is cut.
    pub queued_bytes_max: u64,
    /// Once a frame has begun, silence for so long cuts the connection.
    pub stall_timeout: Duration,
}

impl Default for CommSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            greeting_bytes_max: 64 << 10,
            head_bytes_max: 1 << 30,
            attachment_bytes_max: 1 << 38,
            queued_bytes_max: 16 << 30,
            stall_timeout: Duration::from_secs(60),
        }
    }
}

/// Memory is taken in steps of so many bytes, as they arrive: a forged length costs nothing.
pub(crate) const STEP: usize = 4 << 20;

//! Messages as bytes: frames, the handshake, and what a peer may ask for.
//!
//! ```text
//! handshake, each side:  magic (8) · length u32 · greeting
//! then frames:           head length u32 · table length u32 · head · table · for each attachment: in-line bytes, buffers
//! farewell:              head length 0 · table length u32::MAX
//! ```
//! The head is the list of messages; the table says for each attachment its type, and how many bytes follow. All
//! integers are little-endian. Bulk is written from where it is and read to where it stays.

pub mod frame;
pub mod handshake;
pub mod limits;

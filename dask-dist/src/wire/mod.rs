//! Messages as bytes: frames, the handshake, and what a peer may ask for.
//!
//! # Reasoning
//!
//! ```text
//! greeting, each side:  magic (8) · protocol u32 · length u32 · Hello, or Refused; with a token, before that
//!                       → Challenge  ← Challenge  → Proof  ← Proof, each with the same beginning
//! then frames:          head length u32 · table length u32 · head · table · for each attachment: in-line bytes, buffers
//! farewell:             head length 0 · table length u32::MAX
//! ```
//! The head is the list of messages; the table says for each attachment its type, and how many bytes follow in line and
//! in each buffer. All integers outside of head and table are little-endian; head and table are `dask_core::wire`'s codec.
//!
//! * **Bulk is not copied.** It is written from where it is (vectored writes), and each buffer is read from the socket
//!   straight into [memory of its own](aligned), which the value then keeps.
//! * **Lengths are doubted.** Each is compared with [a limit](limits) before memory is taken, and memory grows as bytes
//!   arrive.
//! * **Nothing is compressed.** Whether it would pay has not been measured; a greeting with another protocol number can
//!   introduce it.

pub mod aligned;
pub mod frame;
pub mod handshake;
pub mod limits;
pub mod outgoing;

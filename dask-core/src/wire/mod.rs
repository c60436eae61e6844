//! How functions and values travel to another process, or to disk and back.
//!
//! # Reasoning
//!
//! Three things travel: values, built-in functions, and functions of the user.
//!
//! * **Values** need no registry. Who reads a value asks for a type, and that type decodes itself
//!   ([`Data::decode`](crate::Data::decode)); until then the value is a [`Parcel`] of bytes, and the name of the type that wrote it is
//!   compared with the type that reads it. So generic types (`Vec<(String, f64)>`) travel without annotation, and
//!   what only passes through a worker is never decoded there.
//! * **Built-in functions** (and sources, sinks) are serde structs known by a stable name: [`portable!`](crate::portable)
//!   implements [`Portable`] and adds a decoder to [`REGISTRY`] at link time. A worker that never saw the user's
//!   program can run them, if the crate is linked; a crate that nobody names is not linked, hence the error
//!   [`WireError::NotLinked`].
//! * **User functions** are types of their own, which only the program knows: to a process of the same executable
//!   [`local`] sends the offset of a static descriptor from a fixed place of the image, and the receiver checks it
//!   before use. Another build of the program has the descriptor elsewhere, and is asked for it by name: what is made of
//!   `fn`s, and of closures that [`task!`](crate::task) gave a name ([`named`]), has one. It is the name of a type, so
//!   that path and signature must agree; what the function does is the receiver's affair.
//!   Captured state travels only through explicit forms (`map_with(state, f)`), encoded as a value.
//!
//! Bulk bytes go out of band as [`Buffer`]s, without copies.

mod block;
mod buffers;
mod codec;
mod image;
pub mod local;
pub mod named;
mod portable;
mod registry;
mod room;

pub use block::Block;
pub use buffers::Buffer;
pub use codec::{Decoder, Encoder, Parcel, decode_value, encode_value};
pub use portable::Portable;
pub use registry::{Entry, REGISTRY, decode_portable, encode_portable, registered_names};
pub use room::{on_huge_pages, with_room};

/// What can go wrong between two processes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A type without an encoding.
    #[error(
        "values of type {type_name} cannot leave this process: derive serde's Serialize and Deserialize and write `dask_core::data!({type_name})`, or use an in-process scheduler (sync, threads)"
    )]
    OpaqueType {
        /// The type.
        type_name: &'static str,
    },
    /// A closure that captured something.
    #[error(
        "the function {type_name} captured variables ({nbytes} bytes) and cannot leave this process: pass them as explicit state (`…_with(state, f)`), or use an in-process scheduler (sync, threads)"
    )]
    Captures {
        /// The type of the closure.
        type_name: &'static str,
        /// The size of what it captured.
        nbytes: usize,
    },
    /// An operation that this program does not have.
    #[error(
        "nothing named {name} is linked into this program: link the crate that defines it (name it with `use … as _`)"
    )]
    NotLinked {
        /// Its stable name.
        name: String,
    },
    /// Something registered under this name is of another kind.
    #[error("{name} is not a {expected}")]
    WrongKind {
        /// The stable name.
        name: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A function of another executable.
    #[error(
        "the function comes from another build of the program (build {theirs}, this is {ours}), and closures have no name to find them by: start workers from the same executable, use a `fn`, or write `task!(|…| …)`"
    )]
    OtherBuild {
        /// Their build.
        theirs: String,
        /// This build.
        ours: String,
    },
    /// A function by name that this program does not have.
    #[error(
        "this program has no function called {name}: start workers from a program that has it, with the same path and types"
    )]
    NoFunction {
        /// The name of its type.
        name: String,
    },
    /// A function by name, of which this program has several.
    #[error("this program has several functions called {name}: give them names of their own, `task!(\"name\", |…| …)`")]
    AmbiguousFunction {
        /// The name of their types.
        name: String,
    },
    /// A reference to a function that is not one.
    #[error("malformed reference to a function: {why}")]
    BadDescriptor {
        /// What did not match.
        why: &'static str,
    },
    /// Fewer bytes than expected.
    #[error("the message ends too early")]
    Truncated,
    /// More bytes than expected.
    #[error("the message has {extra} bytes too many")]
    TrailingBytes {
        /// How many.
        extra: usize,
    },
    /// What the codec said.
    #[error("malformed message: {0}")]
    Codec(String),
}

//! Blocked n-dimensional arrays over `ndarray`.
//!
//! ```
//! use dask_array::{Array, Computed};
//! use dask_core::Collection;
//! let x = Array::<f64>::ones(&[1000, 1000], &[300, 300])?;
//! let y = (&x + 1.0).sum(None, false)?;
//! assert_eq!(y.compute()?.into_scalar()?, 2_000_000.0);
//! # Ok::<(), dask_core::Error>(())
//! ```
//!
//! An array is cut into chunks along every axis; each operation says how output chunks come from input chunks, and
//! nothing runs before `compute()`. Features: `threads` (default): `.compute()` runs on threads without further ado.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod array; // Array<A>
mod assemble; // chunks put together from pieces of others: slices, rechunk
mod chunk; // Chunk<A>, the value of a task
mod chunks; // how axes are cut
mod create; // full, ranges, from memory
mod element; // element types
mod elementwise; // broadcasting, functions
mod error; // what can go wrong
mod index; // slices, integers
mod linalg; // matrix products
mod op; // every built-in operation, as it travels
mod operators; // x + y, 1.0 - x, x += y
mod random; // streams a chunk
mod rechunk; // other chunks, same array
mod reduce; // trees over axes
mod store; // from and into storage
mod transpose; // other order of axes

pub use array::{Array, Computed};
pub use chunk::Chunk;
pub use chunks::{ChunkSpec, Chunks};
pub use element::{DType, Element, Float, Scalar};
pub use error::ArrayError;
pub use index::Index;
pub use ndarray;
pub use op::{Binary, Compare, Unary};
pub use store::Stored;

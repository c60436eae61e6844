//! Bags: parallel collections of messy data, in functional style.
//!
//! ```
//! use dask_bag::Bag;
//! use dask_core::Collection;
//! let squares = Bag::from_sequence(0..10i64, 3).filter(|x| x % 2 == 0).map(|x| x * x);
//! assert_eq!(squares.compute()?, [0, 4, 16, 36, 64]);
//! assert_eq!(squares.sum().compute()?, 120);
//! # Ok::<(), dask_core::Error>(())
//! ```
//!
//! Results do not depend on how a bag is partitioned, and their order is that of the items. Features: `threads`
//! (default): `.compute()` runs on threads without further ado.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod bag; // Bag<T>, and how layers are put on it
mod create; // from sequences, sources, other bags
mod distinct; // each item once
mod fold; // reductions, by trees
mod foldby; // reductions by key, without a shuffle
mod group; // groups by key, with a shuffle
mod map; // element by element
mod moments; // count, sum, min, max, mean, var, std
mod take; // the first, the largest

pub use bag::Bag;
pub use create::Source;
pub use dask_core::Delayed as Item;

//! Data frames: partitioned tables over Arrow record batches.
//!
//! ```
//! use std::sync::Arc;
//! use dask_core::Collection;
//! use dask_frame::{DataFrame, col, lit};
//! use dask_frame::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
//!
//! let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a"]));
//! let amounts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 30]));
//! let batch = RecordBatch::try_from_iter([("name", names), ("amount", amounts)])?;
//! let frame = DataFrame::from_batches(vec![batch])?;
//! let totals = frame.filter(col("amount").gt(lit(0)))?.group_by(&["name"]).agg(&[col("amount").sum()])?;
//! assert_eq!(totals.compute()?.num_rows(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Rows are read, filtered and projected in one task a partition; a source is asked only for the columns that are
//! used. Features: `threads` (default): `.compute()` runs on threads without further ado.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod aggregate; // what is computed of a group
mod describe; // a frame as bytes, apart from its partitions
mod error; // what can go wrong
mod expr; // expressions on columns
mod frame; // DataFrame
mod group_by; // groups: partial tables, merged by trees
mod operands; // two operands as one type
mod partition; // the value of a frame's task
mod pushdown; // what a source is asked for
mod rows; // row by row: the task that reads, filters and projects
mod store; // from and into storage
mod sum; // sums of groups, type by type

pub use aggregate::{Aggregate, Aggregation};
pub use arrow_array as array;
pub use arrow_schema as schema;
pub use error::FrameError;
pub use expr::{Arithmetic, Expr, LiteralValue, col, lit};
pub use frame::DataFrame;
pub use group_by::GroupBy;
pub use partition::Partition;
pub use rows::Source;
pub use store::Sink;

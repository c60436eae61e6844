//! What can go wrong with arrays.

use crate::element::DType;

/// Every way in which an array operation refuses.
///
/// ```
/// use dask_array::{Array, ArrayError};
/// let x = Array::<f64>::zeros(&[4, 5], 2)?;
/// let error = x.sum(Some(&[2]), false).unwrap_err();
/// assert!(matches!(error, ArrayError::NoSuchAxis { axis: 2, rank: 2, .. }));
/// assert!(error.to_string().ends_with("axes count from 0, or from -1 backwards"));
/// # Ok::<(), ArrayError>(())
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// Shapes that do not broadcast.
    #[error("{operation}: shapes {left:?} and {right:?} do not broadcast: axis {axis} (from the right) is {a} and {b}")]
    Broadcast {
        /// The operation.
        operation: String,
        /// One shape.
        left: Vec<usize>,
        /// The other.
        right: Vec<usize>,
        /// Counted from the last axis, which is 0.
        axis: usize,
        /// Length in `left`.
        a: usize,
        /// Length in `right`.
        b: usize,
    },
    /// An axis that the array does not have.
    #[error("{operation}: axis {axis} of an array with {rank} axes; axes count from 0, or from -1 backwards")]
    NoSuchAxis {
        /// The operation.
        operation: &'static str,
        /// What was asked for.
        axis: isize,
        /// How many axes there are.
        rank: usize,
    },
    /// Chunks that do not make the shape.
    #[error("chunks {chunks:?} of axis {axis} add up to {sum}, the axis has {length} elements")]
    ChunksDoNotFit {
        /// The axis.
        axis: usize,
        /// Its chunks.
        chunks: Vec<usize>,
        /// Their sum.
        sum: usize,
        /// The length of the axis.
        length: usize,
    },
    /// One entry an axis was expected.
    #[error("{what}: {found} entries for an array with {rank} axes; give one an axis")]
    WrongRank {
        /// What was given.
        what: &'static str,
        /// How many entries.
        found: usize,
        /// How many axes.
        rank: usize,
    },
    /// An index outside the array.
    #[error("index {index} is outside axis {axis} of length {length}")]
    OutOfBounds {
        /// What was asked for.
        index: isize,
        /// The axis.
        axis: usize,
        /// Its length.
        length: usize,
    },
    /// A slice with a step of 0.
    #[error("the step of a slice cannot be 0 (axis {axis})")]
    ZeroStep {
        /// The axis.
        axis: usize,
    },
    /// Values of another type than the array's.
    #[error("expected chunks of {expected}, found {found}")]
    WrongDType {
        /// The array's.
        expected: DType,
        /// What came.
        found: DType,
    },
    /// Chunks that do not fit together.
    #[error("block {block:?} has shape {found:?}, expected {expected:?}")]
    WrongChunkShape {
        /// Where.
        block: Vec<u32>,
        /// What came.
        found: Vec<usize>,
        /// What was announced.
        expected: Vec<usize>,
    },
    /// A reduction of nothing that has no value for nothing.
    #[error("{operation} of no elements: axis {axis} is empty")]
    Empty {
        /// The operation.
        operation: &'static str,
        /// An empty axis.
        axis: usize,
    },
    /// An array where a single value was expected.
    #[error("expected a single value, found an array of shape {shape:?}")]
    NotScalar {
        /// The shape.
        shape: Vec<usize>,
    },
    /// More chunks than a grid can hold.
    #[error("a grid of {grid:?} chunks has more than 2^32 - 2 of them; use larger chunks")]
    TooManyChunks {
        /// How many along each axis.
        grid: Vec<usize>,
    },
    /// Another number of chunks than the grid has.
    #[error("{found} chunks for a grid of {grid:?}; give one for each position, in C order")]
    WrongCount {
        /// How many came.
        found: usize,
        /// How many there are along each axis.
        grid: Vec<u32>,
    },
    /// A range that does not end.
    #[error("a range from {start} to {stop} by {step} has no length; give finite numbers")]
    Endless {
        /// Where it starts.
        start: f64,
        /// Where it should stop.
        stop: f64,
        /// Its step.
        step: f64,
    },
}

impl From<ArrayError> for dask_core::Error {
    fn from(error: ArrayError) -> Self {
        Self::other(error)
    }
}

//! Slices, integers, and lists of positions.

use crate::Array;
use crate::assemble::{Piece, assemble};
use crate::element::Element;
use crate::error::ArrayError;

/// What is taken along one axis. Positions count from 0, or from -1 backwards.
///
/// ```
/// use dask_array::{Array, Index, ndarray::arr2};
/// use dask_core::Collection;
/// let x = Array::from_ndarray(&arr2(&[[1, 2, 3], [4, 5, 6]]), 2)?;
/// let last = x.slice(&[Index::All, Index::At(-1)])?;
/// assert_eq!(last.compute()?.as_slice(), Some(&[3, 6][..]));
/// let backwards = Index::Slice { start: None, end: None, step: -1 };
/// assert_eq!(x.slice(&[(0..1).into(), backwards])?.compute()?, arr2(&[[3, 2, 1]]).into_dyn());
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// Everything.
    All,
    /// One position; the axis is dropped.
    At(isize),
    /// From `start` up to `end` by `step`, as Python's slices: bounds outside the axis are cut to it; with a negative
    /// step it goes backwards.
    Slice {
        /// First position, by default the first there is.
        start: Option<isize>,
        /// Where to stop, by default at the end.
        end: Option<isize>,
        /// Never 0.
        step: isize,
    },
}

impl From<std::ops::Range<isize>> for Index {
    fn from(range: std::ops::Range<isize>) -> Self {
        Self::Slice { start: Some(range.start), end: Some(range.end), step: 1 }
    }
}
impl From<isize> for Index {
    fn from(at: isize) -> Self {
        Self::At(at)
    }
}
impl From<std::ops::RangeFull> for Index {
    fn from(_: std::ops::RangeFull) -> Self {
        Self::All
    }
}

impl<A: Element> Array<A> {
    /// A part of the array: one [`Index`] an axis; axes that are not mentioned are taken whole. Only the chunks that
    /// are touched are computed.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<i64>::arange(0, 10, 1, 4)?;
    /// assert_eq!(x.slice(&[(2..6).into()])?.compute()?.as_slice(), Some(&[2, 3, 4, 5][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::WrongRank`], [`ArrayError::OutOfBounds`], [`ArrayError::ZeroStep`].
    pub fn slice(&self, index: &[Index]) -> Result<Self, ArrayError> {
        let rank = self.ndim();
        if index.len() > rank {
            return Err(ArrayError::WrongRank { what: "slice", found: index.len(), rank });
        }
        let (mut axes, mut dropped) = (Vec::with_capacity(rank), Vec::new());
        for (axis, lengths) in self.chunks().axes().iter().enumerate() {
            let n: usize = lengths.iter().sum();
            axes.push(match index.get(axis).copied().unwrap_or(Index::All) {
                Index::All => slice_pieces(lengths, 0, n, 1),
                Index::At(at) => {
                    dropped.push(axis);
                    let at = position(at, axis, n)?;
                    slice_pieces(lengths, at, at + 1, 1)
                }
                Index::Slice { step: 0, .. } => return Err(ArrayError::ZeroStep { axis }),
                Index::Slice { start, end, step } => {
                    let (low, high) = bounds(start, end, step, n);
                    slice_pieces(lengths, low, high, step)
                }
            });
        }
        Ok(assemble(self, "slice", axes, dropped))
    }

    /// The elements at these positions along one axis, in this order.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<i64>::arange(0, 50, 10, 2)?;
    /// assert_eq!(x.take(&[-1, 0, 0], 0)?.compute()?.as_slice(), Some(&[40, 0, 0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::NoSuchAxis`], [`ArrayError::OutOfBounds`].
    pub fn take(&self, positions: &[isize], axis: isize) -> Result<Self, ArrayError> {
        let axis = self.axis("take", axis)?;
        let mut axes: Vec<Vec<Vec<Piece>>> =
            self.chunks().axes().iter().map(|lengths| slice_pieces(lengths, 0, lengths.iter().sum(), 1)).collect();
        let lengths = &self.chunks().axes()[axis];
        let n: usize = lengths.iter().sum();
        let ends: Vec<usize> = lengths
            .iter()
            .scan(0, |end, n| {
                *end += n;
                Some(*end)
            })
            .collect();
        let size = n.div_ceil(lengths.len()).max(1);
        let pieces = |positions: &[isize]| {
            positions
                .iter()
                .map(|&at| {
                    let at = position(at, axis, n)?;
                    let block = ends.partition_point(|&end| end <= at);
                    let start = at - (ends[block] - lengths[block]);
                    Ok(Piece { block: block as u32, start, end: start + 1, step: 1 })
                })
                .collect()
        };
        axes[axis] = if positions.is_empty() {
            vec![vec![Piece { block: 0, start: 0, end: 0, step: 1 }]]
        } else {
            positions.chunks(size).map(pieces).collect::<Result<_, ArrayError>>()?
        };
        Ok(assemble(self, "take", axes, Vec::new()))
    }
}

fn position(at: isize, axis: usize, n: usize) -> Result<usize, ArrayError> {
    let found = if at < 0 { at + n as isize } else { at };
    if (0..n as isize).contains(&found) {
        Ok(found as usize)
    } else {
        Err(ArrayError::OutOfBounds { index: at, axis, length: n })
    }
}

/// The range of positions that a Python slice walks, so that stepping from its start (from its last element if the
/// step is negative) meets them all.
fn bounds(start: Option<isize>, end: Option<isize>, step: isize, n: usize) -> (usize, usize) {
    let n = n as isize;
    let cut = |at: isize, low: isize, high: isize| (if at < 0 { at + n } else { at }).clamp(low, high);
    if step > 0 {
        let (low, high) = (start.map_or(0, |at| cut(at, 0, n)), end.map_or(n, |at| cut(at, 0, n)));
        (low as usize, high.max(low) as usize)
    } else {
        let (first, stop) = (start.map_or(n - 1, |at| cut(at, -1, n - 1)), end.map_or(-1, |at| cut(at, -1, n - 1)));
        ((stop + 1) as usize, (first + 1).max(stop + 1) as usize)
    }
}

/// Cuts the walk at the borders of chunks: one output chunk for each input chunk that is met.
fn slice_pieces(lengths: &[usize], low: usize, high: usize, step: isize) -> Vec<Vec<Piece>> {
    let by = step.unsigned_abs();
    let mut pieces = Vec::new();
    let mut offset = 0;
    for (block, &n) in lengths.iter().enumerate() {
        let (from, to) = (low.max(offset), high.min(offset + n));
        if from < to {
            let (start, end) = if step > 0 {
                // The first position of the walk that is not before this chunk.
                (low + (from - low).div_ceil(by) * by, to)
            } else {
                // Walking down from `high - 1`: the first position that is not after this chunk.
                let Some(last) = (high - 1).checked_sub((high - to).div_ceil(by) * by) else {
                    offset += n;
                    continue;
                };
                (from, last + 1)
            };
            if start < end && start < to {
                pieces.push(vec![Piece { block: block as u32, start: start - offset, end: end - offset, step }]);
            }
        }
        offset += n;
    }
    if step < 0 {
        pieces.reverse();
    }
    if pieces.is_empty() {
        pieces.push(vec![Piece { block: 0, start: 0, end: 0, step: 1 }]);
    }
    pieces
}

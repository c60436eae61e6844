//! The same array, cut in another way.

use crate::Array;
use crate::assemble::{Piece, assemble};
use crate::chunks::{ChunkSpec, Chunks};
use crate::element::Element;
use crate::error::ArrayError;

impl<A: Element> Array<A> {
    /// The same array in other chunks: each new chunk is put together from those it overlaps.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::ones(&[4, 6], &[4, 1])?;
    /// let y = x.rechunk(&[2, 3])?;
    /// assert_eq!((x.grid(), y.grid()), (vec![1, 6], vec![2, 2]));
    /// assert_eq!(x.compute()?, y.compute()?);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn rechunk(&self, chunks: impl Into<ChunkSpec>) -> Result<Self, ArrayError> {
        let wanted = Chunks::new(&chunks.into(), &self.shape(), size_of::<A>())?;
        if &wanted == self.chunks() {
            return Ok(self.clone());
        }
        let axes = self.chunks().axes().iter().zip(wanted.axes()).map(|(from, to)| overlaps(from, to)).collect();
        Ok(assemble(self, "rechunk", axes, Vec::new()))
    }
}

/// For each new chunk the ranges of old chunks that it is made of.
fn overlaps(from: &[usize], to: &[usize]) -> Vec<Vec<Piece>> {
    let (mut block, mut start) = (0usize, 0usize);
    to.iter()
        .map(|&length| {
            let mut pieces = Vec::new();
            let mut missing = length;
            while missing > 0 {
                let n = missing.min(from[block] - start);
                if n > 0 {
                    pieces.push(Piece { block: block as u32, start, end: start + n, step: 1 });
                }
                (missing, start) = (missing - n, start + n);
                if start == from[block] {
                    (block, start) = (block + 1, 0);
                }
            }
            if pieces.is_empty() {
                pieces.push(Piece { block: block.min(from.len() - 1) as u32, start: 0, end: 0, step: 1 });
            }
            pieces
        })
        .collect()
}

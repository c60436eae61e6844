//! Another order of the axes.

use dask_core::layer::{Axis, BlockInput};

use crate::Array;
use crate::chunks::Chunks;
use crate::element::Element;
use crate::error::ArrayError;
use crate::op::Op;

impl<A: Element> Array<A> {
    /// The axes in reverse order.
    #[must_use]
    pub fn transpose(&self) -> Self {
        self.permuted((0..self.ndim()).rev().collect())
    }

    /// The axes in this order: axis `i` of the result is axis `axes[i]` of the array.
    ///
    /// # Errors
    /// [`ArrayError::WrongRank`] if not every axis stands there once, [`ArrayError::NoSuchAxis`].
    pub fn permute_axes(&self, axes: &[isize]) -> Result<Self, ArrayError> {
        let axes = axes.iter().map(|&axis| self.axis("permute_axes", axis)).collect::<Result<Vec<_>, _>>()?;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != self.ndim() || axes.len() != self.ndim() {
            return Err(ArrayError::WrongRank { what: "permute_axes", found: sorted.len(), rank: self.ndim() });
        }
        Ok(self.permuted(axes))
    }

    fn permuted(&self, axes: Vec<usize>) -> Self {
        let chunks = Chunks::from_vec(axes.iter().map(|&axis| self.chunks().axes()[axis].clone()).collect());
        let mut from = vec![Axis::At(0); axes.len()];
        axes.iter().enumerate().for_each(|(out, &axis)| from[axis] = Axis::Out(out as u8));
        let input = BlockInput { name: self.layer().name().clone(), shape: self.grid().into(), axes: from.into() };
        Self::blockwise("transpose", Op::Transpose(axes), vec![(input, self.layer().clone())], chunks)
    }
}

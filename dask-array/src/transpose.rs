//! Another order of the axes.

use dask_core::layer::{Axis, BlockInput};

use crate::Array;
use crate::chunks::Chunks;
use crate::element::Element;
use crate::error::ArrayError;
use crate::op::Op;

impl<A: Element> Array<A> {
    /// The axes in reverse order.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1, 2, 3], [4, 5, 6]]), 2)?;
    /// assert_eq!(x.transpose().compute()?, arr2(&[[1, 4], [2, 5], [3, 6]]).into_dyn());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn transpose(&self) -> Self {
        self.permuted((0..self.ndim()).rev().collect())
    }

    /// The axes in this order: axis `i` of the result is axis `axes[i]` of the array.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::ones(&[2, 3, 4], 2)?;
    /// assert_eq!(x.permute_axes(&[2, 0, 1])?.shape(), [4, 2, 3]);
    /// assert_eq!(x.permute_axes(&[-1, 0, 1])?.compute()?.shape(), [4, 2, 3]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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

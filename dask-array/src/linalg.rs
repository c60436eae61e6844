//! Matrix products.

use std::any::Any;
use std::sync::Arc;

use dask_core::layer::{Axis, BlockInput, Reduce};
use dask_core::{LayerRef, Name, TaskError, Token};
use ndarray::{Array2, ArrayD, Ix2, LinalgScalar};

use crate::Array;
use crate::chunks::{ChunkSpec, Chunks, common};
use crate::element::{Element, Float};
use crate::error::ArrayError;
use crate::op::{ArrayTask, Op};
use crate::reduce::Reduction;

impl<A: Element> Array<A> {
    /// The product of matrices of shapes `(m, k)` and `(k, n)`: products of chunks, summed by trees along `k`.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 4.0]]), 1)?;
    /// assert_eq!(x.matmul(&x.transpose())?.compute()?, arr2(&[[5.0, 11.0], [11.0, 25.0]]).into_dyn());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::WrongRank`] unless both have two axes, [`ArrayError::Broadcast`] if the inner lengths differ.
    pub fn matmul(&self, other: &Self) -> Result<Self, ArrayError> {
        for array in [self, other] {
            if array.ndim() != 2 {
                return Err(ArrayError::WrongRank { what: "matmul", found: array.ndim(), rank: 2 });
            }
        }
        let (left, right) = (self.chunks().axes(), other.chunks().axes());
        let (a, b) = (left[1].iter().sum(), right[0].iter().sum());
        if a != b {
            let (left, right) = (self.shape(), other.shape());
            return Err(ArrayError::Broadcast { operation: "matmul".into(), left, right, axis: 0, a, b });
        }
        let inner = common(&left[1], &right[0]);
        let chunks = Chunks::from_vec(vec![left[0].clone(), right[1].clone()]);
        let left = self.rechunk(ChunkSpec::Exact(vec![left[0].clone(), inner.clone()]))?;
        let right = other.rechunk(ChunkSpec::Exact(vec![inner.clone(), right[1].clone()]))?;
        let input = |array: &Self, axes: [u8; 2]| {
            let axes = axes.into_iter().map(Axis::Out).collect();
            let input = BlockInput { name: array.layer().name().clone(), shape: array.grid().into(), axes };
            (input, array.layer().clone())
        };
        // The grid of products has a third axis, along which they are summed; the chunks themselves are matrices.
        let mut cube = chunks.axes().to_vec();
        cube.push(inner);
        let cube = Chunks::from_vec(cube);
        let products = Self::blockwise("dot", Op::Dot, vec![input(&left, [0, 2]), input(&right, [2, 1])], cube);
        let mut level = products.layer().clone();
        while level.layer().shape()[2] > 1 {
            let op = Op::ReduceCombine { reduction: Reduction::Sum, axes: Vec::new() };
            let task = ArrayTask { dtype: A::DTYPE, op };
            let name = Name::tokened("sum", Token::of(&("matmul", task.token(), level.name())));
            let reduce = Reduce::new(name, level.name().clone(), level.layer().shape(), &[1, 1, 4], Arc::new(task));
            level = LayerRef::new(reduce, vec![level]);
        }
        let axes = [Axis::Out(0), Axis::Out(1), Axis::At(0)].into_iter().collect();
        let last = BlockInput { name: level.name().clone(), shape: level.layer().shape().into(), axes };
        Ok(Self::blockwise("matmul", Op::DropAxes(Vec::new()), vec![(last, level)], chunks))
    }
}

/// The product of two chunks: floats by `ndarray`'s kernels, whole numbers one by one.
pub(crate) fn dot<A: Element>(left: &ArrayD<A>, right: &ArrayD<A>) -> Result<ArrayD<A>, TaskError> {
    if let Some(product) = by_kernel::<A, f64>(left, right)? {
        return Ok(product);
    }
    if let Some(product) = by_kernel::<A, f32>(left, right)? {
        return Ok(product);
    }
    let (left, right) = (left.view().into_dimensionality::<Ix2>()?, right.view().into_dimensionality::<Ix2>()?);
    let mut product = Array2::from_elem((left.nrows(), right.ncols()), A::default());
    for (i, row) in left.rows().into_iter().enumerate() {
        for (&x, line) in row.iter().zip(right.rows()) {
            product.row_mut(i).zip_mut_with(&line, |sum, &y| *sum = A::add(*sum, x.mul(y)));
        }
    }
    Ok(product.into_dyn())
}

/// The product by the kernel for `F`, if `A` is `F`.
fn by_kernel<A: Element, F: Float + LinalgScalar>(
    left: &ArrayD<A>,
    right: &ArrayD<A>,
) -> Result<Option<ArrayD<A>>, TaskError> {
    let as_floats = |array| <dyn Any>::downcast_ref::<ArrayD<F>>(array);
    let (Some(left), Some(right)) = (as_floats(left), as_floats(right)) else { return Ok(None) };
    let (left, right) = (left.view().into_dimensionality::<Ix2>()?, right.view().into_dimensionality::<Ix2>()?);
    let product: Box<dyn Any> = Box::new(left.dot(&right).into_dyn());
    Ok(product.downcast::<ArrayD<A>>().ok().map(|product| *product))
}

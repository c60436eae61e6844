//! `Array<A>`: a lazy, blocked n-dimensional array.

use std::marker::PhantomData;
use std::sync::Arc;

use dask_core::layer::{BlockInput, Blockwise};
use dask_core::wire::{Decoder, Encoder, WireError};
use dask_core::{Collection, Describe, LayerRef, Name, Result, Token, Value, one_layer};
use ndarray::{ArrayD, IxDyn, SliceInfoElem};

use crate::chunk::Chunk;
use crate::chunks::Chunks;
use crate::element::Element;
use crate::error::ArrayError;
use crate::op::{ArrayTask, Op};

/// A lazy n-dimensional array, cut into chunks along every axis.
///
/// ```
/// use dask_array::Array;
/// use dask_core::Collection;
/// let x = Array::<f64>::zeros(&[4, 5], &[2, 3])?;
/// assert_eq!((x.shape(), x.ndim(), x.grid()), (vec![4, 5], 2, vec![2, 2]));
/// assert_eq!(x.chunks().axes(), [[2, 2], [3, 2]]);
/// assert_eq!(x.to_string(), "full: shape [4, 5], f64, chunks [2, 3]");
/// assert_eq!((x + 1.0).compute()?.sum(), 20.0);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Array<A> {
    layer: LayerRef,
    chunks: Chunks,
    _type: PhantomData<fn() -> A>,
}

impl<A> Clone for Array<A> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), chunks: self.chunks.clone(), _type: PhantomData }
    }
}

impl<A: Element> Array<A> {
    /// An array of the blocks of a layer, which must be [`Chunk<A>`] of these shapes.
    ///
    /// ```
    /// use dask_array::{Array, Chunk, Chunks, ndarray::arr1};
    /// use dask_core::{Collection, Name, Value, layer::Materialized};
    /// let blocks = [arr1(&[1.0, 2.0]), arr1(&[3.0])].map(|block| Value::new(Chunk(block.into_dyn())));
    /// let layer = Materialized::values(Name::new("mine"), &[2], blocks);
    /// let x = Array::<f64>::from_layer(layer, Chunks::new(&2.into(), &[3], 8)?);
    /// assert_eq!(x.compute()?.as_slice(), Some(&[1.0, 2.0, 3.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn from_layer(layer: LayerRef, chunks: Chunks) -> Self {
        #[cfg(feature = "threads")]
        dask_sched::install();
        debug_assert_eq!(layer.layer().shape(), chunks.grid());
        Self { layer, chunks, _type: PhantomData }
    }

    /// The layer of its chunks.
    ///
    /// ```
    /// let x = dask_array::Array::<i64>::arange(0, 10, 1, 4)?;
    /// let y = &x + &x;
    /// // A task a chunk, on top of those of `x`.
    /// assert_eq!(y.layer().layer().n_tasks(), 3);
    /// assert_eq!(y.layer().inputs()[0].name(), x.layer().name());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn layer(&self) -> &LayerRef {
        &self.layer
    }

    /// How it is cut.
    pub fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    /// Number of elements along each axis.
    pub fn shape(&self) -> Vec<usize> {
        self.chunks.shape()
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.chunks.axes().len()
    }

    /// Number of chunks along each axis.
    pub fn grid(&self) -> Vec<u32> {
        self.chunks.grid()
    }

    /// Block for block.
    pub(crate) fn aligned(&self) -> BlockInput {
        BlockInput::aligned(self.layer.name().clone(), &self.grid())
    }

    /// A layer of `op` on top of `inputs`, with the chunks of the result.
    pub(crate) fn blockwise(what: &str, op: Op, inputs: Vec<(BlockInput, LayerRef)>, chunks: Chunks) -> Self {
        let task = ArrayTask { dtype: A::DTYPE, op };
        let names: Vec<Name> = inputs.iter().map(|(input, _)| input.name.clone()).collect();
        let axes: Vec<String> = inputs.iter().map(|(input, _)| format!("{:?}", input.axes)).collect();
        let token = Token::of(&(what, task.token(), names, axes, chunks.axes().to_vec()));
        let (blocks, layers): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
        let layer = Blockwise::new(Name::tokened(what, token), &chunks.grid(), blocks, Arc::new(task));
        Self::from_layer(LayerRef::new(layer, layers), chunks)
    }

    /// An axis that may count from the end.
    pub(crate) fn axis(&self, operation: &'static str, axis: isize) -> Result<usize, ArrayError> {
        let rank = self.ndim();
        let found = if axis < 0 { axis + rank as isize } else { axis };
        if (0..rank as isize).contains(&found) {
            Ok(found as usize)
        } else {
            Err(ArrayError::NoSuchAxis { operation, axis, rank })
        }
    }

    /// `f` of each chunk as a whole; it must keep the shape. `what` names it in errors and drawings.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 4.0]]), &[1, 2])?;
    /// // Each row is a chunk here: shares of the row's sum.
    /// let shares = x.map_blocks("shares", |chunk| &chunk / chunk.sum());
    /// assert_eq!(shares.compute()?, arr2(&[[1.0 / 3.0, 2.0 / 3.0], [3.0 / 7.0, 4.0 / 7.0]]).into_dyn());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn map_blocks<B: Element, F>(&self, what: &'static str, f: F) -> Array<B>
    where
        F: Fn(ArrayD<A>) -> ArrayD<B> + Clone + Send + Sync + 'static,
    {
        let function = dask_core::delayed::Closure::new(what, move |call: &mut dask_core::Call<'_>| {
            let chunk = call.take::<Chunk<A>>(0)?.0;
            let expected = chunk.shape().to_vec();
            let mapped = f(chunk);
            if mapped.shape() != expected {
                let (block, found) = (call.index().to_vec(), mapped.shape().to_vec());
                return Err(ArrayError::WrongChunkShape { block, found, expected }.into());
            }
            Ok(Value::new(Chunk(mapped)))
        });
        let name = function.layer_name(self.layer.name());
        let layer = Blockwise::new(name, &self.grid(), vec![self.aligned()], Arc::new(function));
        Array::from_layer(LayerRef::new(layer, vec![self.layer.clone()]), self.chunks.clone())
    }
}

impl<A: Element> std::fmt::Display for Array<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let largest: Vec<usize> =
            self.chunks.axes().iter().map(|lengths| lengths.iter().copied().max().unwrap_or(0)).collect();
        write!(f, "{}: shape {:?}, {}, chunks {largest:?}", self.layer.name().what(), self.shape(), A::DTYPE)
    }
}

impl<A: Element> std::fmt::Debug for Array<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl<A: Element> Describe for Array<A> {
    fn describe(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&self.chunks)
    }

    fn from_description(layers: Vec<LayerRef>, input: &mut Decoder<'_>) -> Result<Self> {
        let (layer, chunks) = (one_layer(layers)?, input.serde::<Chunks>()?);
        if layer.layer().shape() != chunks.grid() {
            let (found, expected) = (chunks.grid(), layer.layer().shape().to_vec());
            let what = format!("chunks in a grid of {found:?} are said to be the blocks of {expected:?}");
            return Err(WireError::Codec(what).into());
        }
        Ok(Self::from_layer(layer, chunks))
    }
}

impl<A: Element> Collection for Array<A> {
    type Output = ArrayD<A>;

    fn layers(&self) -> Vec<LayerRef> {
        vec![self.layer.clone()]
    }

    fn assemble(&self, values: Vec<Value>) -> Result<ArrayD<A>> {
        let n_values = values.len();
        let mut whole = ArrayD::from_elem(IxDyn(&self.shape()), A::default());
        for (value, key) in values.into_iter().zip(self.layer.keys()) {
            let chunk = value.take::<Chunk<A>>()?.0;
            let (start, expected) = (self.chunks.start_at(key.index()), self.chunks.shape_at(key.index()));
            if chunk.shape() != expected {
                let (block, found) = (key.index().to_vec(), chunk.shape().to_vec());
                return Err(ArrayError::WrongChunkShape { block, found, expected }.into());
            }
            if n_values == 1 {
                return Ok(chunk);
            }
            let region = |axis: ndarray::AxisDescription| {
                let axis = axis.axis.index();
                ndarray::Slice::from(start[axis]..start[axis] + expected[axis])
            };
            whole.slice_each_axis_mut(region).assign(&chunk);
        }
        Ok(whole)
    }

    fn with_layers(&self, layers: Vec<LayerRef>) -> Self {
        match layers.into_iter().next() {
            Some(layer) => Self::from_layer(layer, self.chunks.clone()),
            None => self.clone(),
        }
    }
}

/// What a computed array offers beyond `ndarray`.
///
/// ```
/// use dask_array::{Array, Computed};
/// use dask_core::Collection;
/// let n = Array::<i64>::ones(&[3, 4], 2)?.sum(None, false)?.compute()?;
/// assert_eq!(n.into_scalar()?, 12);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Computed<A> {
    /// The only element.
    ///
    /// # Errors
    /// [`ArrayError::NotScalar`] if there are more or none.
    fn into_scalar(self) -> Result<A>;
}

impl<A: Copy> Computed<A> for ArrayD<A> {
    fn into_scalar(self) -> Result<A> {
        match self.first() {
            Some(&only) if self.len() == 1 => Ok(only),
            _ => Err(ArrayError::NotScalar { shape: self.shape().to_vec() }.into()),
        }
    }
}

/// A slice of all axes by ranges and steps.
pub(crate) fn slice_info(ranges: &[(usize, usize, isize)]) -> Vec<SliceInfoElem> {
    ranges
        .iter()
        .map(|&(start, end, step)| SliceInfoElem::Slice { start: start as isize, end: Some(end as isize), step })
        .collect()
}

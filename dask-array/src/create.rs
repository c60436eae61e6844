//! Arrays from memory, and arrays of numbers made where they are used.

use dask_core::Token;
use dask_core::layer::Materialized;
use dask_core::{Name, Value};
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn, SliceInfo};

use crate::Array;
use crate::array::slice_info;
use crate::chunk::Chunk;
use crate::chunks::{ChunkSpec, Chunks};
use crate::element::{Element, Scalar};
use crate::error::ArrayError;
use crate::op::Op;

impl<A: Element> Array<A> {
    /// An array that is in memory, cut into chunks (which are copies).
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let matrix = arr2(&[[1, 2, 3], [4, 5, 6]]);
    /// let x = Array::<i32>::from_ndarray(&matrix, &[1, 2])?;
    /// assert_eq!((x.shape(), x.grid()), (vec![2, 3], vec![2, 2]));
    /// assert_eq!(x.compute()?, matrix.into_dyn());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn from_ndarray<S: Data<Elem = A>, D: Dimension>(
        array: &ArrayBase<S, D>,
        chunks: impl Into<ChunkSpec>,
    ) -> Result<Self, ArrayError> {
        let array = array.view().into_dyn();
        let chunks = Chunks::new(&chunks.into(), array.shape(), size_of::<A>())?;
        let grid = chunks.grid();
        let mut index = dask_core::Index::new();
        let blocks = (0..grid.iter().product::<u32>()).map(|block| {
            dask_core::layer::unravel(block, &grid, &mut index);
            let (start, shape) = (chunks.start_at(&index), chunks.shape_at(&index));
            let ranges: Vec<_> = start.iter().zip(&shape).map(|(&start, &n)| (start, start + n, 1)).collect();
            let part =
                SliceInfo::<_, IxDyn, IxDyn>::try_from(slice_info(&ranges)).map(|info| array.slice(info).to_owned());
            Value::new(Chunk(part.unwrap_or_else(|_| array.to_owned())))
        });
        let blocks: Vec<Value> = blocks.collect();
        let mut bytes = Vec::new();
        match array.as_slice() {
            Some(slice) => A::write(slice, &mut bytes),
            None => A::write(&array.iter().copied().collect::<Vec<_>>(), &mut bytes),
        }
        let mut t = dask_core::Tokenizer::new();
        t.add("from_ndarray").add(&A::DTYPE.to_string()).add(&chunks.axes().to_vec());
        t.piece(0, &bytes);
        let layer = Materialized::values(Name::tokened("from_ndarray", t.finish()), &grid, blocks);
        Ok(Self::from_layer(layer, chunks))
    }

    fn source(what: &str, op: Op, chunks: Chunks) -> Self {
        Self::blockwise(what, op, Vec::new(), chunks)
    }

    /// One value everywhere.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// assert_eq!(Array::full(&[3], 7u8, 2)?.compute()?.as_slice(), Some(&[7, 7, 7][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn full(shape: &[usize], value: A, chunks: impl Into<ChunkSpec>) -> Result<Self, ArrayError> {
        let chunks = Chunks::new(&chunks.into(), shape, size_of::<A>())?;
        Ok(Self::source("full", Op::Full { value: value.to_scalar(), chunks: chunks.clone() }, chunks))
    }

    /// Zeros.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// assert_eq!(Array::<f64>::zeros(&[1000, 1000], 250)?.grid(), [4, 4]);
    /// assert_eq!(Array::<i32>::zeros(&[3], 2)?.compute()?.as_slice(), Some(&[0, 0, 0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn zeros(shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Self, ArrayError> {
        Self::full(shape, A::from_scalar(Scalar::Int(0)), chunks)
    }

    /// Ones.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::ones(&[2, 2], &[1, 2])?;
    /// assert_eq!((&x + &x).compute()?.sum(), 8.0);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn ones(shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Self, ArrayError> {
        Self::full(shape, A::from_scalar(Scalar::Int(1)), chunks)
    }

    /// The numbers from `start` up to, not including, `stop` by `step`: as many as NumPy's `arange` gives.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// assert_eq!(Array::<i64>::arange(0, 10, 3, 2)?.compute()?.as_slice(), Some(&[0, 3, 6, 9][..]));
    /// assert_eq!(Array::<f64>::arange(1.0, 0.0, -0.25, 2)?.compute()?.as_slice(), Some(&[1.0, 0.75, 0.5, 0.25][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::ZeroStep`], [`ArrayError::Endless`], and as [`Chunks::new`].
    pub fn arange(start: A, stop: A, step: A, chunks: impl Into<ChunkSpec>) -> Result<Self, ArrayError> {
        let by = step.to_f64();
        if by == 0.0 {
            return Err(ArrayError::ZeroStep { axis: 0 });
        }
        let n = match (start.to_scalar(), stop.to_scalar(), step.to_scalar()) {
            // Not by way of floats, which lose whole numbers from 2^53 on.
            (Scalar::Int(start), Scalar::Int(stop), Scalar::Int(by)) => {
                let (walk, by) = if by > 0 { (stop - start, by) } else { (start - stop, -by) };
                ((walk.max(0) + by - 1) / by) as usize
            }
            _ => {
                let (start, stop) = (start.to_f64(), stop.to_f64());
                let n = ((stop - start) / by).ceil();
                if !n.is_finite() || !by.is_finite() {
                    return Err(ArrayError::Endless { start, stop, step: by });
                }
                n.max(0.0) as usize
            }
        };
        let chunks = Chunks::new(&chunks.into(), &[n], size_of::<A>())?;
        let op = Op::Arange { start: start.to_scalar(), step: step.to_scalar(), chunks: chunks.clone() };
        Ok(Self::source("arange", op, chunks))
    }

    /// An array of chunks that are values already; the grid is in C order.
    ///
    /// ```
    /// use dask_array::{Array, Chunks, ndarray::arr1};
    /// use dask_core::Collection;
    /// let chunks = Chunks::new(&2.into(), &[3], 8)?;
    /// let x = Array::from_chunks(vec![arr1(&[1.0, 2.0]).into_dyn(), arr1(&[3.0]).into_dyn()], chunks)?;
    /// assert_eq!(x.compute()?.as_slice(), Some(&[1.0, 2.0, 3.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::WrongCount`] unless there is one for each position of the grid, [`ArrayError::WrongChunkShape`] if
    /// a chunk has another shape than `chunks` say.
    pub fn from_chunks(parts: Vec<ArrayD<A>>, chunks: Chunks) -> Result<Self, ArrayError> {
        let grid = chunks.grid();
        if parts.len() != grid.iter().map(|&n| n as usize).product::<usize>() {
            return Err(ArrayError::WrongCount { found: parts.len(), grid });
        }
        let mut index = dask_core::Index::new();
        for (block, part) in parts.iter().enumerate() {
            dask_core::layer::unravel(block as u32, &grid, &mut index);
            let expected = chunks.shape_at(&index);
            if part.shape() != expected {
                return Err(ArrayError::WrongChunkShape {
                    block: index.to_vec(),
                    found: part.shape().to_vec(),
                    expected,
                });
            }
        }
        let values: Vec<Value> = parts.into_iter().map(|part| Value::new(Chunk(part))).collect();
        let content: Vec<Token> = values.iter().map(Value::content_token).collect();
        let name = Name::tokened("from_chunks", Token::of(&(&grid[..], content)));
        Ok(Self::from_layer(Materialized::values(name, &grid, values), chunks))
    }
}

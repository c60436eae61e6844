//! Reductions over axes: each chunk alone, then trees of partial results.

use std::sync::Arc;

use dask_core::layer::{Axis as Block, BlockInput, Reduce};
use dask_core::wire::{Decoder, Encoder, WireError};
use dask_core::{Call, Data, LayerRef, Name, TaskError, Token, Value};
use ndarray::{ArrayD, ArrayViewD, Axis, CowArray, IxDyn};
use serde::{Deserialize, Serialize};

use crate::Array;
use crate::chunk::Chunk;
use crate::chunks::Chunks;
use crate::element::{Element, Scalar};
use crate::elementwise::typed;
use crate::error::ArrayError;
use crate::op::{ArrayTask, Op};

/// How many partial results are combined at a time, over all reduced axes together.
const SPLIT_EVERY: u32 = 4;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reduction {
    Sum,
    Product,
    Min,
    Max,
    Mean,
    /// Divided by the count less this.
    Var(f64),
    Std(f64),
}

/// Count, means, and sums of squared differences from the means.
struct Moments {
    n: f64,
    mean: ArrayD<f64>,
    m2: ArrayD<f64>,
}

impl Clone for Moments {
    fn clone(&self) -> Self {
        Self { n: self.n, mean: self.mean.clone(), m2: self.m2.clone() }
    }
}

impl Data for Moments {
    fn nbytes(&self) -> usize {
        size_of::<Self>() + 16 * self.mean.len()
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        self.n.encode(out)?;
        Chunk(self.mean.clone()).encode(out)?;
        Chunk(self.m2.clone()).encode(out)
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        Ok(Self { n: f64::decode(input)?, mean: Chunk::decode(input)?.0, m2: Chunk::decode(input)?.0 })
    }
}

impl Moments {
    /// Chan, Golub, LeVeque, *Updating formulae and a pairwise algorithm for computing sample variances* (1979).
    fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        if other.n == 0.0 {
            return;
        }
        let (share, product) = (other.n / n, self.n * other.n / n);
        ndarray::Zip::from(&mut self.mean).and(&mut self.m2).and(&other.mean).and(&other.m2).for_each(
            |mean, m2, &of, &s2| {
                let delta = of - *mean;
                *mean += delta * share;
                *m2 += s2 + delta * delta * product;
            },
        );
        self.n = n;
    }
}

fn value<A: Element>(array: ArrayD<A>) -> Value {
    Value::new(Chunk(array))
}

/// Folds over axes, which stay with length 1. The last axis lies one after another in memory and is folded by
/// [`pairwise`]; others lane by lane. `f` is generic, not a pointer, so that the loops are vectorized.
fn fold<A: Element>(
    array: ArrayViewD<'_, A>,
    axes: &[usize],
    f: impl Fn(A, A) -> A + Copy,
) -> Result<ArrayD<A>, TaskError> {
    let Some((&axis, others)) = axes.split_last() else { return Ok(array.to_owned()) };
    if array.shape()[axis] == 0 {
        return Err("a reduction of an empty chunk".into());
    }
    let folded = if axis + 1 == array.ndim() {
        let lanes = array.lanes(Axis(axis)).into_iter().map(|lane| match lane.as_slice() {
            Some(lane) => pairwise(lane, f),
            None => pairwise(&lane.to_vec(), f),
        });
        let elements: Vec<A> = lanes.collect();
        let mut shape = array.shape().to_vec();
        shape[axis] = 1;
        ArrayD::from_shape_vec(shape, elements)?
    } else {
        let mut lanes = array.axis_iter(Axis(axis));
        let mut state = lanes.next().ok_or("a reduction of an empty chunk")?.to_owned();
        lanes.for_each(|lane| state.zip_mut_with(&lane, |s, &x| *s = f(*s, x)));
        state.insert_axis(Axis(axis))
    };
    if others.is_empty() { Ok(folded) } else { fold(folded.view(), others, f) }
}

/// Folds a lane that is not empty: eight states side by side in blocks, halves above that, so that the error of
/// floating sums grows with the logarithm of the length.
///
/// Source: Higham, *The accuracy of floating point summation* (1993).
fn pairwise<A: Copy>(lane: &[A], f: impl Fn(A, A) -> A + Copy) -> A {
    const BLOCK: usize = 256;
    if lane.len() > BLOCK {
        let (left, right) = lane.split_at((lane.len() / 2).next_multiple_of(8));
        return f(pairwise(left, f), pairwise(right, f));
    }
    let (eights, rest) = lane.as_chunks::<8>();
    let Some((&first, eights)) = eights.split_first() else { return rest[1..].iter().fold(rest[0], |s, &x| f(s, x)) };
    let mut states = first;
    for eight in eights {
        states.iter_mut().zip(eight).for_each(|(s, &x)| *s = f(*s, x));
    }
    let [a, b, c, d, e, g, h, i] = states;
    let state = f(f(f(a, b), f(c, d)), f(f(e, g), f(h, i)));
    rest.iter().fold(state, |s, &x| f(s, x))
}

/// The sum or product of nothing, if one of the axes is empty.
fn of_nothing<A: Element>(shape: &[usize], axes: &[usize], unit: A) -> Option<ArrayD<A>> {
    let mut shape = shape.to_vec();
    let empty = axes.iter().filter(|&&axis| std::mem::replace(&mut shape[axis], 1) == 0).count();
    (empty > 0).then(|| ArrayD::from_elem(shape, unit))
}

/// `array` as elements of `B`: itself if they are, otherwise each converted.
fn converted<A: Element, B: Element>(array: &ArrayD<A>, f: impl Fn(A) -> B) -> CowArray<'_, B, IxDyn> {
    match (array as &dyn std::any::Any).downcast_ref::<ArrayD<B>>() {
        Some(same) => same.view().into(),
        None => array.mapv(f).into(),
    }
}

impl Reduction {
    fn function<A: Element>(self) -> fn(A, A) -> A {
        match self {
            Self::Product => A::mul,
            Self::Min => smaller,
            Self::Max => larger,
            _ => A::add,
        }
    }

    /// The state of one chunk.
    pub(crate) fn chunk<A: Element>(self, call: &mut Call<'_>, axes: &[usize]) -> Result<Value, TaskError> {
        let array = &call.get::<Chunk<A>>(0)?.0;
        match self {
            Self::Sum | Self::Product => {
                let unit = A::Sum::from_scalar(Scalar::Int(i128::from(self == Self::Product)));
                if let Some(units) = of_nothing(array.shape(), axes, unit) {
                    return Ok(value(units));
                }
                let wide = converted(array, |x| A::Sum::from_scalar(x.to_scalar()));
                Ok(value(match self {
                    Self::Product => fold(wide.view(), axes, A::Sum::mul)?,
                    _ => fold(wide.view(), axes, A::Sum::add)?,
                }))
            }
            Self::Min => Ok(value(fold(array.view(), axes, smaller)?)),
            Self::Max => Ok(value(fold(array.view(), axes, larger)?)),
            Self::Mean | Self::Var(_) | Self::Std(_) => {
                let n = axes.iter().map(|&axis| array.shape()[axis]).product::<usize>() as f64;
                let x = converted(array, A::to_f64);
                let mean = fold(x.view(), axes, f64::add)? / n;
                if self == Self::Mean {
                    let m2 = ArrayD::zeros(mean.raw_dim());
                    return Ok(Value::new(Moments { n, mean, m2 }));
                }
                let mut square = x.into_owned();
                let spread = mean.broadcast(square.shape()).ok_or("a mean that does not broadcast")?;
                square.zip_mut_with(&spread, |x, &mean| *x = (*x - mean) * (*x - mean));
                let m2 = fold(square.view(), axes, f64::add)?;
                Ok(Value::new(Moments { n, mean, m2 }))
            }
        }
    }

    /// One state of several.
    pub(crate) fn combine<A: Element>(self, call: &mut Call<'_>, _axes: &[usize]) -> Result<Value, TaskError> {
        match self {
            Self::Mean | Self::Var(_) | Self::Std(_) => {
                let mut state: Moments = call.take(0)?;
                for i in 1..call.n_inputs() {
                    state.merge(call.get::<Moments>(i)?);
                }
                Ok(Value::new(state))
            }
            _ => {
                let f = self.function::<A>();
                let mut state = call.take::<Chunk<A>>(0)?.0;
                for i in 1..call.n_inputs() {
                    state.zip_mut_with(&call.get::<Chunk<A>>(i)?.0, |s, &x| *s = f(*s, x));
                }
                Ok(value(state))
            }
        }
    }

    /// The result of the last state.
    pub(crate) fn finish(self, call: &mut Call<'_>) -> Result<Value, TaskError> {
        let scale = |ddof: f64| move |n: f64| (n - ddof).max(0.0);
        match self {
            Self::Mean => Ok(value(call.take::<Moments>(0)?.mean)),
            Self::Var(ddof) | Self::Std(ddof) => {
                let state = call.take::<Moments>(0)?;
                let by = scale(ddof)(state.n);
                let mut var = state.m2 / by;
                if matches!(self, Self::Std(_)) {
                    var.mapv_inplace(f64::sqrt);
                }
                Ok(value(var))
            }
            _ => Ok(call.value(0)?),
        }
    }
}

/// The smaller; what is not a number wins.
fn smaller<A: Element>(a: A, b: A) -> A {
    if a.is_nan() || a <= b { a } else { b }
}

/// The larger; what is not a number wins.
fn larger<A: Element>(a: A, b: A) -> A {
    if a.is_nan() || a >= b { a } else { b }
}

impl<A: Element> Array<A> {
    fn reduce<S: Element, B: Element>(
        &self,
        what: &'static str,
        reduction: Reduction,
        axes: Option<&[isize]>,
        keepdims: bool,
    ) -> Result<Array<B>, ArrayError> {
        let mut reduced = match axes {
            Some(axes) => axes.iter().map(|&axis| self.axis(what, axis)).collect::<Result<Vec<_>, _>>()?,
            None => (0..self.ndim()).collect(),
        };
        reduced.sort_unstable();
        reduced.dedup();
        let empty = reduced.iter().find(|&&axis| self.chunks().axes()[axis].contains(&0));
        let has_unit = matches!(reduction, Reduction::Sum | Reduction::Product);
        if let (Some(&axis), false) = (empty, has_unit) {
            return Err(ArrayError::Empty { operation: what, axis });
        }
        let one = |axis: usize, lengths: &Vec<usize>| {
            if reduced.contains(&axis) { vec![1; lengths.len()] } else { lengths.clone() }
        };
        let partial = Chunks::from_vec(self.chunks().axes().iter().enumerate().map(|(axis, n)| one(axis, n)).collect());
        let op = Op::ReduceChunk { reduction, axes: reduced.clone() };
        let first = Self::blockwise(what, op, vec![(self.aligned(), self.layer().clone())], partial);
        let mut level = first.layer().clone();
        let split = f64::from(SPLIT_EVERY).powf(1.0 / reduced.len().max(1) as f64).floor().max(2.0) as u32;
        let group: Vec<u32> = (0..self.ndim()).map(|axis| if reduced.contains(&axis) { split } else { 1 }).collect();
        while reduced.iter().any(|&axis| level.layer().shape()[axis] > 1) {
            let task = ArrayTask { dtype: S::DTYPE, op: Op::ReduceCombine { reduction, axes: reduced.clone() } };
            let name = Name::tokened(what, Token::of(&(task.token(), level.name(), group.clone())));
            let reduce = Reduce::new(name, level.name().clone(), level.layer().shape(), &group, Arc::new(task));
            level = LayerRef::new(reduce, vec![level]);
        }
        let whole: Vec<Vec<usize>> = self
            .chunks()
            .axes()
            .iter()
            .enumerate()
            .map(|(axis, lengths)| if reduced.contains(&axis) { vec![1] } else { lengths.clone() })
            .collect();
        let input = BlockInput::aligned(level.name().clone(), level.layer().shape());
        let kept = Chunks::from_vec(whole.clone());
        let finished = typed::<S, B>(what, Op::ReduceFinish { reduction }, vec![(input, level)], kept);
        if keepdims {
            return Ok(finished);
        }
        let mut out = 0;
        let axes = (0..self.ndim()).map(|axis| {
            if reduced.contains(&axis) {
                return Block::At(0);
            }
            out += 1;
            Block::Out(out - 1)
        });
        let input =
            BlockInput { name: finished.layer().name().clone(), shape: finished.grid().into(), axes: axes.collect() };
        let rest = whole.into_iter().enumerate().filter(|(axis, _)| !reduced.contains(axis)).map(|(_, n)| n).collect();
        Ok(Array::blockwise(
            what,
            Op::DropAxes(reduced),
            vec![(input, finished.layer().clone())],
            Chunks::from_vec(rest),
        ))
    }

    /// The sum over `axes` (all if `None`); whole numbers are summed in 64 bits.
    ///
    /// ```
    /// use dask_array::{Array, Computed, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::<f64>::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// assert_eq!(x.sum(None, false)?.compute()?.into_scalar()?, 11.0);
    /// assert_eq!(x.sum(Some(&[0]), false)?.compute()?.as_slice(), Some(&[4.0, 7.0][..]));
    /// assert_eq!(x.sum(Some(&[-1]), true)?.shape(), [2, 1]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::NoSuchAxis`], [`ArrayError::Empty`].
    pub fn sum(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Array<A::Sum>, ArrayError> {
        self.reduce::<A::Sum, A::Sum>("sum", Reduction::Sum, axes, keepdims)
    }

    /// The product over `axes` (all if `None`); of whole numbers in 64 bits.
    ///
    /// ```
    /// use dask_array::{Array, Computed, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::<f64>::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// assert_eq!(x.prod(None, false)?.compute()?.into_scalar()?, 30.0);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn prod(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Array<A::Sum>, ArrayError> {
        self.reduce::<A::Sum, A::Sum>("prod", Reduction::Product, axes, keepdims)
    }

    /// The smallest over `axes` (all if `None`); not a number if one is not.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// assert_eq!(x.min(Some(&[1]), false)?.compute()?.as_slice(), Some(&[1.0, 3.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn min(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Self, ArrayError> {
        self.reduce::<A, A>("min", Reduction::Min, axes, keepdims)
    }

    /// The largest over `axes` (all if `None`); not a number if one is not.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// assert_eq!(x.max(Some(&[1]), false)?.compute()?.as_slice(), Some(&[2.0, 5.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn max(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Self, ArrayError> {
        self.reduce::<A, A>("max", Reduction::Max, axes, keepdims)
    }

    /// The mean over `axes` (all if `None`), in 64-bit floats.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// let centred = &x - x.mean(Some(&[0]), true)?;
    /// assert_eq!(centred.compute()?, arr2(&[[-1.0, -1.5], [1.0, 1.5]]).into_dyn());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn mean(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Array<f64>, ArrayError> {
        self.reduce::<A, f64>("mean", Reduction::Mean, axes, keepdims)
    }

    /// The variance over `axes` (all if `None`): squared differences from the mean, divided by their number less `ddof`.
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// assert_eq!(x.var(Some(&[0]), 0.0, false)?.compute()?.as_slice(), Some(&[1.0, 2.25][..]));
    /// assert_eq!(x.var(Some(&[0]), 1.0, false)?.compute()?.as_slice(), Some(&[2.0, 4.5][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn var(&self, axes: Option<&[isize]>, ddof: f64, keepdims: bool) -> Result<Array<f64>, ArrayError> {
        self.reduce::<A, f64>("var", Reduction::Var(ddof), axes, keepdims)
    }

    /// The square root of [`var`](Array::var).
    ///
    /// ```
    /// use dask_array::{Array, ndarray::arr2};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1.0, 2.0], [3.0, 5.0]]), 1)?;
    /// assert_eq!(x.std(Some(&[0]), 0.0, false)?.compute()?.as_slice(), Some(&[1.0, 1.5][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn std(&self, axes: Option<&[isize]>, ddof: f64, keepdims: bool) -> Result<Array<f64>, ArrayError> {
        self.reduce::<A, f64>("std", Reduction::Std(ddof), axes, keepdims)
    }
}

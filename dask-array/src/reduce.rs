//! Reductions over axes: each chunk alone, then trees of partial results.

use std::sync::Arc;

use dask_core::layer::{Axis as Block, BlockInput, Reduce};
use dask_core::wire::{Decoder, Encoder, WireError};
use dask_core::{Call, Data, LayerRef, Name, TaskError, Token, Value};
use ndarray::{ArrayD, Axis};
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

/// Folds over axes, which stay with length 1. The last axis lies one after another in memory and is folded in
/// registers; others lane by lane.
fn fold<A: Element>(mut array: ArrayD<A>, axes: &[usize], f: fn(A, A) -> A) -> Result<ArrayD<A>, TaskError> {
    let last = array.ndim().wrapping_sub(1);
    for &axis in axes.iter().rev() {
        if array.shape()[axis] == 0 {
            return Err("a reduction of an empty chunk".into());
        }
        array = if axis == last {
            let folded = array.lanes(Axis(axis)).into_iter().map(|lane| {
                let (first, rest) = (lane[0], lane.slice(ndarray::s![1..]));
                match rest.as_slice() {
                    Some(rest) => rest.iter().fold(first, |s, &x| f(s, x)),
                    None => rest.iter().fold(first, |s, &x| f(s, x)),
                }
            });
            let elements: Vec<A> = folded.collect();
            let mut shape = array.shape().to_vec();
            shape[axis] = 1;
            ArrayD::from_shape_vec(shape, elements)?
        } else {
            let mut lanes = array.axis_iter(Axis(axis));
            let mut state = lanes.next().ok_or("a reduction of an empty chunk")?.to_owned();
            lanes.for_each(|lane| state.zip_mut_with(&lane, |s, &x| *s = f(*s, x)));
            state.insert_axis(Axis(axis))
        };
    }
    Ok(array)
}

impl Reduction {
    fn function<A: Element>(self) -> fn(A, A) -> A {
        match self {
            Self::Product => A::mul,
            Self::Min => |a, b| if a.is_nan() || a <= b { a } else { b },
            Self::Max => |a, b| if a.is_nan() || a >= b { a } else { b },
            _ => A::add,
        }
    }

    /// The state of one chunk.
    pub(crate) fn chunk<A: Element>(self, call: &mut Call<'_>, axes: &[usize]) -> Result<Value, TaskError> {
        let array = call.take::<Chunk<A>>(0)?.0;
        match self {
            Self::Sum | Self::Product => {
                let wide = widen::<A>(array);
                Ok(value(fold(wide, axes, self.function::<A::Sum>())?))
            }
            Self::Min | Self::Max => Ok(value(fold(array, axes, self.function::<A>())?)),
            Self::Mean | Self::Var(_) | Self::Std(_) => {
                let n = axes.iter().map(|&axis| array.shape()[axis]).product::<usize>() as f64;
                let x = array.mapv(A::to_f64);
                let mean = fold(x.clone(), axes, f64::add)? / n;
                let mut square = x;
                let spread = mean.broadcast(square.shape()).ok_or("a mean that does not broadcast")?;
                square.zip_mut_with(&spread, |x, &mean| *x = (*x - mean) * (*x - mean));
                let m2 = if self == Self::Mean { mean.clone() * 0.0 } else { fold(square, axes, f64::add)? };
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

fn widen<A: Element>(array: ArrayD<A>) -> ArrayD<A::Sum> {
    let array: Box<dyn std::any::Any> = Box::new(array);
    match array.downcast::<ArrayD<A::Sum>>() {
        Ok(same) => *same,
        Err(other) => match other.downcast::<ArrayD<A>>() {
            Ok(array) => array.mapv(|x| A::Sum::from_scalar(x.to_scalar())),
            Err(_) => ArrayD::from_elem(ndarray::IxDyn(&[]), A::Sum::from_scalar(Scalar::Int(0))),
        },
    }
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
        if let Some(&axis) = empty {
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
    /// # Errors
    /// [`ArrayError::NoSuchAxis`], [`ArrayError::Empty`].
    pub fn sum(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Array<A::Sum>, ArrayError> {
        self.reduce::<A::Sum, A::Sum>("sum", Reduction::Sum, axes, keepdims)
    }

    /// The product over `axes` (all if `None`); of whole numbers in 64 bits.
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn prod(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Array<A::Sum>, ArrayError> {
        self.reduce::<A::Sum, A::Sum>("prod", Reduction::Product, axes, keepdims)
    }

    /// The smallest over `axes` (all if `None`); not a number if one is not.
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn min(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Self, ArrayError> {
        self.reduce::<A, A>("min", Reduction::Min, axes, keepdims)
    }

    /// The largest over `axes` (all if `None`); not a number if one is not.
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn max(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Self, ArrayError> {
        self.reduce::<A, A>("max", Reduction::Max, axes, keepdims)
    }

    /// The mean over `axes` (all if `None`), in 64-bit floats.
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn mean(&self, axes: Option<&[isize]>, keepdims: bool) -> Result<Array<f64>, ArrayError> {
        self.reduce::<A, f64>("mean", Reduction::Mean, axes, keepdims)
    }

    /// The variance over `axes` (all if `None`): squared differences from the mean, divided by their number less `ddof`.
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn var(&self, axes: Option<&[isize]>, ddof: f64, keepdims: bool) -> Result<Array<f64>, ArrayError> {
        self.reduce::<A, f64>("var", Reduction::Var(ddof), axes, keepdims)
    }

    /// The square root of [`var`](Array::var).
    ///
    /// # Errors
    /// As [`sum`](Array::sum).
    pub fn std(&self, axes: Option<&[isize]>, ddof: f64, keepdims: bool) -> Result<Array<f64>, ArrayError> {
        self.reduce::<A, f64>("std", Reduction::Std(ddof), axes, keepdims)
    }
}

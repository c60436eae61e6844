//! Every built-in operation on chunks, as it travels: one registered task function, with the element type inside.

use dask_core::{Call, TaskError, TaskFn, Token, Value};
use ndarray::{ArrayD, IxDyn, Zip};
use serde::{Deserialize, Serialize};

use crate::assemble::Pieces;
use crate::chunk::Chunk;
use crate::chunks::Chunks;
use crate::element::{DType, Element, Scalar, dispatch};
use crate::random::Distribution;
use crate::reduce::Reduction;

/// Arithmetic of two arrays.
///
/// ```
/// use dask_array::{Array, Binary};
/// use dask_core::Collection;
/// let x = Array::<i64>::arange(-1, 3, 1, 2)?;
/// assert_eq!(x.binary_scalar(Binary::Maximum, 0).compute()?.as_slice(), Some(&[0, 0, 1, 2][..]));
/// assert_eq!(x.binary_scalar(Binary::Remainder, 2).compute()?.as_slice(), Some(&[1, 0, 1, 0][..]));
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Minimum,
    Maximum,
}

/// Comparisons.
///
/// ```
/// use dask_array::{Array, Compare};
/// use dask_core::Collection;
/// let x = Array::<i64>::arange(0, 3, 1, 2)?;
/// assert_eq!(x.compare_scalar(Compare::GreaterEqual, 1).compute()?.as_slice(), Some(&[false, true, true][..]));
/// assert_eq!(x.compare_scalar(Compare::NotEqual, 1).compute()?.as_slice(), Some(&[true, false, true][..]));
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Functions of each element.
///
/// ```
/// use dask_array::{Array, Unary};
/// use dask_core::Collection;
/// let x = Array::<f64>::arange(-1.5, 2.0, 1.5, 2)?;
/// assert_eq!(x.unary(Unary::Power(2.0)).compute()?.as_slice(), Some(&[2.25, 0.0, 2.25][..]));
/// assert_eq!(x.unary(Unary::Floor).compute()?.as_slice(), Some(&[-2.0, 0.0, 1.0][..]));
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unary {
    Negative,
    Absolute,
    Sqrt,
    Exp,
    Log,
    Sin,
    Cos,
    Tan,
    Floor,
    Ceil,
    Round,
    /// To a power.
    Power(f64),
}

/// What a task does with its chunks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Op {
    Full { value: Scalar, chunks: Chunks },
    Arange { start: Scalar, step: Scalar, chunks: Chunks },
    Random { seed: u64, distribution: Distribution, chunks: Chunks },
    Binary(Binary),
    WithScalar { op: Binary, scalar: Scalar, scalar_first: bool },
    Compare(Compare),
    CompareScalar(Compare, Scalar),
    Unary(Unary),
    Cast(DType),
    IsNan,
    Assemble(Pieces),
    Transpose(Vec<usize>),
    ReduceChunk { reduction: Reduction, axes: Vec<usize> },
    ReduceCombine { reduction: Reduction, axes: Vec<usize> },
    ReduceFinish { reduction: Reduction },
    DropAxes(Vec<usize>),
    Dot,
}

/// An operation on chunks of an element type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ArrayTask {
    pub(crate) dtype: DType,
    pub(crate) op: Op,
}
dask_core::portable!(ArrayTask as dyn TaskFn = "array.op");

impl ArrayTask {
    /// What it does, as content: equal operations have equal tokens.
    pub(crate) fn token(&self) -> Token {
        Token::of(&format!("{self:?}"))
    }
}

impl TaskFn for ArrayTask {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        dispatch!(self.dtype, A => self.op.run::<A>(call))
    }

    fn describe(&self) -> std::borrow::Cow<'_, str> {
        let text = format!("{:?}", self.op);
        text.split([' ', '(']).next().unwrap_or("array").to_lowercase().into()
    }
}

fn value<A: Element>(array: ArrayD<A>) -> Result<Value, TaskError> {
    Ok(Value::new(Chunk(array)))
}

impl Op {
    fn run<A: Element>(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        match self {
            Self::Full { value: scalar, chunks } => {
                value(ArrayD::from_elem(IxDyn(&chunks.shape_at(call.index())), A::from_scalar(*scalar)))
            }
            Self::Arange { start, step, chunks } => {
                let first = chunks.start_at(call.index())[0];
                let n = chunks.shape_at(call.index())[0];
                let element = |i: usize| match (start, step) {
                    (Scalar::Int(start), Scalar::Int(step)) => Scalar::Int(start + step * (first + i) as i128),
                    _ => Scalar::Float(number(*start) + number(*step) * (first + i) as f64),
                };
                let elements = (0..n).map(|i| A::from_scalar(element(i))).collect();
                value(ArrayD::from_shape_vec(IxDyn(&[n]), elements)?)
            }
            Self::Random { seed, distribution, chunks } => {
                let task = dask_core::layer::ravel(call.index(), &chunks.grid()).unwrap_or(0);
                value(distribution.fill::<A>(*seed, u64::from(task), &chunks.shape_at(call.index()))?)
            }
            Self::Binary(op) => {
                let (left, right) = (call.take::<Chunk<A>>(0)?.0, call.take::<Chunk<A>>(1)?.0);
                value(binary(*op, left, right)?)
            }
            Self::WithScalar { op, scalar, scalar_first } => {
                let mut array = call.take::<Chunk<A>>(0)?.0;
                let scalar = A::from_scalar(*scalar);
                let f = function::<A>(*op);
                if *scalar_first {
                    array.mapv_inplace(|x| f(scalar, x));
                } else {
                    array.mapv_inplace(|x| f(x, scalar));
                }
                value(array)
            }
            Self::Compare(op) => {
                let (left, right) = (&call.get::<Chunk<A>>(0)?.0, &call.get::<Chunk<A>>(1)?.0);
                let shape = common_shape(left.shape(), right.shape());
                let (left, right) = (broadcast(left, &shape)?, broadcast(right, &shape)?);
                let f = comparison::<A>(*op);
                value(Zip::from(left).and(right).map_collect(|&a, &b| f(a, b)))
            }
            Self::CompareScalar(op, scalar) => {
                let (f, scalar) = (comparison::<A>(*op), A::from_scalar(*scalar));
                value(call.get::<Chunk<A>>(0)?.0.mapv(|x| f(x, scalar)))
            }
            Self::Unary(op) => {
                let mut array = call.take::<Chunk<A>>(0)?.0;
                unary(*op, &mut array);
                value(array)
            }
            Self::Cast(to) => {
                let array = &call.get::<Chunk<A>>(0)?.0;
                dispatch!(*to, B => value(array.mapv(|x| B::from_scalar(x.to_scalar()))))
            }
            Self::IsNan => value(call.get::<Chunk<A>>(0)?.0.mapv(A::is_nan)),
            Self::Assemble(pieces) => value(pieces.assemble::<A>(&mut call)?),
            Self::Transpose(axes) => {
                let array = call.take::<Chunk<A>>(0)?.0.permuted_axes(IxDyn(axes));
                value(array.as_standard_layout().into_owned())
            }
            Self::ReduceChunk { reduction, axes } => reduction.chunk::<A>(&mut call, axes),
            Self::ReduceCombine { reduction, axes } => reduction.combine::<A>(&mut call, axes),
            Self::ReduceFinish { reduction } => reduction.finish(&mut call),
            Self::DropAxes(axes) => {
                let mut array = call.take::<Chunk<A>>(0)?.0;
                for &axis in axes.iter().rev() {
                    array = array.index_axis_move(ndarray::Axis(axis), 0);
                }
                value(array)
            }
            Self::Dot => value(crate::linalg::dot::<A>(&call.get::<Chunk<A>>(0)?.0, &call.get::<Chunk<A>>(1)?.0)?),
        }
    }
}

fn number(scalar: Scalar) -> f64 {
    match scalar {
        Scalar::Int(x) => x as f64,
        Scalar::Float(x) => x,
    }
}

/// The shape both broadcast to; the caller has checked that they do.
fn common_shape(left: &[usize], right: &[usize]) -> Vec<usize> {
    let rank = left.len().max(right.len());
    let at = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank).map(|axis| if at(left, axis) == 1 { at(right, axis) } else { at(left, axis) }).collect()
}

fn broadcast<'a, A>(array: &'a ArrayD<A>, shape: &[usize]) -> Result<ndarray::ArrayViewD<'a, A>, TaskError> {
    array
        .broadcast(shape)
        .ok_or_else(|| format!("a chunk of shape {:?} where {shape:?} was expected", array.shape()).into())
}

/// Into the memory of an operand that already has the shape of the result.
fn binary<A: Element>(op: Binary, mut left: ArrayD<A>, mut right: ArrayD<A>) -> Result<ArrayD<A>, TaskError> {
    let f = function::<A>(op);
    let shape = common_shape(left.shape(), right.shape());
    if left.shape() == shape {
        left.zip_mut_with(&broadcast(&right, &shape)?, |a, &b| *a = f(*a, b));
        return Ok(left);
    }
    if right.shape() == shape {
        right.zip_mut_with(&broadcast(&left, &shape)?, |b, &a| *b = f(a, *b));
        return Ok(right);
    }
    Ok(Zip::from(broadcast(&left, &shape)?).and(broadcast(&right, &shape)?).map_collect(|&a, &b| f(a, b)))
}

fn function<A: Element>(op: Binary) -> fn(A, A) -> A {
    match op {
        Binary::Add => A::add,
        Binary::Subtract => A::sub,
        Binary::Multiply => A::mul,
        Binary::Divide => A::div,
        Binary::Remainder => A::rem,
        Binary::Minimum => |a, b| if a.is_nan() || a <= b { a } else { b },
        Binary::Maximum => |a, b| if a.is_nan() || a >= b { a } else { b },
    }
}

fn comparison<A: Element>(op: Compare) -> fn(A, A) -> bool {
    match op {
        Compare::Equal => |a, b| a == b,
        Compare::NotEqual => |a, b| a != b,
        Compare::Less => |a, b| a < b,
        Compare::LessEqual => |a, b| a <= b,
        Compare::Greater => |a, b| a > b,
        Compare::GreaterEqual => |a, b| a >= b,
    }
}

fn unary<A: Element>(op: Unary, array: &mut ArrayD<A>) {
    let through_float = |array: &mut ArrayD<A>, f: fn(f64) -> f64| {
        array.mapv_inplace(|x| A::from_scalar(Scalar::Float(f(x.to_f64()))));
    };
    match op {
        Unary::Negative => array.mapv_inplace(A::neg),
        Unary::Absolute => array.mapv_inplace(A::abs),
        Unary::Sqrt => through_float(array, f64::sqrt),
        Unary::Exp => through_float(array, f64::exp),
        Unary::Log => through_float(array, f64::ln),
        Unary::Sin => through_float(array, f64::sin),
        Unary::Cos => through_float(array, f64::cos),
        Unary::Tan => through_float(array, f64::tan),
        Unary::Floor => through_float(array, f64::floor),
        Unary::Ceil => through_float(array, f64::ceil),
        Unary::Round => through_float(array, f64::round_ties_even),
        Unary::Power(2.0) => array.mapv_inplace(|x| x.mul(x)),
        Unary::Power(by) => array.mapv_inplace(|x| A::from_scalar(Scalar::Float(x.to_f64().powf(by)))),
    }
}

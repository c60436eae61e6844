//! Element by element, with broadcasting.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

use dask_core::LayerRef;
use dask_core::layer::{Axis, BlockInput};

use crate::Array;
use crate::chunks::{ChunkSpec, Chunks, common};
use crate::element::{Element, Float};
use crate::error::ArrayError;
use crate::op::{Binary, Compare, Op, Unary};

impl<A: Element> Array<A> {
    /// Arithmetic of two arrays of shapes that broadcast; where they are cut in different places, both are cut in all
    /// of them.
    ///
    /// # Errors
    /// [`ArrayError::Broadcast`].
    pub fn binary(&self, op: Binary, other: &Self) -> Result<Self, ArrayError> {
        let what = format!("{op:?}").to_lowercase();
        let (inputs, chunks) = together(&what, self, other)?;
        Ok(Self::blockwise(&what, Op::Binary(op), inputs, chunks))
    }

    /// Arithmetic with a number.
    #[must_use]
    pub fn binary_scalar(&self, op: Binary, scalar: A) -> Self {
        self.each(
            &format!("{op:?}").to_lowercase(),
            Op::WithScalar { op, scalar: scalar.to_scalar(), scalar_first: false },
        )
    }

    /// Compares two arrays of shapes that broadcast.
    ///
    /// # Errors
    /// [`ArrayError::Broadcast`].
    pub fn compare(&self, op: Compare, other: &Self) -> Result<Array<bool>, ArrayError> {
        let what = format!("{op:?}").to_lowercase();
        let (inputs, chunks) = together(&what, self, other)?;
        Ok(typed::<A, bool>(&what, Op::Compare(op), inputs, chunks))
    }

    /// Compares with a number.
    pub fn compare_scalar(&self, op: Compare, scalar: A) -> Array<bool> {
        self.each_to(&format!("{op:?}").to_lowercase(), Op::CompareScalar(op, scalar.to_scalar()))
    }

    fn each(&self, what: &str, op: Op) -> Self {
        self.each_to(what, op)
    }

    fn each_to<B: Element>(&self, what: &str, op: Op) -> Array<B> {
        typed::<A, B>(what, op, vec![(self.aligned(), self.layer().clone())], self.chunks().clone())
    }

    /// The same numbers as another type, as a cast does it.
    pub fn astype<B: Element>(&self) -> Array<B> {
        self.each_to("astype", Op::Cast(B::DTYPE))
    }

    /// Whether each is a float that is not a number.
    pub fn is_nan(&self) -> Array<bool> {
        self.each_to("isnan", Op::IsNan)
    }

    /// Without their signs.
    #[must_use]
    pub fn abs(&self) -> Self {
        self.each("abs", Op::Unary(Unary::Absolute))
    }

    /// No smaller than `low`, no larger than `high`.
    #[must_use]
    pub fn clip(&self, low: A, high: A) -> Self {
        self.binary_scalar(Binary::Maximum, low).binary_scalar(Binary::Minimum, high)
    }
}

impl<A: Float> Array<A> {
    /// A function of each element.
    #[must_use]
    pub fn unary(&self, op: Unary) -> Self {
        self.each(&format!("{op:?}").to_lowercase(), Op::Unary(op))
    }

    /// Square roots.
    #[must_use]
    pub fn sqrt(&self) -> Self {
        self.unary(Unary::Sqrt)
    }

    /// Powers of e.
    #[must_use]
    pub fn exp(&self) -> Self {
        self.unary(Unary::Exp)
    }

    /// Natural logarithms.
    #[must_use]
    pub fn ln(&self) -> Self {
        self.unary(Unary::Log)
    }

    /// To a power.
    #[must_use]
    pub fn powf(&self, by: f64) -> Self {
        self.unary(Unary::Power(by))
    }
}

/// A layer whose task works on chunks of `A` and makes chunks of `B`.
pub(crate) fn typed<A: Element, B: Element>(
    what: &str,
    op: Op,
    inputs: Vec<(BlockInput, LayerRef)>,
    chunks: Chunks,
) -> Array<B> {
    let made = Array::<A>::blockwise(what, op, inputs, chunks);
    Array::from_layer(made.layer().clone(), made.chunks().clone())
}

type Inputs = Vec<(BlockInput, LayerRef)>;

/// Cuts both arrays alike, and says how their blocks meet.
fn together<A: Element>(what: &str, left: &Array<A>, right: &Array<A>) -> Result<(Inputs, Chunks), ArrayError> {
    let rank = left.ndim().max(right.ndim());
    let lengths = |array: &Array<A>, axis: usize| {
        (axis + array.ndim()).checked_sub(rank).map_or_else(|| vec![1], |i| array.chunks().axes()[i].clone())
    };
    let mut chunks = Vec::with_capacity(rank);
    for axis in 0..rank {
        let (a, b) = (lengths(left, axis), lengths(right, axis));
        let (n, m) = (a.iter().sum::<usize>(), b.iter().sum::<usize>());
        chunks.push(match (n, m) {
            _ if n == m => common(&a, &b),
            (1, _) => b,
            (_, 1) => a,
            _ => {
                let (left, right) = (left.shape(), right.shape());
                return Err(ArrayError::Broadcast {
                    operation: what.into(),
                    left,
                    right,
                    axis: rank - 1 - axis,
                    a: n,
                    b: m,
                });
            }
        });
    }
    let chunks = Chunks::from_vec(chunks);
    let inputs = [left, right].map(|array| {
        let skipped = rank - array.ndim();
        let own: Vec<Vec<usize>> = array
            .chunks()
            .axes()
            .iter()
            .enumerate()
            .map(|(i, own)| {
                let to = &chunks.axes()[i + skipped];
                if own.iter().sum::<usize>() == to.iter().sum::<usize>() { to.clone() } else { vec![1] }
            })
            .collect();
        let array = array.rechunk(ChunkSpec::Exact(own))?;
        let axes =
            array.grid().into_iter().enumerate().map(|(i, n)| {
                if n == chunks.grid()[i + skipped] { Axis::Out((i + skipped) as u8) } else { Axis::At(0) }
            });
        let input = BlockInput { name: array.layer().name().clone(), shape: array.grid().into(), axes: axes.collect() };
        Ok((input, array.layer().clone()))
    });
    let [left, right] = inputs;
    Ok((vec![left?, right?], chunks))
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl<A: Element> $trait<&Array<A>> for &Array<A> {
            type Output = Array<A>;
            /// # Panics
            /// If the shapes do not broadcast; [`Array::binary`] returns the error.
            fn $method(self, other: &Array<A>) -> Array<A> {
                match self.binary(Binary::$op, other) {
                    Ok(array) => array,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        impl<A: Element> $trait<A> for &Array<A> {
            type Output = Array<A>;
            fn $method(self, scalar: A) -> Array<A> {
                self.binary_scalar(Binary::$op, scalar)
            }
        }
    )*};
}
operators! { Add add Add; Sub sub Subtract; Mul mul Multiply; Div div Divide; Rem rem Remainder; }

impl<A: Element> Neg for &Array<A> {
    type Output = Array<A>;
    fn neg(self) -> Array<A> {
        self.each("negative", Op::Unary(Unary::Negative))
    }
}

//! Element by element, with broadcasting.

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
    /// ```
    /// use dask_array::{Array, Binary, ndarray::{arr1, arr2}};
    /// use dask_core::Collection;
    /// let x = Array::from_ndarray(&arr2(&[[1, 5], [7, 2]]), 1)?;
    /// let row = Array::from_ndarray(&arr1(&[3, 4]), 2)?;
    /// let least = x.binary(Binary::Minimum, &row)?;
    /// assert_eq!(least.compute()?, arr2(&[[1, 4], [3, 2]]).into_dyn());
    /// // Operators are shorter, and panic where this returns the error.
    /// assert_eq!((&x + &row).compute()?, arr2(&[[4, 9], [10, 6]]).into_dyn());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::Broadcast`].
    pub fn binary(&self, op: Binary, other: &Self) -> Result<Self, ArrayError> {
        let what = format!("{op:?}").to_lowercase();
        let (inputs, chunks) = together(&what, self, other)?;
        Ok(Self::blockwise(&what, Op::Binary(op), inputs, chunks))
    }

    /// Arithmetic of each element and a number: `x op scalar`.
    ///
    /// ```
    /// use dask_array::{Array, Binary};
    /// use dask_core::Collection;
    /// let x = Array::<i32>::arange(0, 4, 1, 2)?;
    /// assert_eq!(x.binary_scalar(Binary::Maximum, 2).compute()?.as_slice(), Some(&[2, 2, 2, 3][..]));
    /// assert_eq!((&x * 10).compute()?.as_slice(), Some(&[0, 10, 20, 30][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn binary_scalar(&self, op: Binary, scalar: A) -> Self {
        self.with_scalar(op, scalar, false)
    }

    /// Arithmetic of a number and each element: `scalar op x`.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::arange(1.0, 4.0, 1.0, 2)?;
    /// assert_eq!((6.0 / &x).compute()?.as_slice(), Some(&[6.0, 3.0, 2.0][..]));
    /// assert_eq!((1.0 - x).compute()?.as_slice(), Some(&[0.0, -1.0, -2.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn scalar_binary(&self, scalar: A, op: Binary) -> Self {
        self.with_scalar(op, scalar, true)
    }

    fn with_scalar(&self, op: Binary, scalar: A, scalar_first: bool) -> Self {
        let what = format!("{op:?}").to_lowercase();
        self.each(&what, Op::WithScalar { op, scalar: scalar.to_scalar(), scalar_first })
    }

    /// Compares two arrays of shapes that broadcast.
    ///
    /// ```
    /// use dask_array::{Array, Compare};
    /// use dask_core::Collection;
    /// let x = Array::<i32>::arange(0, 3, 1, 2)?;
    /// let y = Array::<i32>::arange(2, -1, -1, 2)?;
    /// assert_eq!(x.compare(Compare::Less, &y)?.compute()?.as_slice(), Some(&[true, false, false][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::Broadcast`].
    pub fn compare(&self, op: Compare, other: &Self) -> Result<Array<bool>, ArrayError> {
        let what = format!("{op:?}").to_lowercase();
        let (inputs, chunks) = together(&what, self, other)?;
        Ok(typed::<A, bool>(&what, Op::Compare(op), inputs, chunks))
    }

    /// Compares with a number.
    ///
    /// ```
    /// use dask_array::{Array, Compare, Computed};
    /// use dask_core::Collection;
    /// let x = Array::<f64>::uniform(&[1000], 0.0, 1.0, 100, 42)?;
    /// let below = x.compare_scalar(Compare::Less, 0.25).mean(None, false)?.compute()?.into_scalar()?;
    /// assert!((below - 0.25).abs() < 0.05);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn compare_scalar(&self, op: Compare, scalar: A) -> Array<bool> {
        self.each_to(&format!("{op:?}").to_lowercase(), Op::CompareScalar(op, scalar.to_scalar()))
    }

    pub(crate) fn each(&self, what: &str, op: Op) -> Self {
        self.each_to(what, op)
    }

    fn each_to<B: Element>(&self, what: &str, op: Op) -> Array<B> {
        typed::<A, B>(what, op, vec![(self.aligned(), self.layer().clone())], self.chunks().clone())
    }

    /// The same numbers as another type, as a cast does it.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::arange(0.5, 3.0, 1.0, 2)?;
    /// assert_eq!(x.astype::<i32>().compute()?.as_slice(), Some(&[0, 1, 2][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn astype<B: Element>(&self) -> Array<B> {
        self.each_to("astype", Op::Cast(B::DTYPE))
    }

    /// Whether each is a float that is not a number.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::arange(-1.0, 2.0, 1.0, 2)?.sqrt();
    /// assert_eq!(x.is_nan().compute()?.as_slice(), Some(&[true, false, false][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn is_nan(&self) -> Array<bool> {
        self.each_to("isnan", Op::IsNan)
    }

    /// Without their signs.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<i32>::arange(-2, 2, 1, 2)?;
    /// assert_eq!(x.abs().compute()?.as_slice(), Some(&[2, 1, 0, 1][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn abs(&self) -> Self {
        self.each("abs", Op::Unary(Unary::Absolute))
    }

    /// No smaller than `low`, no larger than `high`.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<i32>::arange(0, 5, 1, 2)?;
    /// assert_eq!(x.clip(1, 3).compute()?.as_slice(), Some(&[1, 1, 2, 3, 3][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn clip(&self, low: A, high: A) -> Self {
        self.binary_scalar(Binary::Maximum, low).binary_scalar(Binary::Minimum, high)
    }
}

impl<A: Float> Array<A> {
    /// A function of each element.
    ///
    /// ```
    /// use dask_array::{Array, Unary};
    /// use dask_core::Collection;
    /// let x = Array::<f64>::arange(0.5, 3.0, 1.0, 2)?;
    /// // Halves go to the even neighbour, as in NumPy.
    /// assert_eq!(x.unary(Unary::Round).compute()?.as_slice(), Some(&[0.0, 2.0, 2.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn unary(&self, op: Unary) -> Self {
        self.each(&format!("{op:?}").to_lowercase(), Op::Unary(op))
    }

    /// Square roots.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::from_ndarray(&dask_array::ndarray::arr1(&[4.0, 9.0]), 1)?;
    /// assert_eq!(x.sqrt().compute()?.as_slice(), Some(&[2.0, 3.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn sqrt(&self) -> Self {
        self.unary(Unary::Sqrt)
    }

    /// Powers of e.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::from_ndarray(&dask_array::ndarray::arr1(&[0.0, 1.0]), 1)?;
    /// assert_eq!(x.exp().compute()?.as_slice(), Some(&[1.0, std::f64::consts::E][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn exp(&self) -> Self {
        self.unary(Unary::Exp)
    }

    /// Natural logarithms.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::from_ndarray(&dask_array::ndarray::arr1(&[1.0, 0.0]), 1)?;
    /// assert_eq!(x.ln().compute()?.as_slice(), Some(&[0.0, f64::NEG_INFINITY][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn ln(&self) -> Self {
        self.unary(Unary::Log)
    }

    /// To a power.
    ///
    /// ```
    /// use dask_array::Array;
    /// use dask_core::Collection;
    /// let x = Array::<f64>::from_ndarray(&dask_array::ndarray::arr1(&[2.0, 3.0]), 1)?;
    /// assert_eq!(x.powf(3.0).compute()?.as_slice(), Some(&[8.0, 27.0][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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

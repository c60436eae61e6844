//! Random arrays: a stream of its own for each chunk, from one seed.

use dask_core::TaskError;
use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::Array;
use crate::chunks::{ChunkSpec, Chunks};
use crate::element::{Element, Float, Scalar};
use crate::error::ArrayError;
use crate::op::Op;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Distribution {
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, deviation: f64 },
}

impl Distribution {
    /// A chunk of stream number `stream`.
    pub(crate) fn fill<A: Element>(self, seed: u64, stream: u64, shape: &[usize]) -> Result<ArrayD<A>, TaskError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        let mut uniform = move || (random.next_u64() >> 11) as f64 * 2f64.powi(-53);
        let n = shape.iter().product();
        let mut elements = Vec::with_capacity(n + 1);
        while elements.len() < n {
            match self {
                Self::Uniform { low, high } => elements.push(low + (high - low) * uniform()),
                // Box and Muller, *A note on the generation of random normal deviates* (1958): two at a time.
                Self::Normal { mean, deviation } => {
                    let (radius, angle) = ((-2.0 * (1.0 - uniform()).ln()).sqrt(), std::f64::consts::TAU * uniform());
                    elements.push(mean + deviation * radius * angle.cos());
                    elements.push(mean + deviation * radius * angle.sin());
                }
            }
        }
        elements.truncate(n);
        let elements = elements.into_iter().map(|x| A::from_scalar(Scalar::Float(x))).collect();
        Ok(ArrayD::from_shape_vec(IxDyn(shape), elements)?)
    }
}

impl<A: Float> Array<A> {
    fn random(shape: &[usize], chunks: &ChunkSpec, seed: u64, distribution: Distribution) -> Result<Self, ArrayError> {
        let chunks = Chunks::new(chunks, shape, size_of::<A>())?;
        Ok(Self::blockwise("random", Op::Random { seed, distribution, chunks: chunks.clone() }, Vec::new(), chunks))
    }

    /// Uniform between `low` and `high`. The same seed and chunks give the same elements, on every scheduler.
    ///
    /// ```
    /// use dask_array::{Array, Computed};
    /// use dask_core::Collection;
    /// let x = Array::<f64>::uniform(&[100, 100], -1.0, 1.0, 50, 7)?;
    /// assert!(x.abs().max(None, false)?.compute()?.into_scalar()? <= 1.0);
    /// assert_eq!(x.compute()?, Array::<f64>::uniform(&[100, 100], -1.0, 1.0, 50, 7)?.compute()?);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn uniform(
        shape: &[usize],
        low: f64,
        high: f64,
        chunks: impl Into<ChunkSpec>,
        seed: u64,
    ) -> Result<Self, ArrayError> {
        Self::random(shape, &chunks.into(), seed, Distribution::Uniform { low, high })
    }

    /// Normal with this mean and standard deviation. The same seed and chunks give the same elements.
    ///
    /// ```
    /// use dask_array::{Array, Computed};
    /// use dask_core::Collection;
    /// let x = Array::<f64>::normal(&[10_000], 5.0, 2.0, 1000, 7)?;
    /// assert!((x.mean(None, false)?.compute()?.into_scalar()? - 5.0).abs() < 0.1);
    /// assert!((x.std(None, 1.0, false)?.compute()?.into_scalar()? - 2.0).abs() < 0.1);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn normal(
        shape: &[usize],
        mean: f64,
        deviation: f64,
        chunks: impl Into<ChunkSpec>,
        seed: u64,
    ) -> Result<Self, ArrayError> {
        Self::random(shape, &chunks.into(), seed, Distribution::Normal { mean, deviation })
    }
}

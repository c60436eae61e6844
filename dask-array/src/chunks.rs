//! How the axes of an array are cut.

use serde::{Deserialize, Serialize};

use crate::error::ArrayError;

/// The lengths of the chunks along each axis.
///
/// ```
/// use dask_array::Chunks;
/// let chunks = Chunks::new(&vec![vec![2, 3], vec![4]].into(), &[5, 4], 8)?;
/// assert_eq!((chunks.axes(), chunks.shape(), chunks.grid()), (&[vec![2, 3], vec![4]][..], vec![5, 4], vec![2, 1]));
/// // The second chunk along the first axis.
/// assert_eq!((chunks.start_at(&[1, 0]), chunks.shape_at(&[1, 0])), (vec![2, 0], vec![3, 4]));
/// # Ok::<(), dask_array::ArrayError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chunks(Vec<Vec<usize>>);

/// Bytes of a chunk where nothing else is said, as Dask has it.
const AUTO_NBYTES: usize = 128 << 20;

/// How chunks are asked for. A number is [`Every`](ChunkSpec::Every), a list of numbers [`Each`](ChunkSpec::Each), a list
/// of lists [`Exact`](ChunkSpec::Exact).
///
/// ```
/// use dask_array::{Array, ChunkSpec};
/// let grid = |chunks: ChunkSpec| Array::<f64>::zeros(&[1000, 600], chunks).map(|x| x.grid());
/// assert_eq!(grid(400.into())?, [3, 2]);
/// assert_eq!(grid((&[250, 600]).into())?, [4, 1]);
/// assert_eq!(grid(vec![vec![100, 900], vec![600]].into())?, [2, 1]);
/// assert_eq!(grid(ChunkSpec::Bytes(1 << 20))?, [3, 2]);
/// assert_eq!(grid(ChunkSpec::Auto)?, [1, 1]);
/// # Ok::<(), dask_array::ArrayError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ChunkSpec {
    /// As near to cubes as possible, of at most 128 MiB. An array that is read gets whole stored chunks, and if one
    /// stored chunk is larger than 128 MiB, each alone.
    #[default]
    Auto,
    /// Along every axis the same length.
    Every(usize),
    /// One length an axis; the last chunk may be shorter.
    Each(Vec<usize>),
    /// Every chunk of every axis.
    Exact(Vec<Vec<usize>>),
    /// The whole array as one chunk.
    Whole,
    /// As near to cubes as possible, with at most this many bytes a chunk.
    Bytes(usize),
}

impl From<usize> for ChunkSpec {
    fn from(length: usize) -> Self {
        Self::Every(length)
    }
}
impl From<Vec<usize>> for ChunkSpec {
    fn from(lengths: Vec<usize>) -> Self {
        Self::Each(lengths)
    }
}
impl From<Vec<Vec<usize>>> for ChunkSpec {
    fn from(lengths: Vec<Vec<usize>>) -> Self {
        Self::Exact(lengths)
    }
}
impl<const N: usize> From<&[usize; N]> for ChunkSpec {
    fn from(lengths: &[usize; N]) -> Self {
        Self::Each(lengths.to_vec())
    }
}
impl From<&[usize]> for ChunkSpec {
    fn from(lengths: &[usize]) -> Self {
        Self::Each(lengths.to_vec())
    }
}
impl From<Chunks> for ChunkSpec {
    fn from(chunks: Chunks) -> Self {
        Self::Exact(chunks.0)
    }
}

impl Chunks {
    /// The chunks of an array of `shape` with elements of `itemsize` bytes.
    ///
    /// ```
    /// use dask_array::Chunks;
    /// let chunks = Chunks::new(&(&[2, 3]).into(), &[4, 5], 8)?;
    /// assert_eq!(chunks.axes(), [[2, 2], [3, 2]]);
    /// assert_eq!((chunks.grid(), chunks.start_at(&[1, 1]), chunks.shape_at(&[1, 1])), (vec![2, 2], vec![2, 3], vec![2, 2]));
    /// # Ok::<(), dask_array::ArrayError>(())
    /// ```
    ///
    /// # Errors
    /// [`ArrayError::WrongRank`], [`ArrayError::ChunksDoNotFit`], [`ArrayError::TooManyChunks`]: all axes together.
    pub fn new(spec: &ChunkSpec, shape: &[usize], itemsize: usize) -> Result<Self, ArrayError> {
        // Counted before anything is allocated: a shape may be any number.
        let each = |lengths: &[usize]| {
            let count = |(&n, &length): (&usize, &usize)| n.div_ceil(length.max(1)).max(1);
            fits(&shape.iter().zip(lengths).map(count).collect::<Vec<_>>())?;
            Ok::<_, ArrayError>(shape.iter().zip(lengths).map(|(&n, &length)| cut(n, length)).collect::<Vec<_>>())
        };
        let ones = vec![1; shape.len()];
        let chunks = match spec {
            ChunkSpec::Every(length) => each(&vec![*length; shape.len()])?,
            ChunkSpec::Whole => each(shape)?,
            ChunkSpec::Auto => each(&near_cube(shape, AUTO_NBYTES / itemsize.max(1), &ones))?,
            ChunkSpec::Bytes(nbytes) => each(&near_cube(shape, (nbytes / itemsize.max(1)).max(1), &ones))?,
            ChunkSpec::Each(lengths) if lengths.len() == shape.len() => each(lengths)?,
            ChunkSpec::Exact(chunks) if chunks.len() == shape.len() => chunks.clone(),
            ChunkSpec::Each(lengths) => return Err(wrong_rank(lengths.len(), shape.len())),
            ChunkSpec::Exact(chunks) => return Err(wrong_rank(chunks.len(), shape.len())),
        };
        for (axis, (chunks, &length)) in chunks.iter().zip(shape).enumerate() {
            let sum = chunks.iter().fold(0, |sum: usize, &n| sum.saturating_add(n));
            if sum != length || chunks.is_empty() {
                return Err(ArrayError::ChunksDoNotFit { axis, chunks: chunks.clone(), sum, length });
            }
        }
        fits(&chunks.iter().map(Vec::len).collect::<Vec<_>>())?;
        Ok(Self(chunks))
    }

    /// As [`new`](Chunks::new), where the array is stored in chunks of the lengths `stored`: [`ChunkSpec::Auto`] cuts along
    /// their borders only.
    pub(crate) fn of_stored(
        spec: &ChunkSpec,
        shape: &[usize],
        itemsize: usize,
        stored: Option<&[usize]>,
    ) -> Result<Self, ArrayError> {
        match (spec, stored) {
            (ChunkSpec::Auto, Some(stored)) if stored.len() == shape.len() => {
                let lengths = near_cube(shape, AUTO_NBYTES / itemsize.max(1), stored);
                Self::new(&ChunkSpec::Each(lengths), shape, itemsize)
            }
            _ => Self::new(spec, shape, itemsize),
        }
    }

    pub(crate) fn from_vec(chunks: Vec<Vec<usize>>) -> Self {
        Self(chunks)
    }

    /// The lengths along each axis.
    pub fn axes(&self) -> &[Vec<usize>] {
        &self.0
    }

    /// Number of elements along each axis.
    pub fn shape(&self) -> Vec<usize> {
        self.0.iter().map(|lengths| lengths.iter().sum()).collect()
    }

    /// Number of chunks along each axis.
    pub fn grid(&self) -> Vec<u32> {
        self.0.iter().map(|lengths| lengths.len() as u32).collect()
    }

    /// The shape of the chunk at `index` of the grid.
    pub fn shape_at(&self, index: &[u32]) -> Vec<usize> {
        index.iter().zip(&self.0).map(|(&i, lengths)| lengths[i as usize]).collect()
    }

    /// The first element of the chunk at `index`, along each axis.
    pub fn start_at(&self, index: &[u32]) -> Vec<usize> {
        index.iter().zip(&self.0).map(|(&i, lengths)| lengths[..i as usize].iter().sum()).collect()
    }
}

/// Whether so many chunks an axis can be counted.
fn fits(grid: &[usize]) -> Result<(), ArrayError> {
    let total = grid.iter().try_fold(1usize, |total, &n| total.checked_mul(n));
    match total {
        Some(total) if total < u32::MAX as usize => Ok(()),
        _ => Err(ArrayError::TooManyChunks { grid: grid.to_vec() }),
    }
}

fn wrong_rank(found: usize, rank: usize) -> ArrayError {
    ArrayError::WrongRank { what: "chunks", found, rank }
}

/// `n` elements in chunks of `length`; the last may be shorter. No elements make one empty chunk.
fn cut(n: usize, length: usize) -> Vec<usize> {
    let length = length.clamp(1, n.max(1));
    let mut lengths = vec![length; n / length];
    if !n.is_multiple_of(length) || n == 0 {
        lengths.push(n % length);
    }
    lengths
}

/// Lengths of at most `n_elements` elements together, as equal as the shape allows. Each is a multiple of the axis's unit
/// or the whole axis; where one unit an axis is more elements than that, it is one unit an axis.
fn near_cube(shape: &[usize], n_elements: usize, units: &[usize]) -> Vec<usize> {
    let mut lengths = shape.to_vec();
    let mut by_length: Vec<usize> = (0..shape.len()).collect();
    by_length.sort_by_key(|&axis| shape[axis]);
    let unit = |axis: usize| units[axis].clamp(1, shape[axis].max(1));
    let mut left = n_elements as f64;
    for (done, &axis) in by_length.iter().enumerate() {
        let least: f64 = by_length[done + 1..].iter().map(|&later| unit(later) as f64).product();
        let fair = left.powf(1.0 / (shape.len() - done) as f64).min(left / least).floor().max(1.0) as usize;
        lengths[axis] = shape[axis].min((fair / unit(axis)).max(1).saturating_mul(unit(axis))).max(1);
        left /= lengths[axis] as f64;
    }
    lengths
}

/// The chunks that both share: cut wherever one of them is.
pub(crate) fn common(a: &[usize], b: &[usize]) -> Vec<usize> {
    let ends = |lengths: &[usize]| {
        lengths
            .iter()
            .scan(0, |end, n| {
                *end += n;
                Some(*end)
            })
            .collect::<Vec<_>>()
    };
    let mut cuts: Vec<usize> = ends(a).into_iter().chain(ends(b)).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut start = 0;
    cuts.into_iter().map(|end| end - std::mem::replace(&mut start, end)).collect()
}

//! The seam from formats to collections: formats implement, collections consume.

use crate::error::TaskError;
use crate::want::{Clause, Honours, Want};
use crate::wire::Portable;

/// A box of an n-d array: for each axis where it starts and how long it is, in elements.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Region {
    /// First element along each axis.
    pub start: Vec<usize>,
    /// Number of elements along each axis.
    pub shape: Vec<usize>,
}

impl Region {
    /// How many elements it holds.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// An n-d format (HDF5, Zarr, npy), read as plain slices in C order.
pub trait ChunkSource<A>: Portable {
    /// Number of elements along each axis.
    fn shape(&self) -> &[usize];

    /// Reads a region into `out`, which has one element for each of the region, in C order.
    ///
    /// # Errors
    /// What, in which file and region.
    fn read(&self, region: &Region, out: &mut [A]) -> Result<(), TaskError>;

    /// The chunks in which the data is stored: reads along their borders are cheap.
    fn stored_chunks(&self) -> Option<&[usize]> {
        None
    }

    /// What tells this source apart from others, for tokens: path, dataset, size and time of the last change.
    fn identity(&self) -> String;
}

/// The items of a partition, one after another.
pub type Items<T> = Box<dyn Iterator<Item = Result<T, TaskError>> + Send>;

/// A partitioned format. `Item` and `Meta` are the library's own types: `(String, ())`, `(RecordBatch, SchemaRef)`.
pub trait PartitionSource: Portable {
    /// What a partition is made of.
    type Item;
    /// What is known before reading.
    type Meta;

    /// How many partitions there are.
    fn n_partitions(&self) -> usize;

    /// What is known before reading.
    fn meta(&self) -> &Self::Meta;

    /// Reads a partition; nothing is opened before the first item is asked for where that can be helped.
    ///
    /// # Errors
    /// What, in which file and line.
    fn read(&self, partition: usize, want: &Want) -> Result<Items<Self::Item>, TaskError>;

    /// How well `clause` is honoured by [`read`](PartitionSource::read).
    fn honours(&self, _clause: &Clause) -> Honours {
        Honours::No
    }

    /// What tells this source apart from others, for tokens: paths, sizes, times of the last change, options.
    fn identity(&self) -> String;
}

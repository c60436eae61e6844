//! The seam from collections to formats that write.

use crate::error::TaskError;
use crate::source::{Items, Region};
use crate::wire::Portable;

/// What a write leaves for [`commit`](PartitionSink::commit): the temporary name, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// What was written, as the sink understands it (usually a temporary path).
    pub what: String,
    /// Rows or elements.
    pub n_items: u64,
}
crate::data!(Receipt, |receipt| receipt.what.capacity());

/// Writes n-d chunks. Chunks are written under temporary names; `commit`, the last task, makes them the result.
pub trait ChunkSink<A>: Portable {
    /// Writes one region, in C order.
    ///
    /// # Errors
    /// What, in which file.
    fn write(&self, region: &Region, data: &[A]) -> Result<Receipt, TaskError>;

    /// Makes what was written the result.
    ///
    /// # Errors
    /// What could not be renamed; what stood there before stays.
    fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError>;
}

/// Writes partitions. Each goes to a temporary name; `commit`, the last task, makes them the result.
pub trait PartitionSink: Portable {
    /// What a partition is made of.
    type Item;

    /// Writes one partition.
    ///
    /// # Errors
    /// What, in which file.
    fn write(&self, partition: usize, items: Items<Self::Item>) -> Result<Receipt, TaskError>;

    /// Makes what was written the result.
    ///
    /// # Errors
    /// What could not be renamed; what stood there before stays.
    fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError>;
}

//! Tables by columns: Parquet files, a partition a row group; written one file a partition.

mod prune;
mod read;
mod write;

pub use read::ParquetSource;
pub use write::{Compression, ParquetSink};

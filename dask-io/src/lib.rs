//! Formats and stores: text, JSON lines, CSV, Parquet, HDF5; read and written in partitions and chunks.
//!
//! Each format is a [`PartitionSource`](dask_core::PartitionSource) or a [`ChunkSource`](dask_core::ChunkSource), and
//! can be read without any collection; the features `bag`, `array` and `frame` add one-line readers and writers of these.
//!
//! Features: a format each (`json`, `csv`, `parquet`, `hdf5`; text is always there), `hdf5-static` to build the HDF5
//! library instead of linking the system's, and `bag`, `array`, `frame`.

pub mod error; // what can go wrong
#[cfg(any(feature = "csv", feature = "parquet", all(feature = "hdf5", feature = "frame")))]
mod schema; // of tables: types, and how they travel
pub mod store; // files: listing, opening, writing and then renaming
pub mod text; // lines by byte range, through gzip

#[cfg(feature = "csv")]
pub mod csv; // tables as text
#[cfg(feature = "hdf5")]
pub mod hdf5; // n-d datasets
#[cfg(feature = "json")]
pub mod json_lines; // a JSON value a line
#[cfg(feature = "parquet")]
pub mod parquet; // tables by columns

#[cfg(feature = "array")]
pub mod array;
#[cfg(feature = "bag")]
pub mod bag;
#[cfg(feature = "frame")]
pub mod frame;

pub use error::IoError;

/// The page of the crate, so that its example is compiled.
#[cfg(all(doctest, feature = "csv", feature = "parquet", feature = "frame"))]
#[doc = include_str!("../README.md")]
struct Readme;

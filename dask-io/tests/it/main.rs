//! Behaviour of formats: what is written is read, what is damaged is named.

#[cfg(all(feature = "csv", feature = "frame"))]
mod csv;
#[cfg(all(feature = "hdf5", feature = "array"))]
mod hdf5;
#[cfg(all(feature = "hdf5", feature = "frame"))]
mod hdf5_table;
#[cfg(all(feature = "json", feature = "bag"))]
mod json;
#[cfg(all(feature = "parquet", feature = "frame"))]
mod parquet;
mod text;

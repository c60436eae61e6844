//! Behaviour of formats: what is written is read, what is damaged is named.

mod bad_input;
#[cfg(all(feature = "csv", feature = "frame"))]
mod csv;
#[cfg(all(feature = "csv", feature = "frame"))]
mod csv_dates;
#[cfg(all(
    unix,
    any(
        feature = "bag",
        all(feature = "frame", any(feature = "csv", feature = "parquet", feature = "hdf5")),
        all(feature = "hdf5", feature = "array")
    )
))]
mod full_disk;
#[cfg(all(feature = "hdf5", feature = "array"))]
mod hdf5;
#[cfg(all(feature = "hdf5", feature = "frame"))]
mod hdf5_table;
#[cfg(all(feature = "json", feature = "bag"))]
mod json;
#[cfg(all(feature = "parquet", feature = "frame"))]
mod parquet;
#[cfg(all(feature = "frame", any(feature = "csv", feature = "parquet", feature = "hdf5")))]
mod projection;
#[cfg(all(feature = "csv", feature = "parquet", feature = "hdf5", feature = "frame"))]
mod pushdown;
mod text;
#[cfg(all(feature = "json", feature = "bag"))]
mod textfiles;

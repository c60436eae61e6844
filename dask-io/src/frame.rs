//! Frames from and into files, in one line.

#[cfg(feature = "csv")]
use std::sync::Arc;

#[cfg(feature = "csv")]
use dask_frame::DataFrame;

/// A frame of the CSV files that a pattern names.
///
/// # Errors
/// As [`CsvSource::open`](crate::csv::CsvSource::open).
#[cfg(feature = "csv")]
pub fn read_csv(pattern: &str, options: crate::csv::CsvOptions) -> Result<DataFrame, crate::IoError> {
    Ok(DataFrame::from_source(Arc::new(crate::csv::CsvSource::open(pattern, options)?)))
}

//! Tables as text: CSV files, by byte range, with types from a sample.

mod columns;
mod fields;
mod source;

pub use columns::ColumnType;
pub use source::{CsvOptions, CsvSource};

//! Tables as text: CSV files, by byte range, with types from a sample.

mod columns;
mod fields;
mod source;
mod write;

pub use columns::ColumnType;
pub use source::{CsvOptions, CsvSource};
pub use write::CsvSink;

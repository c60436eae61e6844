//! Tables as text: CSV files, by byte range, with types from a sample.

mod columns; // types, and values gathered from fields
mod delimiters; // where separators and line ends stand
mod fields; // where each field stands
mod input; // the bytes of a block, piece by piece
mod parse; // a block to a record batch
mod source; // options, files, partitions
mod values; // a field to a value
mod write; // record batches to files

pub use columns::ColumnType;
pub use source::{CsvOptions, CsvSource};
pub use write::CsvSink;

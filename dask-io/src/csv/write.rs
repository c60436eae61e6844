//! Record batches into a folder of CSV files.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSink, Receipt, TaskError};
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::schema;
use crate::store::PartFolder;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// A folder of files `part.000000.csv`, one a partition, each with the header.
///
/// Nulls are empty fields; floats have as many digits as they need to be read back alike; texts are quoted where they
/// must be. A text that reads as null (`NA`, or nothing at all) comes back as null, as from pandas.
///
/// Parts are written under temporary names and renamed when all are written; parts of an earlier, longer table are
/// removed then.
///
/// ```
#[doc = include_str!("../example.txt")]
/// // name, age: Ada 36, Alan 41
/// use dask_io::csv::CsvSink;
/// let sink = CsvSink::create(folder.path(), &batch.schema());
/// let receipt = sink.write(0, Box::new([Ok(batch)].into_iter()))?;
/// let part = folder.path().join("part.000000.csv");
/// assert!(!part.exists());
/// sink.commit(&[receipt])?;
/// assert_eq!(std::fs::read_to_string(part)?, "name,age\nAda,36\nAlan,41\n");
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CsvSink {
    folder: PartFolder,
    #[serde(with = "schema")]
    schema: SchemaRef,
    separator: u8,
}

impl CsvSink {
    /// A table at `folder`, with these columns and commas. Nothing is touched before the first part is written.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// // name, age: Ada 36, Alan 41
    /// let table = folder.path().join("people");
    /// let sink = dask_io::csv::CsvSink::create(&table, &batch.schema());
    /// assert!(!table.exists());
    /// sink.commit(&[sink.write(0, Box::new([Ok(batch)].into_iter()))?])?;
    /// assert!(table.join("part.000000.csv").exists());
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    pub fn create(folder: impl Into<PathBuf>, schema: &SchemaRef) -> Self {
        Self { folder: PartFolder::new(folder, "csv"), schema: schema::nullable(schema), separator: b',' }
    }

    /// Another byte between fields.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// // name, age: Ada 36, Alan 41
    /// let sink = dask_io::csv::CsvSink::create(folder.path(), &batch.schema()).separator(b';');
    /// sink.commit(&[sink.write(0, Box::new([Ok(batch)].into_iter()))?])?;
    /// assert_eq!(std::fs::read_to_string(folder.path().join("part.000000.csv"))?, "name;age\nAda;36\nAlan;41\n");
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    #[must_use]
    pub fn separator(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }
}

impl CsvSink {
    fn part(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
        let path = self.folder.path_of(partition);
        let mut file = self.folder.create(partition)?;
        let mut out = Vec::with_capacity(BUFFER + (BUFFER >> 3));
        for (i, field) in self.schema.fields().iter().enumerate() {
            if i > 0 {
                out.push(self.separator);
            }
            text(field.name(), self.separator, &mut out);
        }
        out.push(b'\n');
        let mut n_items = 0;
        for batch in items {
            let batch = batch?;
            let cells: Vec<Cells<'_>> =
                batch.columns().iter().map(|column| Cells::of(column)).collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                let begins = out.len();
                for (i, column) in cells.iter().enumerate() {
                    if i > 0 {
                        out.push(self.separator);
                    }
                    column.write(row, self.separator, &mut out).map_err(IoError::format(&path))?;
                }
                if out.len() == begins {
                    // An empty line would be no row.
                    out.extend_from_slice(b"\"\"");
                }
                out.push(b'\n');
                if out.len() >= BUFFER {
                    file.write_all(&out).map_err(IoError::file(&path))?;
                    out.clear();
                }
            }
            n_items += batch.num_rows() as u64;
        }
        file.write_all(&out).map_err(IoError::file(&path))?;
        self.folder.park(partition, file, n_items)
    }
}

impl PartitionSink for CsvSink {
    type Item = RecordBatch;

    fn write(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
        self.part(partition, items).inspect_err(|_| self.folder.clear())
    }

    fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError> {
        Ok(self.folder.commit(receipts)?)
    }
}

/// A column that is being written: the common types by themselves, all others through Arrow's display.
enum Cells<'a> {
    Int32(&'a arrow_array::Int32Array),
    Int64(&'a arrow_array::Int64Array),
    Float32(&'a arrow_array::Float32Array),
    Float64(&'a arrow_array::Float64Array),
    Utf8(&'a arrow_array::StringArray),
    Other(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> Cells<'a> {
    fn of(column: &'a dyn Array) -> Result<Self, ArrowError> {
        Ok(match column.data_type() {
            DataType::Int32 => Self::Int32(column.as_primitive::<Int32Type>()),
            DataType::Int64 => Self::Int64(column.as_primitive::<Int64Type>()),
            DataType::Float32 => Self::Float32(column.as_primitive::<Float32Type>()),
            DataType::Float64 => Self::Float64(column.as_primitive::<Float64Type>()),
            DataType::Utf8 => Self::Utf8(column.as_string::<i32>()),
            _ => {
                static OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);
                Self::Other(column, ArrayFormatter::try_new(column, &OPTIONS)?)
            }
        })
    }

    fn write(&self, row: usize, separator: u8, out: &mut Vec<u8>) -> Result<(), std::fmt::Error> {
        let array: &dyn Array = match self {
            Self::Int32(array) => *array,
            Self::Int64(array) => *array,
            Self::Float32(array) => *array,
            Self::Float64(array) => *array,
            Self::Utf8(array) => *array,
            Self::Other(array, _) => *array,
        };
        if array.is_null(row) {
            return Ok(());
        }
        // Writing into memory does not fail.
        let _ = match self {
            Self::Int32(array) => write!(out, "{}", array.value(row)),
            Self::Int64(array) => write!(out, "{}", array.value(row)),
            Self::Float32(array) => write!(out, "{:?}", array.value(row)),
            Self::Float64(array) => write!(out, "{:?}", array.value(row)),
            Self::Utf8(array) => {
                text(array.value(row), separator, out);
                Ok(())
            }
            Self::Other(_, formatter) => {
                let value = formatter.value(row).try_to_string().map_err(|_| std::fmt::Error)?;
                text(&value, separator, out);
                Ok(())
            }
        };
        Ok(())
    }
}

/// A text, in quotes where it could be taken for something else.
fn text(text: &str, separator: u8, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if memchr::memchr3(b'"', b'\n', b'\r', bytes).is_none() && memchr::memchr(separator, bytes).is_none() {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for &byte in bytes {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl Portable for CsvSink {
    fn wire_name(&self) -> &'static str {
        "io.csv.write"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.csv.write", |input| {
    let sink: CsvSink = input.serde()?;
    let sink: Arc<dyn PartitionSink<Item = RecordBatch>> = Arc::new(sink);
    Ok(Box::new(sink))
});

//! Record batches into a folder of Parquet files.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSink, Receipt, TaskError};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use crate::error::IoError;
use crate::schema;
use crate::store::PartFolder;

/// How pages are compressed.
///
/// ```
#[doc = include_str!("../example.txt")]
/// use dask_io::parquet::{Compression, ParquetSink};
/// let name: ArrayRef = Arc::new(StringArray::from(vec!["Ada, Countess of Lovelace, ".repeat(100)]));
/// let batch = RecordBatch::try_from_iter([("name", name)])?;
/// let nbytes = |compression| {
///     let sink = ParquetSink::create(folder.path(), &batch.schema(), compression);
///     sink.commit(&[sink.write(0, Box::new([Ok(batch.clone())].into_iter()))?])?;
///     Ok::<_, dask_core::TaskError>(std::fs::metadata(folder.path().join("part.000000.parquet"))?.len())
/// };
/// assert!(nbytes(Compression::Gzip)? < nbytes(Compression::None)?);
/// assert_eq!(nbytes(Compression::default())?, nbytes(Compression::Snappy)?);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast.
    #[default]
    Snappy,
    /// Smaller, slower.
    Gzip,
}

/// A folder of files `part.000000.parquet`, one a partition, with a row group a million rows.
///
/// Parts are written under temporary names and renamed when all are written; parts of an earlier, longer table are
/// removed then. Other files of the folder stay as they are.
///
/// ```
#[doc = include_str!("../example.txt")]
/// // name, age: Ada 36, Alan 41
/// use dask_io::parquet::{Compression, ParquetSink, ParquetSource};
/// let sink = ParquetSink::create(folder.path(), &batch.schema(), Compression::Snappy);
/// let receipt = sink.write(0, Box::new([Ok(batch.clone())].into_iter()))?;
/// sink.commit(&[receipt])?;
/// let source = ParquetSource::open(&folder.path().to_string_lossy())?;
/// assert_eq!(source.read(0, &Want::default())?.next().ok_or("nothing")??.columns(), batch.columns());
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParquetSink {
    folder: PartFolder,
    #[serde(with = "schema")]
    schema: SchemaRef,
    compression: Compression,
}

impl ParquetSink {
    /// A table at `folder`, with these columns. Nothing is touched before the first part is written.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// // name, age: Ada 36, Alan 41
    /// use dask_io::parquet::{Compression, ParquetSink};
    /// let table = folder.path().join("people");
    /// let sink = ParquetSink::create(&table, &batch.schema(), Compression::Gzip);
    /// assert!(!table.exists());
    /// sink.commit(&[sink.write(0, Box::new([Ok(batch)].into_iter()))?])?;
    /// assert!(table.join("part.000000.parquet").exists());
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    pub fn create(folder: impl Into<PathBuf>, schema: &SchemaRef, compression: Compression) -> Self {
        Self { folder: PartFolder::new(folder, "parquet"), schema: schema::nullable(schema), compression }
    }
}

impl ParquetSink {
    fn part(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
        let path = self.folder.path_of(partition);
        let compression = match self.compression {
            Compression::None => parquet::basic::Compression::UNCOMPRESSED,
            Compression::Snappy => parquet::basic::Compression::SNAPPY,
            Compression::Gzip => parquet::basic::Compression::GZIP(parquet::basic::GzipLevel::default()),
        };
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut file = self.folder.create(partition)?;
        let mut writer =
            ArrowWriter::try_new(&mut file, self.schema.clone(), Some(properties)).map_err(IoError::format(&path))?;
        let mut n_items = 0;
        for batch in items {
            let batch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let batch = RecordBatch::try_new_with_options(self.schema.clone(), batch.columns().to_vec(), &options)?;
            writer.write(&batch).map_err(IoError::format(&path))?;
            n_items += batch.num_rows() as u64;
        }
        writer.close().map_err(IoError::format(&path))?;
        self.folder.park(partition, file, n_items)
    }
}

impl PartitionSink for ParquetSink {
    type Item = RecordBatch;

    fn write(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
        self.part(partition, items).inspect_err(|_| self.folder.clear())
    }

    fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError> {
        Ok(self.folder.commit(receipts)?)
    }
}

impl Portable for ParquetSink {
    fn wire_name(&self) -> &'static str {
        "io.parquet.write"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.parquet.write", |input| {
    let sink: ParquetSink = input.serde()?;
    let sink: Arc<dyn PartitionSink<Item = RecordBatch>> = Arc::new(sink);
    Ok(Box::new(sink))
});

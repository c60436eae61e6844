//! Record batches into a table of a new HDF5 file.
//!
//! How many rows stand before a partition is known only when all are there, and one file takes one writer. So each
//! partition is written as a file of its own, by whichever thread or process has it, and the last task joins them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSink, Receipt, TaskError};
use hdf5::{File, Group};
use serde::{Deserialize, Serialize};

use super::columns;
use super::table_read::rows;
use super::write::{flush, oldest_format};
use crate::error::IoError;
use crate::schema;
use crate::store::{AtomicFile, Staging, parked, receipt};

/// Rows that are copied at a time.
const ROWS: usize = 1 << 18;

/// A new HDF5 file with one table: a dataset a column, readable by any HDF5 library.
///
/// ```
#[doc = include_str!("../example.txt")]
/// // name, age: Ada 36, Alan 41
/// use dask_io::hdf5::{TableSink, TableSource};
/// let path = folder.path().join("people.h5");
/// let sink = TableSink::create(&path, "/people", &batch.schema())?;
/// let receipts = [sink.write(0, Box::new([Ok(batch.clone())].into_iter()))?];
/// assert!(!path.exists());
/// sink.commit(&receipts)?;
/// let source = TableSource::open(&path.to_string_lossy(), "/people", 10)?;
/// assert_eq!(source.read(0, &Want::default())?.next().ok_or("nothing")??.columns(), batch.columns());
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableSink {
    path: PathBuf,
    key: String,
    #[serde(with = "schema")]
    schema: SchemaRef,
    staging: Staging,
}

impl TableSink {
    /// A file at `path` with the table `key`; what stands at `path` stays until all is written. Nothing is touched before
    /// the first partition is written.
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// // name, age: Ada 36, Alan 41
    /// use dask_io::{IoError, hdf5::TableSink};
    /// let path = folder.path().join("people.h5");
    /// assert!(TableSink::create(&path, "/people", &batch.schema()).is_ok());
    /// assert!(!path.exists());
    /// assert!(matches!(TableSink::create(&path, "/", &batch.schema()), Err(IoError::Format { .. })));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::BadColumn`] for names and types that HDF5 does not have; [`IoError::Format`] without any column or key.
    pub fn create(path: impl Into<PathBuf>, key: &str, schema: &SchemaRef) -> Result<Self, IoError> {
        let path = path.into();
        let key = key.trim_matches('/').to_owned();
        if key.is_empty() || schema.fields().is_empty() {
            let message = "a table needs a key (such as \"/data\") and at least one column".into();
            return Err(IoError::Format { path, message });
        }
        for field in schema.fields() {
            if let Some(why) = columns::refusal(field) {
                return Err(IoError::BadColumn { path, column: field.name().clone(), why });
            }
        }
        let staging = Staging::within(path.parent().unwrap_or(Path::new("")));
        Ok(Self { path, key, schema: schema::nullable(schema), staging })
    }

    /// Makes a file with an empty table of `n_rows` rows.
    fn table(&self, at: &Path, n_rows: usize) -> Result<(File, Group), IoError> {
        let file = oldest_format().create(at).map_err(IoError::format(&self.path))?;
        let group = file.create_group(&self.key).map_err(IoError::format(&self.path))?;
        columns::create(&group, &self.schema, n_rows).map_err(IoError::format(&self.path))?;
        Ok((file, group))
    }

    fn write_rows(&self, group: &Group, start: usize, batch: &RecordBatch) -> Result<(), IoError> {
        let columns = self.schema.fields().iter().zip(batch.columns());
        columns.into_iter().try_for_each(|(field, column)| {
            columns::write(group, field, start, column).map_err(IoError::format(&self.path))
        })
    }

    /// Joins parts, in the order of the partitions, into the file.
    fn join(&self, parts: &[(usize, PathBuf, usize)]) -> Result<(), TaskError> {
        let file = AtomicFile::create(&self.path)?;
        let (opened, group) = self.table(file.part(), parts.iter().map(|part| part.2).sum())?;
        let mut at = 0;
        for (_, part, n_rows) in parts {
            let from = File::open(part).and_then(|file| file.group(&self.key)).map_err(IoError::format(part))?;
            for start in (0..*n_rows).step_by(ROWS) {
                let batch = rows(part, &from, &self.schema, start, ROWS.min(n_rows - start))?;
                self.write_rows(&group, at, &batch)?;
                at += batch.num_rows();
            }
        }
        drop(group);
        flush(opened).map_err(IoError::format(&self.path))?;
        file.finish()?;
        Ok(())
    }

    fn part(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
        let batches = items.collect::<Result<Vec<_>, _>>()?;
        let n_rows = batches.iter().map(RecordBatch::num_rows).sum();
        let file = AtomicFile::staged(&self.staging, self.path.clone())?;
        let (opened, group) = self.table(file.part(), n_rows)?;
        let mut start = 0;
        for batch in &batches {
            self.write_rows(&group, start, batch)?;
            start += batch.num_rows();
        }
        drop(group);
        flush(opened).map_err(IoError::format(&self.path))?;
        receipt(partition, &file.park()?, n_rows as u64)
    }
}

impl PartitionSink for TableSink {
    type Item = RecordBatch;

    fn write(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
        self.part(partition, items).inspect_err(|_| self.staging.clear())
    }

    fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError> {
        let mut parts = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let (partition, path) = parked(receipt, &self.path)?;
            parts.push((partition, path, receipt.n_items as usize));
        }
        parts.sort();
        let joined = self.join(&parts);
        self.staging.clear();
        joined
    }
}

impl Portable for TableSink {
    fn wire_name(&self) -> &'static str {
        "io.hdf5.table.write"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.hdf5.table.write", |input| {
    let sink: TableSink = input.serde()?;
    let sink: Arc<dyn PartitionSink<Item = RecordBatch>> = Arc::new(sink);
    Ok(Box::new(sink))
});

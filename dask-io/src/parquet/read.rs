//! Parquet files as a source of record batches.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Clause, Honours, Items, PartitionSource, TaskError, Want};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use serde::{Deserialize, Serialize};

use super::prune;
use crate::error::IoError;
use crate::schema;
use crate::store::{FileInfo, expand};

/// Rows that are decoded at a time: a usual row group, so that nothing is put together afterwards,
const BATCH: usize = 1 << 20;
/// or less where rows are left out before that.
const BATCH_FILTERED: usize = 1 << 16;

/// A row group of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RowGroup {
    /// Which of the source's files.
    file: u32,
    /// Which of the file's row groups.
    number: u32,
}

/// Parquet files with the same columns; each row group is a partition. Texts of every kind are read as `Utf8`, all
/// columns as nullable.
///
/// Only the columns that are wanted are read. A row group is passed over when its statistics say that no row of it
/// fulfils all clauses ([`Honours::Roughly`]).
///
/// ```
/// use dask_core::{PartitionSource, Want};
/// use dask_io::parquet::ParquetSource;
/// // Six rows with the column `id` from 0, and others, in three row groups.
/// let source = ParquetSource::open("tests/fixtures/pandas.parquet")?;
/// let want = Want { columns: Some(vec!["id".into()]), ..Want::default() };
/// let batch = source.read(2, &want)?.next().ok_or("nothing")??;
/// assert_eq!((source.n_partitions(), batch.num_rows(), batch.num_columns()), (3, 2, 1));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParquetSource {
    files: Vec<FileInfo>,
    row_groups: Vec<RowGroup>,
    #[serde(with = "schema")]
    schema: SchemaRef,
}

impl ParquetSource {
    /// The files that a pattern names, or those of a folder that end in `.parquet`. Their footers are read.
    ///
    /// # Errors
    /// As [`expand`]; [`IoError::Format`] for what is no Parquet file, [`IoError::WrongColumns`], [`IoError::UnknownCodec`]
    /// for compressions other than Snappy and gzip.
    ///
    /// ```
    /// use dask_core::{Clause, Literal, Operator, PartitionSource, Want};
    /// use dask_io::parquet::ParquetSource;
    ///
    /// // Six rows with the column `id` from 0, in three row groups.
    /// let source = ParquetSource::open("tests/fixtures/pandas.parquet")?;
    /// assert_eq!((source.n_partitions(), source.meta().field(0).name().as_str()), (3, "id"));
    /// let clause = Clause { column: "id".into(), operator: Operator::Lt, literal: Literal::Int64(2) };
    /// let want = Want { clauses: vec![clause], ..Want::default() };
    /// assert_eq!((source.read(0, &want)?.count(), source.read(2, &want)?.count()), (1, 0));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    pub fn open(pattern: &str) -> Result<Self, IoError> {
        let files = if Path::new(pattern).is_dir() {
            expand(&format!("{}/*.parquet", glob::Pattern::escape(pattern.trim_end_matches('/'))))?
        } else {
            expand(pattern)?
        };
        let mut row_groups = Vec::new();
        let mut first: Option<SchemaRef> = None;
        for (i, file) in files.iter().enumerate() {
            let (_, metadata) = footer(&file.path)?;
            let found = schema::nullable(metadata.schema());
            let expected = first.get_or_insert_with(|| found.clone());
            if found.fields() != expected.fields() {
                let (found, expected) = (schema::text(&found), schema::text(expected));
                return Err(IoError::WrongColumns { path: file.path.clone(), found, expected });
            }
            if let Some((column, codec)) = unknown_codec(metadata.metadata()) {
                return Err(IoError::UnknownCodec { path: file.path.clone(), column, codec });
            }
            let numbers = 0..metadata.metadata().num_row_groups() as u32;
            row_groups.extend(numbers.map(|number| RowGroup { file: i as u32, number }));
        }
        // A table without any row still has one partition.
        if row_groups.is_empty() {
            row_groups.push(RowGroup { file: 0, number: u32::MAX });
        }
        let schema = first.unwrap_or_else(|| Arc::new(Schema::empty()));
        Ok(Self { files, row_groups, schema })
    }

    /// Where the wanted columns stand among all.
    fn positions(&self, want: &Want) -> Result<Vec<usize>, IoError> {
        let position = |column: &String| {
            self.schema.index_of(column).map_err(|_| IoError::UnknownColumn {
                column: column.clone(),
                known: self.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", "),
            })
        };
        match &want.columns {
            None => Ok((0..self.schema.fields().len()).collect()),
            Some(columns) => columns.iter().map(position).collect(),
        }
    }
}

/// A column that is compressed in a way that is not built in.
fn unknown_codec(metadata: &ParquetMetaData) -> Option<(String, String)> {
    use parquet::basic::Compression::{GZIP, SNAPPY, UNCOMPRESSED};
    let mut columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let unknown = columns.find(|column| !matches!(column.compression(), UNCOMPRESSED | SNAPPY | GZIP(_)))?;
    Some((unknown.column_path().string(), unknown.compression().to_string()))
}

/// Opens a file and reads what it holds.
fn footer(path: &Path) -> Result<(File, ArrowReaderMetadata), IoError> {
    let file = File::open(path).map_err(IoError::file(path))?;
    let stored = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(IoError::format(path))?;
    let plain = schema::plain(stored.schema());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(plain));
    let metadata = ArrowReaderMetadata::try_new(stored.metadata().clone(), options).map_err(IoError::format(path))?;
    Ok((file, metadata))
}

impl PartitionSource for ParquetSource {
    type Item = RecordBatch;
    type Meta = SchemaRef;

    fn n_partitions(&self) -> usize {
        self.row_groups.len()
    }

    fn meta(&self) -> &SchemaRef {
        &self.schema
    }

    fn read(&self, partition: usize, want: &Want) -> Result<Items<RecordBatch>, TaskError> {
        let RowGroup { file, number } = self.row_groups[partition];
        let path = self.files[file as usize].path.clone();
        let positions = self.positions(want)?;
        let schema = Arc::new(self.schema.project(&positions)?);
        let (file, metadata) = footer(&path)?;
        let all = metadata.metadata();
        if number == u32::MAX
            || (number as usize) < all.num_row_groups() && prune::none(&metadata, number, &want.clauses)
        {
            return Ok(Box::new(std::iter::empty()));
        }
        if all.num_row_groups() <= number as usize
            || schema::nullable(metadata.schema()).fields() != self.schema.fields()
        {
            let message = "the file has changed since it was listed; open the source again".into();
            return Err(IoError::Format { path, message }.into());
        }
        // The reader gives columns in the file's order, each once.
        let mut distinct = positions.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let order: Vec<usize> = positions.iter().filter_map(|at| distinct.binary_search(at).ok()).collect();
        let mask = ProjectionMask::roots(all.file_metadata().schema_descr(), distinct);
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(vec![number as usize])
            .with_projection(mask)
            .with_batch_size(if want.clauses.is_empty() { BATCH } else { BATCH_FILTERED });
        // With clauses, the rows that are wanted may stand anywhere.
        if let (Some(limit), true) = (want.limit, want.clauses.is_empty()) {
            reader = reader.with_limit(limit);
        }
        let reader = reader.build().map_err(IoError::format(&path))?;
        Ok(Box::new(reader.map(move |batch| {
            let batch = batch.map_err(IoError::format(&path))?;
            let columns = order.iter().map(|&at| batch.column(at).clone()).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
        })))
    }

    fn honours(&self, clause: &Clause) -> Honours {
        match self.schema.field_with_name(&clause.column) {
            Ok(field) if prune::understands(field.data_type(), clause) => Honours::Roughly,
            _ => Honours::No,
        }
    }

    fn identity(&self) -> String {
        format!("{:?}", self.files)
    }
}

impl Portable for ParquetSource {
    fn wire_name(&self) -> &'static str {
        "io.parquet"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.parquet", |input| {
    let source: ParquetSource = input.serde()?;
    let source: Arc<dyn PartitionSource<Item = RecordBatch, Meta = SchemaRef>> = Arc::new(source);
    Ok(Box::new(source))
});

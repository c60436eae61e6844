//! A table of an HDF5 file as a source of record batches.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSource, TaskError, Want};
use hdf5::{File, Group};
use serde::{Deserialize, Serialize};

use super::columns;
use crate::error::IoError;
use crate::schema;
use crate::store::{FileInfo, only};

/// A table that [`TableSink`](super::TableSink) wrote, cut into partitions of equally many rows. Only the columns that
/// are wanted are read.
///
/// ```
#[doc = include_str!("../example.txt")]
/// // name, age: Ada 36, Alan 41
/// use dask_io::hdf5::{TableSink, TableSource};
/// let path = folder.path().join("people.h5");
/// let sink = TableSink::create(&path, "/people", &batch.schema())?;
/// sink.commit(&[sink.write(0, Box::new([Ok(batch)].into_iter()))?])?;
/// let source = TableSource::open(&path.to_string_lossy(), "/people", 1)?;
/// let want = Want { columns: Some(vec!["age".into()]), ..Want::default() };
/// let second = source.read(1, &want)?.next().ok_or("nothing")??;
/// assert_eq!((source.n_partitions(), second.num_rows(), second.num_columns()), (2, 1, 1));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableSource {
    file: FileInfo,
    key: String,
    n_rows: usize,
    /// Rows of a partition; not 0.
    rows: usize,
    #[serde(with = "schema")]
    schema: SchemaRef,
}

impl TableSource {
    /// Looks a table up: its columns, and how many rows it has. A partition has `rows` rows (at least one).
    ///
    /// ```
    #[doc = include_str!("../example.txt")]
    /// // name, age: Ada 36, Alan 41
    /// use dask_io::{IoError, hdf5::{TableSink, TableSource}};
    /// let path = folder.path().join("people.h5");
    /// let sink = TableSink::create(&path, "/people", &batch.schema())?;
    /// sink.commit(&[sink.write(0, Box::new([Ok(batch)].into_iter()))?])?;
    /// let path = path.to_string_lossy();
    /// assert_eq!(TableSource::open(&path, "/people", 10)?.meta().field(1).name(), "age");
    /// let missing = TableSource::open(&path, "/towns", 10);
    /// assert!(matches!(missing, Err(IoError::NoTable { known, .. }) if known == "/people"));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// [`IoError::NoTable`] (with what there is), [`IoError::NothingMatches`], [`IoError::SeveralMatch`],
    /// [`IoError::Format`].
    pub fn open(path: &str, key: &str, rows: usize) -> Result<Self, IoError> {
        let file = only(path)?;
        let opened = File::open(&file.path).map_err(IoError::format(&file.path))?;
        let Some(group) = table(&opened, key) else {
            let mut known = Vec::new();
            list(&opened, "", &mut known);
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(IoError::NoTable { path: file.path, name: key.into(), known });
        };
        let (schema, n_rows) = columns::open(&group).map_err(IoError::format(&file.path))?;
        Ok(Self { file, key: key.into(), n_rows, rows: rows.max(1), schema })
    }
}

/// The group of a table, if it is one.
fn table(file: &Group, key: &str) -> Option<Group> {
    let group = if key.trim_matches('/').is_empty() { file.group("/") } else { file.group(key) };
    group.ok().filter(is_table)
}

fn is_table(group: &Group) -> bool {
    ["columns", "types", "n_rows"].iter().all(|attribute| group.attr(attribute).is_ok())
}

/// The tables below a group, by their paths.
fn list(group: &Group, prefix: &str, known: &mut Vec<String>) {
    for name in group.member_names().unwrap_or_default() {
        let path = format!("{prefix}/{name}");
        match group.group(&name) {
            Ok(inner) if is_table(&inner) => known.push(path),
            Ok(inner) => list(&inner, &path, known),
            Err(_) => {}
        }
    }
}

/// Rows of some columns of a table.
pub(super) fn rows(
    path: &Path,
    group: &Group,
    schema: &SchemaRef,
    start: usize,
    n: usize,
) -> Result<RecordBatch, TaskError> {
    let read = |field: &Arc<arrow_schema::Field>| columns::read(group, field, start, n).map_err(IoError::format(path));
    let columns = schema.fields().iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(n));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

impl PartitionSource for TableSource {
    type Item = RecordBatch;
    type Meta = SchemaRef;

    fn n_partitions(&self) -> usize {
        self.n_rows.div_ceil(self.rows).max(1)
    }

    fn meta(&self) -> &SchemaRef {
        &self.schema
    }

    fn read(&self, partition: usize, want: &Want) -> Result<Items<RecordBatch>, TaskError> {
        let path = &self.file.path;
        let schema = match &want.columns {
            None => self.schema.clone(),
            Some(names) => {
                let position = |column: &String| {
                    self.schema.index_of(column).map_err(|_| IoError::UnknownColumn {
                        column: column.clone(),
                        known: self.schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", "),
                    })
                };
                let positions = names.iter().map(position).collect::<Result<Vec<_>, _>>()?;
                Arc::new(self.schema.project(&positions)?)
            }
        };
        let start = self.rows.saturating_mul(partition).min(self.n_rows);
        let mut n = self.rows.min(self.n_rows - start);
        // With clauses, the rows that are wanted may stand anywhere.
        if let (Some(limit), true) = (want.limit, want.clauses.is_empty()) {
            n = n.min(limit);
        }
        let file = File::open(path).map_err(IoError::format(path))?;
        let group = table(&file, &self.key).ok_or_else(|| IoError::Format {
            path: path.clone(),
            message: format!("the table {} is no longer there; open the source again", self.key),
        })?;
        Ok(Box::new(std::iter::once(rows(path, &group, &schema, start, n))))
    }

    fn identity(&self) -> String {
        format!("{:?} {} {}", self.file, self.key, self.rows)
    }
}

impl Portable for TableSource {
    fn wire_name(&self) -> &'static str {
        "io.hdf5.table.read"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.hdf5.table.read", |input| {
    let source: TableSource = input.serde()?;
    let source: Arc<dyn PartitionSource<Item = RecordBatch, Meta = SchemaRef>> = Arc::new(source);
    Ok(Box::new(source))
});

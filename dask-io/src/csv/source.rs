//! CSV files as a source of record batches.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSource, TaskError, Want};
use serde::{Deserialize, Serialize};

use super::columns::ColumnType;
use super::parse::{Beginning, beginning};
use crate::error::IoError;
use crate::store::expand;
use crate::text::{Block, blocks};

/// Bytes of the first file from which the types are guessed.
const SAMPLE: usize = 256 << 10;

/// How CSV files are read.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.csv");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_core::{PartitionSource, Want};
/// use dask_io::csv::{CsvOptions, CsvSource};
/// std::fs::write(path, "name;age\nAda;36\nAlan\n")?;
/// let options = CsvOptions { separator: b';', skip_ragged: true, ..CsvOptions::default() };
/// let mut batches = CsvSource::open(path, options)?.read(0, &Want::default())?;
/// assert_eq!(batches.next().ok_or("nothing")??.num_rows(), 1);
/// // Without it, the row without an age is an error.
/// let options = CsvOptions { separator: b';', ..CsvOptions::default() };
/// assert!(CsvSource::open(path, options)?.read(0, &Want::default())?.any(|batch| batch.is_err()));
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvOptions {
    /// Between fields.
    pub separator: u8,
    /// Bytes a partition; `None` for one a file. Line breaks inside quotes need `None`.
    pub blocksize: Option<u64>,
    /// Rows with too many or too few fields are passed over.
    pub skip_ragged: bool,
    /// Types of columns, whatever the sample says; see [`dtype`](CsvOptions::dtype).
    pub dtypes: BTreeMap<String, ColumnType>,
    /// Columns of which the sample holds ISO dates or timestamps alone are read as such, not as texts.
    pub infer_dates: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            separator: b',',
            blocksize: Some(64 << 20),
            skip_ragged: false,
            dtypes: BTreeMap::new(),
            infer_dates: true,
        }
    }
}

impl CsvOptions {
    /// Gives the type of a column, whatever the sample says.
    ///
    /// ```
    /// use dask_io::csv::{ColumnType, CsvOptions, CsvSource};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("towns.csv");
    /// std::fs::write(&path, "code,founded\n01307,1999-12-31\n")?;
    /// let options = CsvOptions::default().dtype("code", ColumnType::Utf8);
    /// let towns = CsvSource::open(&path.to_string_lossy(), options)?;
    /// let schema = dask_core::PartitionSource::meta(&towns);
    /// assert_eq!(schema.field(0).data_type().to_string(), "Utf8");
    /// assert_eq!(schema.field(1).data_type().to_string(), "Date32");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn dtype(mut self, column: &str, of: ColumnType) -> Self {
        self.dtypes.insert(column.into(), of);
        self
    }

    /// These columns are [`ColumnType::Timestamp`]s (which may be dates alone), whatever the sample says.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.csv");
    /// # let path = path.to_str().ok_or("not UTF-8")?;
    /// use dask_core::PartitionSource;
    /// use dask_io::csv::{CsvOptions, CsvSource};
    /// std::fs::write(path, "at\n2020-02-29\n")?;
    /// let days = CsvSource::open(path, CsvOptions::default())?;
    /// assert_eq!(days.meta().field(0).data_type().to_string(), "Date32");
    /// let times = CsvSource::open(path, CsvOptions::default().parse_dates(&["at"]))?;
    /// assert!(times.meta().field(0).data_type().to_string().starts_with("Timestamp"));
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    #[must_use]
    pub fn parse_dates(self, columns: &[&str]) -> Self {
        columns.iter().fold(self, |options, column| options.dtype(column, ColumnType::Timestamp))
    }
}

/// CSV files with a header, all alike, plain or gzip (`.gz`); types are guessed from the beginning of the first. Empty
/// fields, `NA`, `NaN` and `null` are null. Only the columns that are wanted are parsed.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
/// use dask_core::PartitionSource;
/// use dask_io::csv::{CsvOptions, CsvSource};
/// std::fs::write(at("a.csv"), "name,age\nAda,36\n")?;
/// std::fs::write(at("b.csv"), "name,age\nAlan,NA\n")?;
/// let source = CsvSource::open(&at("*.csv"), CsvOptions::default())?;
/// // A partition a file, as both are smaller than a block.
/// assert_eq!((source.n_partitions(), source.meta().field(1).name().as_str()), (2, "age"));
/// assert_eq!(source.read(1, &Default::default())?.next().ok_or("nothing")??["age"].null_count(), 1);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CsvSource {
    blocks: Vec<Block>,
    pub(super) options: CsvOptions,
    /// The first row as it stands in the first file, without its end.
    pub(super) header: Vec<u8>,
    pub(super) columns: Vec<(String, ColumnType)>,
    #[serde(skip)]
    schema: OnceLock<SchemaRef>,
}

impl CsvSource {
    /// The files that a pattern names.
    ///
    /// ```
    /// use dask_core::{PartitionSource, Want};
    /// use dask_io::csv::{CsvOptions, CsvSource};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("a.csv");
    /// let path = path.to_str().ok_or("not UTF-8")?;
    /// std::fs::write(path, "name,amount\nAda,1.5\nAlan,\n")?;
    /// let source = CsvSource::open(path, CsvOptions::default())?;
    /// let want = Want { columns: Some(vec!["amount".into()]), limit: Some(1), ..Want::default() };
    /// for batch in source.read(0, &want)? {
    ///     let batch = batch?;
    ///     assert_eq!((batch.num_rows(), batch.num_columns()), (1, 1));
    /// }
    /// # Ok::<(), dask_core::TaskError>(())
    /// ```
    ///
    /// # Errors
    /// As [`expand`]; [`IoError::NoHeader`], [`IoError::OpenQuote`], [`IoError::Gzip`], [`IoError::UnknownColumn`] for a
    /// type of a column that is not there.
    pub fn open(pattern: &str, options: CsvOptions) -> Result<Self, IoError> {
        let files = expand(pattern)?;
        // Whatever the blocks are, the sample is the same.
        let whole = blocks(&files[..1], None).swap_remove(0);
        let Beginning { header, columns } = beginning(&whole, options.separator, options.infer_dates, SAMPLE)?;
        for column in options.dtypes.keys() {
            if !columns.iter().any(|(known, _)| known == column) {
                let known = columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(IoError::UnknownColumn { column: column.clone(), known });
            }
        }
        let column = |(name, guessed): (String, Option<ColumnType>)| {
            let of = options.dtypes.get(&name).copied().or(guessed).unwrap_or(ColumnType::Utf8);
            (name, of)
        };
        let columns = columns.into_iter().map(column).collect();
        Ok(Self { blocks: blocks(&files, options.blocksize), header, columns, schema: OnceLock::new(), options })
    }
}

impl Portable for CsvSource {
    fn wire_name(&self) -> &'static str {
        "io.csv"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(self)
    }
}

dask_core::register!("io.csv", |input| {
    let source: CsvSource = input.serde()?;
    let source: Arc<dyn PartitionSource<Item = RecordBatch, Meta = SchemaRef>> = Arc::new(source);
    Ok(Box::new(source))
});

impl PartitionSource for CsvSource {
    type Item = RecordBatch;
    type Meta = SchemaRef;

    fn n_partitions(&self) -> usize {
        self.blocks.len()
    }

    fn meta(&self) -> &SchemaRef {
        self.schema.get_or_init(|| {
            let field = |(name, of): &(String, ColumnType)| Field::new(name, of.dtype(), true);
            Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
        })
    }

    fn read(&self, partition: usize, want: &Want) -> Result<Items<RecordBatch>, TaskError> {
        Ok(Box::new(std::iter::once(self.parse(&self.blocks[partition], want))))
    }

    fn identity(&self) -> String {
        format!("{:?} {:?} {:?}", self.blocks, self.options, self.columns)
    }
}

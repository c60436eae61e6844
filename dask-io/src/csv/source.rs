//! CSV files as a source of record batches.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use dask_core::wire::{Encoder, Portable, WireError};
use dask_core::{Items, PartitionSource, TaskError, Want};
use serde::{Deserialize, Serialize};

use super::columns::{Builder, ColumnType};
use super::fields::split;
use crate::error::IoError;
use crate::store::{FileInfo, expand};
use crate::text::{Block, blocks, read_block};

/// Bytes of the first file from which the types are guessed.
const SAMPLE: u64 = 256 << 10;

/// How CSV files are read.
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
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { separator: b',', blocksize: Some(64 << 20), skip_ragged: false, dtypes: BTreeMap::new() }
    }
}

impl CsvOptions {
    /// Gives the type of a column, whatever the sample says.
    #[must_use]
    pub fn dtype(mut self, column: &str, of: ColumnType) -> Self {
        self.dtypes.insert(column.into(), of);
        self
    }
}

/// CSV files with a header, all alike; types are guessed from the beginning of the first. Empty fields, `NA`, `NaN` and
/// `null` are null.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CsvSource {
    blocks: Vec<Block>,
    options: CsvOptions,
    header: Vec<u8>,
    columns: Vec<(String, ColumnType)>,
    #[serde(skip)]
    schema: OnceLock<SchemaRef>,
}

impl CsvSource {
    /// The files that a pattern names.
    ///
    /// # Errors
    /// As [`expand`]; [`IoError::OpenQuote`], [`IoError::UnknownColumn`] for a type of a column that is not there.
    pub fn open(pattern: &str, options: CsvOptions) -> Result<Self, IoError> {
        let files = expand(pattern)?;
        let sample = sample(&files[0])?;
        let open_quote = |_| IoError::OpenQuote { at: format!("{}:1", files[0].path.display()) };
        let mut names = Vec::new();
        let (length, _) =
            split(&sample, options.separator, |_, field| names.push(String::from_utf8_lossy(&field).into_owned()))
                .map_err(open_quote)?;
        let header = line(&sample[..length]).to_vec();
        let mut types: Vec<Option<ColumnType>> = vec![None; names.len()];
        let mut at = length;
        // The last line of the sample may be cut off.
        let whole = memchr::memrchr(b'\n', &sample).map_or(sample.len(), |end| end + 1).max(length);
        while at < whole {
            let widen = |i: usize, field: std::borrow::Cow<'_, [u8]>| {
                if let Some(so_far) = types.get_mut(i) {
                    *so_far = ColumnType::widened(*so_far, &field);
                }
            };
            match split(&sample[at..whole], options.separator, widen) {
                Ok((length, _)) => at += length,
                Err(_) => break,
            }
        }
        for column in options.dtypes.keys() {
            if !names.contains(column) {
                return Err(IoError::UnknownColumn { column: column.clone(), known: names.join(", ") });
            }
        }
        let column = |(name, guessed): (String, Option<ColumnType>)| {
            let of = options.dtypes.get(&name).copied().or(guessed).unwrap_or(ColumnType::Utf8);
            (name, of)
        };
        let columns = names.into_iter().zip(types).map(column).collect();
        Ok(Self { blocks: blocks(&files, options.blocksize), header, columns, schema: OnceLock::new(), options })
    }

    fn parse(&self, block: &Block, want: &Want) -> Result<RecordBatch, TaskError> {
        let (bytes, begins) = read_block(block)?;
        let path = block.file.path.display();
        let mut at = 0;
        if begins == 0 {
            let end = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |end| end + 1);
            if line(&bytes[..end]) != self.header {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let (found, expected) = (text(line(&bytes[..end])), text(&self.header));
                return Err(IoError::WrongHeader { path: block.file.path.clone(), found, expected }.into());
            }
            at = end;
        }
        let wanted: Vec<&(String, ColumnType)> = match &want.columns {
            None => self.columns.iter().collect(),
            Some(names) => names.iter().map(|name| self.column(name)).collect::<Result<_, _>>()?,
        };
        let mut builders: Vec<Builder> = wanted.iter().map(|(_, of)| Builder::new(*of)).collect();
        // Which builder takes each field; several columns of one name all take the first.
        let takes: Vec<Option<usize>> =
            self.columns.iter().map(|(name, _)| wanted.iter().position(|(wanted, _)| wanted == name)).collect();
        let place = |at: usize| {
            if begins == 0 {
                let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
                format!("{path}:{line}")
            } else {
                format!("{path}: the row that begins at byte {}", begins + at as u64)
            }
        };
        let mut n_rows = 0;
        let limit = want.limit.unwrap_or(usize::MAX);
        while at < bytes.len() && n_rows < limit {
            if matches!(bytes[at..], [b'\n', ..] | [b'\r', b'\n', ..]) {
                at += if bytes[at] == b'\n' { 1 } else { 2 };
                continue;
            }
            let open_quote = |_| IoError::OpenQuote { at: place(at) };
            if self.options.skip_ragged {
                let (length, n) = split(&bytes[at..], self.options.separator, |_, _| ()).map_err(open_quote)?;
                if n != self.columns.len() {
                    at += length;
                    continue;
                }
            }
            let mut wrong: Option<(usize, String)> = None;
            let (length, n) = split(&bytes[at..], self.options.separator, |i, field| {
                if let Some(&Some(to)) = takes.get(i)
                    && !builders[to].push(&field)
                {
                    wrong.get_or_insert((i, String::from_utf8_lossy(&field).into_owned()));
                }
            })
            .map_err(open_quote)?;
            if n != self.columns.len() {
                return Err(IoError::RaggedRow { at: place(at), expected: self.columns.len(), found: n }.into());
            }
            if let Some((i, value)) = wrong {
                let (column, of) = &self.columns[i];
                let dtype = of.dtype().to_string();
                return Err(IoError::WrongType { at: place(at), column: column.clone(), dtype, value }.into());
            }
            n_rows += 1;
            at += length;
        }
        let fields: Vec<Field> = wanted.iter().map(|(name, of)| Field::new(name, of.dtype(), true)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        let arrays = builders.into_iter().map(Builder::finish).collect();
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
    }

    fn column(&self, name: &str) -> Result<&(String, ColumnType), IoError> {
        self.columns.iter().find(|(known, _)| known == name).ok_or_else(|| {
            let known: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            IoError::UnknownColumn { column: name.into(), known: known.join(", ") }
        })
    }
}

/// The beginning of a file.
fn sample(file: &FileInfo) -> Result<Vec<u8>, IoError> {
    let block = blocks(std::slice::from_ref(file), None).swap_remove(0);
    if block.is_gzip() {
        return Ok(read_block(&block)?.0);
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(&file.path).map_err(IoError::file(&file.path))?;
    opened.take(SAMPLE).read_to_end(&mut bytes).map_err(IoError::file(&file.path))?;
    Ok(bytes)
}

fn line(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
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

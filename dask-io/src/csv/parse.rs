//! A block to a record batch: rows are found piece by piece, then each wanted column takes its fields.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use dask_core::{TaskError, Want};

use super::columns::{Column, ColumnType, Fields, Refused};
use super::fields::{Rows, Stop};
use super::input::Input;
use super::source::CsvSource;
use crate::error::IoError;
use crate::text::{Block, place};

impl CsvSource {
    pub(super) fn parse(&self, block: &Block, want: &Want) -> Result<RecordBatch, TaskError> {
        let mut input = Input::open(block)?;
        let mut at = if block.start == 0 { self.pass_header(&mut input, block)? } else { 0 };
        let wanted: Vec<usize> = match &want.columns {
            None => (0..self.columns.len()).collect(),
            Some(names) => names.iter().map(|name| self.position(name)).collect::<Result<_, _>>()?,
        };
        let mut columns: Vec<Column> = wanted.iter().map(|&column| Column::new(self.columns[column].1)).collect();
        // With clauses, the rows that are wanted may stand anywhere.
        let n_max = want.limit.filter(|_| want.clauses.is_empty()).unwrap_or(usize::MAX);
        let (mut n_rows, mut bounds) = (0, Vec::new());
        loop {
            bounds.clear();
            let rows = Rows {
                separator: self.options.separator,
                n_columns: Some(self.columns.len()),
                skip_ragged: self.options.skip_ragged,
                limit: input.limit(),
                n_max: n_max - n_rows,
                at_end: input.at_end(),
            };
            let scanned = rows.scan(input.bytes(), at, &mut bounds);
            let fields = Fields { bytes: input.bytes(), bounds: &bounds, n_columns: self.columns.len() };
            self.take(fields, &wanted, &mut columns).map_err(|(refused, column)| {
                let bound = bounds[refused.row() * self.columns.len() + column];
                let value = &input.bytes()[bound.start()..bound.end()];
                self.refusal(block, refused, column, input.position(bound.start()), value)
            })?;
            if n_rows == 0 && scanned.n_rows > 0 && n_max == usize::MAX {
                let read = input.read_of_block();
                if read > 0.0 && read < 1.0 {
                    // The rest is probably much the same, and somewhat more never hurts: unused memory is not touched.
                    columns.iter_mut().for_each(|column| column.reserve(1.05 / read - 1.0));
                }
            }
            n_rows += scanned.n_rows;
            let ends = match scanned.stop {
                Stop::Done => n_rows >= n_max || scanned.at >= input.limit() || input.at_end(),
                Stop::Incomplete if input.at_end() => {
                    return Err(IoError::OpenQuote { at: place(block, input.position(scanned.at)) }.into());
                }
                Stop::Incomplete => false,
                Stop::Ragged { found } => {
                    let at = place(block, input.position(scanned.at));
                    return Err(IoError::RaggedRow { at, expected: self.columns.len(), found }.into());
                }
            };
            if ends {
                break;
            }
            input.fill(scanned.at)?;
            at = 0;
        }
        let field = |&column: &usize| Field::new(&self.columns[column].0, self.columns[column].1.dtype(), true);
        let schema = Arc::new(Schema::new(wanted.iter().map(field).collect::<Vec<_>>()));
        let arrays = columns.into_iter().map(Column::finish).collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }

    /// Every wanted column takes its fields; of what is refused, what stands in the first row.
    fn take(&self, fields: Fields<'_>, wanted: &[usize], columns: &mut [Column]) -> Result<(), (Refused, usize)> {
        let mut first: Option<(Refused, usize)> = None;
        for (&position, column) in wanted.iter().zip(columns) {
            if let Err(refused) = column.extend(fields, position)
                && first.is_none_or(|(first, _)| refused.row() < first.row())
            {
                first = Some((refused, position));
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn refusal(&self, block: &Block, refused: Refused, column: usize, position: u64, value: &[u8]) -> IoError {
        let (at, (column, of)) = (place(block, position), self.columns[column].clone());
        match refused {
            Refused::Value(_) => IoError::WrongType {
                at,
                column,
                dtype: format!("{of:?}"),
                value: String::from_utf8_lossy(value).chars().take(80).collect(),
            },
            Refused::NotUtf8(_) => IoError::NotUtf8 { at },
            Refused::TooLong(_) => IoError::LongColumn { at, column },
        }
    }

    /// Where the first row begins.
    fn pass_header(&self, input: &mut Input<'_>, block: &Block) -> Result<usize, IoError> {
        let n = self.header.len();
        while input.bytes().len() < n + 2 && !input.at_end() {
            input.fill(0)?;
        }
        let bytes = input.bytes();
        if let Some(rest) = bytes.strip_prefix(self.header.as_slice()) {
            match rest {
                [] => return Ok(n),
                [b'\n', ..] => return Ok(n + 1),
                [b'\r', b'\n', ..] => return Ok(n + 2),
                _ => {}
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().chars().take(200).collect();
        let line = memchr::memchr(b'\n', bytes).map_or(bytes, |end| &bytes[..end]);
        Err(IoError::WrongHeader { path: block.file.path.clone(), found: text(line), expected: text(&self.header) })
    }

    fn position(&self, name: &str) -> Result<usize, IoError> {
        self.columns.iter().position(|(known, _)| known == name).ok_or_else(|| {
            let known: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            IoError::UnknownColumn { column: name.into(), known: known.join(", ") }
        })
    }
}

/// What the beginning of a file says: its header, and what each column is called and holds.
pub(super) struct Beginning {
    /// The first row as it stands there, without its end.
    pub(super) header: Vec<u8>,
    pub(super) columns: Vec<(String, Option<ColumnType>)>,
}

/// Reads the header of a file and the rows that are in its first `n` bytes.
pub(super) fn beginning(block: &Block, separator: u8, dates: bool, n: usize) -> Result<Beginning, IoError> {
    let mut input = Input::open(block)?;
    while input.bytes().len() < n && !input.at_end() {
        input.fill(0)?;
    }
    let mut bounds = Vec::new();
    let mut rows =
        Rows { separator, n_columns: None, skip_ragged: true, limit: usize::MAX, n_max: 1, at_end: input.at_end() };
    let header = rows.scan(input.bytes(), 0, &mut bounds);
    let bytes = input.bytes();
    if header.n_rows == 0 {
        return Err(match header.stop {
            Stop::Incomplete => IoError::OpenQuote { at: place(block, input.position(0)) },
            _ => IoError::NoHeader { path: block.file.path.clone() },
        });
    }
    let mut columns: Vec<(String, Option<ColumnType>)> = Vec::new();
    for bound in &bounds {
        let mut name = bytes[bound.start()..bound.end()].to_vec();
        if bound.is_escaped() {
            name.clear();
            super::fields::unescape(&bytes[bound.start()..bound.end()], &mut name);
        }
        let name = String::from_utf8(name).map_err(|_| IoError::NotUtf8 { at: place(block, input.position(0)) })?;
        // As pandas does it: a second `x` is called `x.1`.
        let taken = |name: &str| columns.iter().any(|(known, _)| known == name);
        let mut numbers = 1..;
        let mut own = name.clone();
        while taken(&own) {
            own = format!("{name}.{}", numbers.next().unwrap_or(0));
        }
        columns.push((own, None));
    }
    rows = Rows { n_columns: Some(columns.len()), n_max: usize::MAX, limit: n, ..rows };
    bounds.clear();
    // A quote that is not closed is found when rows are read.
    rows.scan(bytes, header.at, &mut bounds);
    for row in bounds.chunks_exact(columns.len()) {
        for ((_, of), bound) in columns.iter_mut().zip(row) {
            *of = ColumnType::widened(*of, &bytes[bound.start()..bound.end()], dates);
        }
    }
    let header = bytes[..header.at].strip_suffix(b"\n").unwrap_or(&bytes[..header.at]);
    Ok(Beginning { header: header.strip_suffix(b"\r").unwrap_or(header).to_vec(), columns })
}

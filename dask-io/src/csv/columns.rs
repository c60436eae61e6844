//! Columns that are being read: types, and values gathered from fields.

use std::sync::Arc;

use arrow_array::builder::{BooleanBufferBuilder, NullBufferBuilder};
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use super::fields::{Bound, unescape};
use super::values::{boolean, date, float, int, is_null, timestamp};

/// The type of a column.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.csv");
/// # let path = path.to_str().ok_or("not UTF-8")?;
/// use dask_core::PartitionSource;
/// use dask_io::csv::{CsvOptions, CsvSource};
/// std::fs::write(path, "n,x,is,name,day\n1,2,true,Ada,2020-02-29\n2,0.5,NA,Alan,2020-03-01\n")?;
/// let source = CsvSource::open(path, CsvOptions::default())?;
/// let types: Vec<String> = source.meta().fields().iter().map(|field| field.data_type().to_string()).collect();
/// assert_eq!(types, ["Int64", "Float64", "Boolean", "Utf8", "Date32"]);
/// # Ok::<(), dask_core::TaskError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ColumnType {
    /// Whole numbers of 64 bits.
    Int64,
    /// Floats of 64 bits.
    Float64,
    /// `true` or `false`, in any case.
    Boolean,
    /// Texts.
    Utf8,
    /// Days: `2020-02-29`.
    Date,
    /// Days with a time of day, to the microsecond: `2020-02-29`, `2020-02-29 12:00`, `2020-02-29T12:00:00.5`.
    Timestamp,
    /// Timestamps that end with `Z` or an offset: `2020-02-29T12:00:00Z`, `2020-02-29 14:00:00+02:00`.
    TimestampUtc,
}

impl ColumnType {
    pub(super) fn dtype(self) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Utf8 => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampUtc => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        }
    }

    /// The narrowest type that holds this value and those of `so_far`.
    pub(super) fn widened(so_far: Option<Self>, field: &[u8], dates: bool) -> Option<Self> {
        if is_null(field) {
            return so_far;
        }
        let own = if int(field).is_some() {
            Self::Int64
        } else if float(field).is_some() {
            Self::Float64
        } else if boolean(field).is_some() {
            Self::Boolean
        } else if !dates {
            Self::Utf8
        } else if date(field).is_some() {
            Self::Date
        } else if timestamp(field, false).is_some() {
            Self::Timestamp
        } else if timestamp(field, true).is_some() {
            Self::TimestampUtc
        } else {
            Self::Utf8
        };
        Some(match (so_far, own) {
            (None, own) => own,
            (Some(known), own) if known == own => own,
            (Some(Self::Int64 | Self::Float64), Self::Int64 | Self::Float64) => Self::Float64,
            (Some(Self::Date | Self::Timestamp), Self::Date | Self::Timestamp) => Self::Timestamp,
            _ => Self::Utf8,
        })
    }
}

/// The fields of some rows.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    /// Row by row.
    pub(super) bounds: &'a [Bound],
    pub(super) n_columns: usize,
}

impl<'a> Fields<'a> {
    fn column(self, column: usize) -> impl Iterator<Item = (&'a [u8], bool)> {
        let of_column = self.bounds.iter().skip(column).step_by(self.n_columns);
        of_column.map(move |bound| (&self.bytes[bound.start()..bound.end()], bound.is_escaped()))
    }
}

/// Why fields could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The field of this row is no value of the column's type.
    Value(usize),
    /// The field of this row is not UTF-8.
    NotUtf8(usize),
    /// More than 2 GB of text.
    TooLong(usize),
}

impl Refused {
    /// The row.
    pub(super) fn row(self) -> usize {
        let (Self::Value(row) | Self::NotUtf8(row) | Self::TooLong(row)) = self;
        row
    }
}

/// A column that is being read.
pub(super) struct Column {
    of: ColumnType,
    values: Values,
    nulls: NullBufferBuilder,
}

enum Values {
    /// Whole numbers and timestamps.
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    Date(Vec<i32>),
    Boolean(BooleanBufferBuilder),
    Utf8 {
        ends: Vec<i32>,
        text: Vec<u8>,
    },
}

impl Column {
    pub(super) fn new(of: ColumnType) -> Self {
        let values = match of {
            ColumnType::Int64 | ColumnType::Timestamp | ColumnType::TimestampUtc => Values::Int64(Vec::new()),
            ColumnType::Float64 => Values::Float64(Vec::new()),
            ColumnType::Date => Values::Date(Vec::new()),
            ColumnType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::Utf8 => Values::Utf8 { ends: vec![0], text: Vec::new() },
        };
        Self { of, values, nulls: NullBufferBuilder::new(0) }
    }

    /// Makes room for `times` as much as there is.
    pub(super) fn reserve(&mut self, times: f64) {
        let more = |len: usize| (len as f64 * times) as usize;
        match &mut self.values {
            Values::Int64(values) => values.reserve(more(values.len())),
            Values::Float64(values) => values.reserve(more(values.len())),
            Values::Date(values) => values.reserve(more(values.len())),
            Values::Boolean(values) => values.reserve(more(values.len())),
            Values::Utf8 { ends, text } => {
                ends.reserve(more(ends.len()));
                text.reserve(more(text.len()));
            }
        }
    }

    /// Takes the fields of a column.
    pub(super) fn extend(&mut self, fields: Fields<'_>, column: usize) -> Result<(), Refused> {
        let (nulls, of_column) = (&mut self.nulls, fields.column(column).map(|(field, _)| field));
        match (&mut self.values, self.of) {
            (Values::Int64(values), ColumnType::Timestamp) => {
                extend(of_column, nulls, |field| timestamp(field, false), |value| values.push(value))
            }
            (Values::Int64(values), ColumnType::TimestampUtc) => {
                extend(of_column, nulls, |field| timestamp(field, true), |value| values.push(value))
            }
            (Values::Int64(values), _) => extend(of_column, nulls, int, |value| values.push(value)),
            (Values::Float64(values), _) => {
                // "NaN" is a float as well, but a null here.
                let number = |field: &[u8]| float(field).filter(|value| !value.is_nan() || !is_null(field));
                extend(of_column, nulls, number, |value| values.push(value))
            }
            (Values::Date(values), _) => extend(of_column, nulls, date, |value| values.push(value)),
            (Values::Boolean(values), _) => extend(of_column, nulls, boolean, |value| values.append(value)),
            (Values::Utf8 { ends, text }, _) => texts(fields.column(column), nulls, ends, text),
        }
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, arrow_schema::ArrowError> {
        let nulls = self.nulls.finish();
        Ok(match self.values {
            Values::Int64(values) => match self.of {
                ColumnType::Timestamp | ColumnType::TimestampUtc => {
                    let array = PrimitiveArray::<TimestampMicrosecondType>::try_new(values.into(), nulls)?;
                    Arc::new(array.with_data_type(self.of.dtype()))
                }
                _ => Arc::new(PrimitiveArray::<Int64Type>::try_new(values.into(), nulls)?),
            },
            Values::Float64(values) => Arc::new(PrimitiveArray::<Float64Type>::try_new(values.into(), nulls)?),
            Values::Date(values) => Arc::new(PrimitiveArray::<Date32Type>::try_new(values.into(), nulls)?),
            Values::Boolean(mut values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Utf8 { ends, text } => {
                Arc::new(StringArray::try_new(OffsetBuffer::new(ends.into()), Buffer::from_vec(text), nulls)?)
            }
        })
    }
}

/// One tight loop a type: what is no value may be a null, and is an error otherwise.
fn extend<'a, T: Default>(
    fields: impl Iterator<Item = &'a [u8]>,
    nulls: &mut NullBufferBuilder,
    parse: impl Fn(&[u8]) -> Option<T>,
    mut push: impl FnMut(T),
) -> Result<(), Refused> {
    for (row, field) in fields.enumerate() {
        if let Some(value) = parse(field) {
            push(value);
            nulls.append_non_null();
        } else if is_null(field) {
            push(T::default());
            nulls.append_null();
        } else {
            return Err(Refused::Value(row));
        }
    }
    Ok(())
}

fn texts<'a>(
    fields: impl Iterator<Item = (&'a [u8], bool)>,
    nulls: &mut NullBufferBuilder,
    ends: &mut Vec<i32>,
    text: &mut Vec<u8>,
) -> Result<(), Refused> {
    let (before, first) = (text.len(), ends.len());
    for (row, (field, escaped)) in fields.enumerate() {
        if is_null(field) {
            nulls.append_null();
        } else {
            nulls.append_non_null();
            if escaped {
                unescape(field, text);
            } else {
                text.extend_from_slice(field);
            }
        }
        ends.push(i32::try_from(text.len()).map_err(|_| Refused::TooLong(row))?);
    }
    // Many fields at once; if some byte is not ASCII, field by field.
    if text[before..].is_ascii() {
        return Ok(());
    }
    let mut start = before;
    for (row, &end) in ends[first..].iter().enumerate() {
        if str::from_utf8(&text[start..end as usize]).is_err() {
            return Err(Refused::NotUtf8(row));
        }
        start = end as usize;
    }
    Ok(())
}

//! Fields to columns: types, and builders.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, builder::ArrayBuilder};
use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnType {
    /// Whole numbers of 64 bits.
    Int64,
    /// Floats of 64 bits.
    Float64,
    /// `true` or `false`, in any case.
    Boolean,
    /// Texts.
    Utf8,
}

impl ColumnType {
    pub(super) fn dtype(self) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Utf8 => DataType::Utf8,
        }
    }

    /// The narrowest type that holds this value and those of `so_far`.
    pub(super) fn widened(so_far: Option<Self>, field: &[u8]) -> Option<Self> {
        if is_null(field) {
            return so_far;
        }
        let own = if int(field).is_some() {
            Self::Int64
        } else if float(field).is_some() {
            Self::Float64
        } else if boolean(field).is_some() {
            Self::Boolean
        } else {
            Self::Utf8
        };
        Some(match (so_far, own) {
            (None, own) => own,
            (Some(known), own) if known == own => own,
            (Some(Self::Int64 | Self::Float64), Self::Int64 | Self::Float64) => Self::Float64,
            _ => Self::Utf8,
        })
    }
}

/// Empty, or one of pandas' usual words.
fn is_null(field: &[u8]) -> bool {
    matches!(field, b"" | b"NA" | b"N/A" | b"NaN" | b"nan" | b"null" | b"NULL" | b"None" | b"#N/A")
}

fn int(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        // Downwards, so that the smallest number fits.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

fn float(field: &[u8]) -> Option<f64> {
    str::from_utf8(field).ok()?.trim().parse().ok()
}

fn boolean(field: &[u8]) -> Option<bool> {
    if field.eq_ignore_ascii_case(b"true") { Some(true) } else { field.eq_ignore_ascii_case(b"false").then_some(false) }
}

/// A column that is being read.
pub(super) enum Builder {
    Int64(Int64Builder),
    Float64(Float64Builder),
    Boolean(BooleanBuilder),
    Utf8(StringBuilder),
}

impl Builder {
    pub(super) fn new(of: ColumnType) -> Self {
        match of {
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::Float64 => Self::Float64(Float64Builder::new()),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Utf8 => Self::Utf8(StringBuilder::new()),
        }
    }

    /// Adds a field; false if it does not fit the type.
    pub(super) fn push(&mut self, field: &[u8]) -> bool {
        if is_null(field) {
            self.push_null();
            return true;
        }
        match self {
            Self::Int64(builder) => int(field).map(|value| builder.append_value(value)).is_some(),
            Self::Float64(builder) => float(field).map(|value| builder.append_value(value)).is_some(),
            Self::Boolean(builder) => boolean(field).map(|value| builder.append_value(value)).is_some(),
            Self::Utf8(builder) => str::from_utf8(field).map(|value| builder.append_value(value)).is_ok(),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Int64(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Utf8(builder) => builder.append_null(),
        }
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        match &mut self {
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Utf8(builder) => ArrayBuilder::finish(builder),
        }
    }
}

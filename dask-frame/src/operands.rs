//! Two operands of an expression as one type, so that no value changes on the way: as pandas does it, or exactly.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, Float64Array, Int64Array, Scalar, StringArray};
use arrow_cast::CastOptions;
use arrow_schema::{ArrowError, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType};
use dask_core::Literal;

/// A column, or one value for all rows (an array of length 1).
pub(crate) enum Evaluated {
    Array(ArrayRef),
    Scalar(ArrayRef),
}

impl Evaluated {
    fn array(&self) -> &ArrayRef {
        match self {
            Self::Array(array) | Self::Scalar(array) => array,
        }
    }

    /// As another type; what does not fit there is an error, not a null.
    fn cast(self, to: &DataType) -> Result<Self, ArrowError> {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        Ok(match self {
            Self::Array(array) => Self::Array(arrow_cast::cast_with_options(&array, to, &strict)?),
            Self::Scalar(array) => Self::Scalar(arrow_cast::cast_with_options(&array, to, &strict)?),
        })
    }

    /// Whether it is a whole number that is not negative, for all rows.
    fn is_natural(&self) -> bool {
        let Self::Scalar(array) = self else { return false };
        array.as_primitive_opt::<Int64Type>().is_some_and(|array| array.is_valid(0) && array.value(0) >= 0)
    }

    pub(crate) fn datum(&self) -> Box<dyn Datum> {
        match self {
            Self::Array(array) => Box::new(array.clone()),
            Self::Scalar(array) => Box::new(Scalar::new(array.clone())),
        }
    }
}

/// What is done with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Arithmetic,
    Comparison,
}

/// Both as types that Arrow works on together. Numbers as in pandas, but for comparisons that floats would falsify.
///
/// # Errors
/// A text that is no number, date or whatever it is compared with.
pub(crate) fn alike(operation: Operation, a: Evaluated, b: Evaluated) -> Result<(Evaluated, Evaluated), ArrowError> {
    let (left, right) = (a.array().data_type().clone(), b.array().data_type().clone());
    if left == right {
        return Ok((a, b));
    }
    if left.is_numeric() && right.is_numeric() {
        let unsigned = |of: &DataType| *of == DataType::UInt64;
        let (left, right) = if unsigned(&left) && b.is_natural() || unsigned(&right) && a.is_natural() {
            (DataType::UInt64, DataType::UInt64)
        } else {
            numbers(operation, &left, &right)
        };
        return Ok((a.cast(&left)?, b.cast(&right)?));
    }
    // A literal becomes what the column is.
    match (&a, &b) {
        (Evaluated::Array(_), Evaluated::Scalar(_)) => Ok((a, b.cast(&left)?)),
        (Evaluated::Scalar(_), Evaluated::Array(_)) => Ok((a.cast(&right)?, b)),
        _ => Ok((a, b)),
    }
}

/// The types to which numbers of different types are cast.
fn numbers(operation: Operation, left: &DataType, right: &DataType) -> (DataType, DataType) {
    let both = |of: DataType| (of.clone(), of);
    if left.is_floating() || right.is_floating() {
        return both(DataType::Float64);
    }
    let (a, b) = (Digits::of(left), Digits::of(right));
    let decimal = left.is_decimal() || right.is_decimal();
    let unsigned = *left == DataType::UInt64 || *right == DataType::UInt64;
    match operation {
        // Arrow's arithmetic knows what precision and scale come out.
        Operation::Arithmetic if decimal => {
            let wide = a.is_wide() || b.is_wide();
            (a.decimal(wide), b.decimal(wide))
        }
        Operation::Arithmetic if unsigned && (left.is_signed_integer() || right.is_signed_integer()) => {
            both(DataType::Float64)
        }
        Operation::Arithmetic if unsigned => both(DataType::UInt64),
        Operation::Comparison if decimal || unsigned => {
            let common = a.common(b);
            both(common.decimal(common.is_wide()))
        }
        _ => both(DataType::Int64),
    }
}

/// The digits of a type of whole or decimal numbers: how many in all, and how many after the point.
#[derive(Debug, Clone, Copy)]
struct Digits {
    precision: i16,
    scale: i16,
}

impl Digits {
    fn of(dtype: &DataType) -> Self {
        match dtype {
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self { precision: (*precision).into(), scale: (*scale).into() },
            // 2^64 - 1 has 20.
            _ => Self { precision: 20, scale: 0 },
        }
    }

    /// What holds the numbers of both.
    fn common(self, other: Self) -> Self {
        let scale = self.scale.max(other.scale);
        let whole = (self.precision - self.scale).max(other.precision - other.scale);
        Self { precision: whole + scale, scale }
    }

    fn is_wide(self) -> bool {
        self.precision > DECIMAL128_MAX_PRECISION.into()
    }

    fn decimal(self, wide: bool) -> DataType {
        let (most, of): (u8, fn(u8, i8) -> DataType) = if wide {
            (DECIMAL256_MAX_PRECISION, DataType::Decimal256)
        } else {
            (DECIMAL128_MAX_PRECISION, DataType::Decimal128)
        };
        of(self.precision.clamp(1, most.into()) as u8, self.scale as i8)
    }
}

/// A literal, as an array of length 1.
pub(crate) fn scalar(literal: &Literal) -> ArrayRef {
    match literal {
        Literal::Null => arrow_array::new_null_array(&DataType::Null, 1),
        Literal::Boolean(value) => Arc::new(BooleanArray::from(vec![*value])),
        Literal::Int64(value) => Arc::new(Int64Array::from(vec![*value])),
        Literal::Float64(value) => Arc::new(Float64Array::from(vec![*value])),
        Literal::Utf8(value) => Arc::new(StringArray::from(vec![value.as_str()])),
        Literal::Date32(value) => Arc::new(arrow_array::Date32Array::from(vec![*value])),
        Literal::TimestampMicros(value) => Arc::new(arrow_array::TimestampMicrosecondArray::from(vec![*value])),
    }
}

//! Which row groups hold no row that is wanted, by the statistics in the footer.
//!
//! What is not known is kept: a missing, old or foreign statistic never leaves a row out.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use dask_core::{Clause, Literal, Operator};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

/// Whether the statistics of a column of this type can answer a clause.
pub(super) fn understands(of: &DataType, clause: &Clause) -> bool {
    use DataType as D;
    match (clause.operator, &clause.literal) {
        (Operator::IsNull | Operator::IsNotNull, _) => true,
        (Operator::NotEq, _) => false,
        (_, Literal::Int64(_)) => {
            matches!(of, D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32)
        }
        // NaN is not in the statistics, and orders before or after all numbers: only equality is sure.
        (operator, Literal::Float64(value)) => matches!(of, D::Float64) && operator == Operator::Eq && !value.is_nan(),
        (_, Literal::Utf8(_)) => matches!(of, D::Utf8),
        (_, Literal::Date32(_)) => matches!(of, D::Date32),
        (_, Literal::TimestampMicros(_)) => {
            matches!(of, D::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, _))
        }
        (_, Literal::Boolean(_) | Literal::Null) => false,
    }
}

/// Whether no row of a row group fulfils all clauses.
pub(super) fn none(metadata: &ArrowReaderMetadata, row_group: u32, clauses: &[Clause]) -> bool {
    clauses.iter().any(|clause| refuses(metadata, row_group, clause).unwrap_or(false))
}

/// Whether no row fulfils the clause; `None` if that is not known.
fn refuses(metadata: &ArrowReaderMetadata, row_group: u32, clause: &Clause) -> Option<bool> {
    let of = metadata.schema().field_with_name(&clause.column).ok()?.data_type();
    if !understands(of, clause) {
        return None;
    }
    let file = metadata.metadata();
    let group = file.row_group(row_group as usize);
    let converter =
        StatisticsConverter::try_new(&clause.column, metadata.schema(), file.file_metadata().schema_descr())
            .ok()?
            .with_missing_null_counts_as_zero(false);
    let known = group.column(converter.parquet_column_index()?).statistics()?;
    let nulls = || known.null_count_opt();
    match clause.operator {
        Operator::IsNull => return Some(nulls()? == 0),
        Operator::IsNotNull => return Some(nulls()? == u64::try_from(group.num_rows()).ok()?),
        _ => {}
    }
    if known.is_min_max_deprecated() {
        return None;
    }
    let min = converter.row_group_mins([group]).ok()?;
    let max = converter.row_group_maxes([group]).ok()?;
    if min.is_null(0) || max.is_null(0) {
        return None;
    }
    match &clause.literal {
        Literal::Int64(value) => outside(clause.operator, value, &whole(&min)?, &whole(&max)?),
        Literal::TimestampMicros(value) => {
            outside(clause.operator, &i128::from(*value), &micros(&min)?, &micros(&max)?)
        }
        Literal::Date32(value) => {
            let day = |array: &ArrayRef| Some(array.as_primitive_opt::<Date32Type>()?.value(0));
            outside(clause.operator, value, &day(&min)?, &day(&max)?)
        }
        Literal::Float64(value) => {
            let number = |array: &ArrayRef| Some(array.as_primitive_opt::<arrow_array::types::Float64Type>()?.value(0));
            outside(clause.operator, value, &number(&min)?, &number(&max)?)
        }
        Literal::Utf8(value) => {
            let (min, max) = (min.as_string_opt::<i32>()?.value(0), max.as_string_opt::<i32>()?.value(0));
            outside(clause.operator, &value.as_str(), &min, &max)
        }
        Literal::Boolean(_) | Literal::Null => None,
    }
}

/// Whether nothing between `min` and `max` stands in this relation to `value`.
fn outside<T: PartialOrd>(operator: Operator, value: &T, min: &T, max: &T) -> Option<bool> {
    match operator {
        Operator::Eq => Some(value < min || max < value),
        Operator::Lt => Some(min >= value),
        Operator::LtEq => Some(min > value),
        Operator::Gt => Some(max <= value),
        Operator::GtEq => Some(max < value),
        Operator::NotEq | Operator::IsNull | Operator::IsNotNull => None,
    }
}

fn whole(array: &ArrayRef) -> Option<i64> {
    match array.data_type() {
        DataType::Int8 => Some(array.as_primitive_opt::<Int8Type>()?.value(0).into()),
        DataType::Int16 => Some(array.as_primitive_opt::<Int16Type>()?.value(0).into()),
        DataType::Int32 => Some(array.as_primitive_opt::<Int32Type>()?.value(0).into()),
        DataType::Int64 => Some(array.as_primitive_opt::<Int64Type>()?.value(0)),
        DataType::UInt8 => Some(array.as_primitive_opt::<UInt8Type>()?.value(0).into()),
        DataType::UInt16 => Some(array.as_primitive_opt::<UInt16Type>()?.value(0).into()),
        DataType::UInt32 => Some(array.as_primitive_opt::<UInt32Type>()?.value(0).into()),
        _ => None,
    }
}

/// 128 bits, so that a year far away in seconds does not overflow.
fn micros(array: &ArrayRef) -> Option<i128> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            Some(i128::from(array.as_primitive_opt::<TimestampSecondType>()?.value(0)) * 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(i128::from(array.as_primitive_opt::<TimestampMillisecondType>()?.value(0)) * 1000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(array.as_primitive_opt::<TimestampMicrosecondType>()?.value(0).into())
        }
        _ => None,
    }
}

//! Sums of groups, in the type that pandas sums in: nothing is cut off on the way there.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Decimal256Type, DecimalType, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{ArrowError, DataType};

/// The type of sums of a type; `None` for what has none.
///
/// Whole numbers are summed in 64 bits, with a sign if they have one; truth values as 0 and 1; floats in 64 bits;
/// decimals with their scale and as many digits as there are.
pub(crate) fn sum_type(of: &DataType) -> Option<DataType> {
    use DataType as D;
    match of {
        D::Boolean | D::Int8 | D::Int16 | D::Int32 | D::Int64 => Some(D::Int64),
        D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => Some(D::UInt64),
        D::Float16 | D::Float32 | D::Float64 => Some(D::Float64),
        D::Decimal32(_, scale) | D::Decimal64(_, scale) | D::Decimal128(_, scale) => {
            Some(D::Decimal128(Decimal128Type::MAX_PRECISION, *scale))
        }
        D::Decimal256(_, scale) => Some(D::Decimal256(Decimal256Type::MAX_PRECISION, *scale)),
        _ => None,
    }
}

/// The sum of each group; nulls are passed over. Whole numbers wrap, as in pandas.
///
/// # Errors
/// A sum of decimals with more digits than the type has; a type without sums.
pub(crate) fn sums(values: &ArrayRef, group_of: &[u32], n_groups: usize) -> Result<ArrayRef, ArrowError> {
    let Some(to) = sum_type(values.data_type()) else {
        return Err(ArrowError::InvalidArgumentError(format!("no sum of {}", values.data_type())));
    };
    let wide = arrow_cast::cast(values, &to)?;
    match &to {
        DataType::Int64 => fold::<Int64Type>(&wide, group_of, n_groups, |sum, x| Ok(sum.wrapping_add(x))),
        DataType::UInt64 => fold::<UInt64Type>(&wide, group_of, n_groups, |sum, x| Ok(sum.wrapping_add(x))),
        DataType::Float64 => fold::<Float64Type>(&wide, group_of, n_groups, |sum, x| Ok(sum + x)),
        DataType::Decimal256(..) => decimals::<Decimal256Type>(&wide, group_of, n_groups),
        _ => decimals::<Decimal128Type>(&wide, group_of, n_groups),
    }
}

fn decimals<T: DecimalType>(values: &ArrayRef, group_of: &[u32], n_groups: usize) -> Result<ArrayRef, ArrowError> {
    use arrow_array::ArrowNativeTypeOp;
    let (precision, scale) = match values.data_type() {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (*precision, *scale),
        _ => (T::MAX_PRECISION, 0),
    };
    let sums = fold::<T>(values, group_of, n_groups, |sum: T::Native, x| sum.add_checked(x))?;
    let sums = sums.as_primitive::<T>().clone().with_precision_and_scale(precision, scale)?;
    sums.validate_decimal_precision(precision)?;
    Ok(Arc::new(sums))
}

/// Adds what is not null to the sum of its group, from 0.
fn fold<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    group_of: &[u32],
    n_groups: usize,
    add: impl Fn(T::Native, T::Native) -> Result<T::Native, ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let values = values.as_primitive::<T>();
    let mut sums = vec![T::Native::default(); n_groups];
    match values.nulls() {
        None => {
            for (&group, &x) in group_of.iter().zip(values.values()) {
                let sum = &mut sums[group as usize];
                *sum = add(*sum, x)?;
            }
        }
        Some(_) => {
            for (&group, x) in group_of.iter().zip(values) {
                let sum = &mut sums[group as usize];
                *sum = x.map_or(Ok(*sum), |x| add(*sum, x))?;
            }
        }
    }
    Ok(Arc::new(PrimitiveArray::<T>::from_iter_values(sums)))
}

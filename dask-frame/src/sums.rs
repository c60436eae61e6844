//! Sums of groups, in the type that pandas and Arrow users expect of each column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Decimal128Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::{ArrowError, DECIMAL128_MAX_PRECISION, DataType};

use crate::error::FrameError;

/// The type of a column's sum, nothing if it has none.
fn dtype_of_sum(dtype: &DataType) -> Option<DataType> {
    use DataType::{Boolean, Decimal32, Decimal64, Decimal128, Float64, Int64, UInt64};
    match dtype {
        Boolean => Some(Int64),
        Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) => {
            Some(Decimal128(DECIMAL128_MAX_PRECISION, *scale))
        }
        dtype if dtype.is_floating() => Some(Float64),
        dtype if dtype.is_unsigned_integer() => Some(UInt64),
        dtype if dtype.is_signed_integer() => Some(Int64),
        _ => None,
    }
}

pub(crate) fn can_be_summed(dtype: &DataType) -> bool {
    dtype_of_sum(dtype).is_some()
}

/// The sum of each group; nulls are passed over, and the sum of nothing is 0.
///
/// # Errors
/// Decimals whose sum has more than 38 digits; a type that cannot be summed.
pub(crate) fn sums(values: &ArrayRef, group_of: &[u32], n_groups: usize) -> Result<ArrayRef, FrameError> {
    let found = values.data_type();
    let dtype = dtype_of_sum(found).ok_or_else(|| ArrowError::CastError(format!("{found} cannot be summed")))?;
    let values = arrow_cast::cast(values, &dtype)?;
    let groups = (group_of, n_groups);
    match &dtype {
        DataType::Float64 => Ok(Arc::new(add_up::<Float64Type>(&values, groups, |sum, x| sum + x))),
        DataType::UInt64 => Ok(Arc::new(add_up::<UInt64Type>(&values, groups, u64::wrapping_add))),
        DataType::Int64 => Ok(Arc::new(add_up::<Int64Type>(&values, groups, i64::wrapping_add))),
        _ => {
            // Where the limit is passed, it stays passed: `i128::MAX` has 39 digits.
            let sums = add_up::<Decimal128Type>(&values, groups, i128::saturating_add).with_data_type(dtype);
            sums.validate_decimal_precision(DECIMAL128_MAX_PRECISION)?;
            Ok(Arc::new(sums))
        }
    }
}

fn add_up<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    (group_of, n_groups): (&[u32], usize),
    add: impl Fn(T::Native, T::Native) -> T::Native,
) -> PrimitiveArray<T> {
    let values = values.as_primitive::<T>();
    let mut sums = vec![T::Native::default(); n_groups];
    let mut add_to = |group: u32, x: T::Native| sums[group as usize] = add(sums[group as usize], x);
    match values.nulls() {
        None => group_of.iter().zip(values.values()).for_each(|(&group, &x)| add_to(group, x)),
        Some(_) => group_of.iter().zip(values).for_each(|(&group, x)| add_to(group, x.unwrap_or_default())),
    }
    PrimitiveArray::from_iter_values(sums)
}

//! How a table stands in an HDF5 file: a group with a dataset a column.
//!
//! ```text
//! /key                     attributes: columns (names), types (Arrow's names), n_rows
//! /key/columns/NAME        one dimension, n_rows elements; texts have variable length
//! /key/missing/NAME        one byte a row, 1 where there is no value; unwritten (and empty) while there are none
//! ```
//!
//! A dataset a column, and not one of rows: a column can be read without the others, and no type has to be made up
//! while the program runs.

use std::str::FromStr;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use dask_core::Region;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, Group, H5Type};

use super::read::hyperslab;

/// Rows of a stored chunk.
const CHUNK: usize = 1 << 16;

/// Runs `$do` with `$type` as the Arrow type of a column whose elements are plain numbers.
macro_rules! with_numbers {
    ($of:expr, $type:ident => $do:expr, _ => $other:expr) => {
        with_numbers!(@ $of, $type, $do, $other,
            (DataType::Int8, Int8Type), (DataType::Int16, Int16Type), (DataType::Int32, Int32Type),
            (DataType::Int64, Int64Type), (DataType::UInt8, UInt8Type), (DataType::UInt16, UInt16Type),
            (DataType::UInt32, UInt32Type), (DataType::UInt64, UInt64Type), (DataType::Float32, Float32Type),
            (DataType::Float64, Float64Type), (DataType::Date32, Date32Type), (DataType::Date64, Date64Type),
            (DataType::Timestamp(TimeUnit::Second, _), TimestampSecondType),
            (DataType::Timestamp(TimeUnit::Millisecond, _), TimestampMillisecondType),
            (DataType::Timestamp(TimeUnit::Microsecond, _), TimestampMicrosecondType),
            (DataType::Timestamp(TimeUnit::Nanosecond, _), TimestampNanosecondType))
    };
    (@ $of:expr, $type:ident, $do:expr, $other:expr, $(($pattern:pat, $arrow:ident)),*) => {
        match $of {
            $($pattern => { type $type = $arrow; $do })*
            _ => $other,
        }
    };
}

/// Why a column cannot be written, if so.
pub(super) fn refusal(field: &Field) -> Option<String> {
    let name = field.name();
    if name.is_empty() || name == "." || name.contains(['/', '\0']) {
        return Some("HDF5 has no such name; rename the column".into());
    }
    let known = matches!(field.data_type(), DataType::Utf8 | DataType::Boolean);
    with_numbers!(field.data_type(), T => { let _: Option<T> = None; None },
        _ => (!known).then(|| format!("no way is known to store {}; convert it, or write Parquet", field.data_type())))
}

/// Makes the datasets of a table, without values.
pub(super) fn create(group: &Group, schema: &Schema, n_rows: usize) -> hdf5::Result<()> {
    let texts = |texts: Vec<String>| {
        let texts: Result<Vec<VarLenUnicode>, _> = texts.iter().map(|text| VarLenUnicode::from_str(text)).collect();
        texts.map_err(|error| hdf5::Error::from(error.to_string()))
    };
    let fields = schema.fields();
    let names = texts(fields.iter().map(|field| field.name().clone()).collect())?;
    let types = texts(fields.iter().map(|field| field.data_type().to_string()).collect())?;
    group.new_attr_builder().with_data(&names).create("columns")?;
    group.new_attr_builder().with_data(&types).create("types")?;
    group.new_attr_builder().with_data(&[n_rows as u64]).create("n_rows")?;
    let columns = group.create_group("columns")?;
    let missing = group.create_group("missing")?;
    for field in fields {
        let name = field.name();
        with_numbers!(field.data_type(), T => dataset::<<T as ArrowPrimitiveType>::Native>(&columns, name, n_rows)?,
        _ => match field.data_type() {
            DataType::Boolean => dataset::<bool>(&columns, name, n_rows)?,
            _ => dataset::<VarLenUnicode>(&columns, name, n_rows)?,
        });
        dataset::<u8>(&missing, name, n_rows)?;
    }
    Ok(())
}

fn dataset<T: H5Type>(group: &Group, name: &str, n_rows: usize) -> hdf5::Result<()> {
    let builder = group.new_dataset::<T>();
    if n_rows == 0 {
        builder.shape(0).create(name)?;
    } else {
        builder.chunk(CHUNK.min(n_rows)).shape(n_rows).create(name)?;
    }
    Ok(())
}

/// Names, types, and number of rows of a table.
pub(super) fn open(group: &Group) -> hdf5::Result<(SchemaRef, usize)> {
    let texts = |attribute: &str| group.attr(attribute)?.read_raw::<VarLenUnicode>();
    let field = |(name, of): (&VarLenUnicode, &VarLenUnicode)| {
        let of =
            DataType::from_str(of).map_err(|error| hdf5::Error::from(format!("type {:?}: {error}", of.as_str())))?;
        Ok(Field::new(name.as_str(), of, true))
    };
    let fields = texts("columns")?.iter().zip(&texts("types")?).map(field).collect::<hdf5::Result<Vec<_>>>()?;
    let n_rows = group.attr("n_rows")?.read_raw::<u64>()?.first().copied().unwrap_or(0);
    Ok((Arc::new(Schema::new(fields)), n_rows as usize))
}

/// Writes rows of a column from `start` on.
pub(super) fn write(group: &Group, field: &Field, start: usize, array: &dyn Array) -> hdf5::Result<()> {
    if array.is_empty() {
        return Ok(());
    }
    let dataset = group.dataset(&format!("columns/{}", field.name()))?;
    with_numbers!(field.data_type(), T => put(&dataset, start, array.as_primitive::<T>().values())?,
    _ => match field.data_type() {
        DataType::Boolean => {
            let values: Vec<bool> = array.as_boolean().iter().map(|value| value.unwrap_or(false)).collect();
            put(&dataset, start, &values)?;
        }
        _ => {
            let text = |(row, text): (usize, Option<&str>)| VarLenUnicode::from_str(text.unwrap_or(""))
                .map_err(|error| hdf5::Error::from(format!("column {:?}, row {}: {error}", field.name(), start + row)));
            let texts = array.as_string::<i32>().iter().enumerate().map(text).collect::<hdf5::Result<Vec<_>>>()?;
            put(&dataset, start, &texts)?;
        }
    });
    if array.null_count() > 0 {
        let missing: Vec<u8> = (0..array.len()).map(|row| array.is_null(row).into()).collect();
        put(&group.dataset(&format!("missing/{}", field.name()))?, start, &missing)?;
    }
    Ok(())
}

fn region(start: usize, n: usize) -> hdf5::Hyperslab {
    hyperslab(&Region { start: vec![start], shape: vec![n] })
}

fn put<T: H5Type>(dataset: &Dataset, start: usize, values: &[T]) -> hdf5::Result<()> {
    dataset.as_writer().write_slice(values, region(start, values.len()))
}

fn get<T: H5Type>(dataset: &Dataset, start: usize, n: usize) -> hdf5::Result<Vec<T>> {
    if n == 0 {
        return Ok(Vec::new());
    }
    Ok(dataset.as_reader().read_slice_1d::<T, _>(region(start, n))?.into_raw_vec_and_offset().0)
}

/// Reads `n` rows of a column from `start` on.
pub(super) fn read(group: &Group, field: &Field, start: usize, n: usize) -> hdf5::Result<ArrayRef> {
    let dataset = group.dataset(&format!("columns/{}", field.name()))?;
    let missing = group.dataset(&format!("missing/{}", field.name()))?;
    // Never written, so that nothing is missing.
    let valid: Option<Vec<bool>> = match missing.storage_size() {
        0 => None,
        _ => Some(get::<u8>(&missing, start, n)?.iter().map(|&missing| missing == 0).collect()),
    };
    let is_valid = |row: usize| valid.as_ref().is_none_or(|valid| valid[row]);
    with_numbers!(field.data_type(), T => {
        let values = get::<<T as ArrowPrimitiveType>::Native>(&dataset, start, n)?;
        let mut builder = PrimitiveBuilder::<T>::with_capacity(n).with_data_type(field.data_type().clone());
        match &valid {
            None => builder.append_slice(&values),
            Some(valid) => builder.append_values(&values, valid),
        }
        Ok(Arc::new(builder.finish()))
    },
    _ => match field.data_type() {
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(n);
            get::<bool>(&dataset, start, n)?.iter().enumerate().for_each(|(row, &value)| builder.append_option(is_valid(row).then_some(value)));
            Ok(Arc::new(builder.finish()))
        }
        DataType::Utf8 => {
            let mut builder = StringBuilder::new();
            get::<VarLenUnicode>(&dataset, start, n)?.iter().enumerate().for_each(|(row, text)| builder.append_option(is_valid(row).then_some(text.as_str())));
            Ok(Arc::new(builder.finish()))
        }
        other => Err(hdf5::Error::from(format!("column {:?} has the type {other}, which tables do not have", field.name()))),
    })
}

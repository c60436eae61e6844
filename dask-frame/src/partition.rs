//! The value of a frame's task: a record batch.

use arrow_array::{Array, RecordBatch};
use arrow_data::ArrayData;
use dask_core::Data;
use dask_core::wire::{Buffer, Decoder, Encoder, WireError};

/// A part of a frame. It travels as an Arrow IPC stream, out of band; what arrives stays where it arrived, and the
/// columns point into it.
///
/// ```
/// use std::sync::Arc;
/// use dask_core::Value;
/// use dask_frame::{Partition, array::{ArrayRef, Int64Array, RecordBatch}};
/// let n: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
/// let partition = Partition(RecordBatch::try_from_iter([("n", n)])?);
/// let arrived = Value::encoded(Value::new(partition.clone()).to_parcel()?);
/// assert_eq!(arrived.get::<Partition>()?, &partition);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Partition(pub RecordBatch);

impl Data for Partition {
    fn nbytes(&self) -> usize {
        let mut blocks = Vec::new();
        self.0.columns().iter().for_each(|column| blocks_of(&column.to_data(), &mut blocks));
        blocks.sort_unstable();
        blocks.dedup();
        size_of::<Self>() + blocks.iter().map(|(_, nbytes)| nbytes).sum::<usize>()
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        let codec = |error: arrow_schema::ArrowError| WireError::Codec(error.to_string());
        let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &self.0.schema()).map_err(codec)?;
        writer.write(&self.0).map_err(codec)?;
        out.buffer(Buffer::new(writer.into_inner().map_err(codec)?));
        Ok(())
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let codec = |error: arrow_schema::ArrowError| WireError::Codec(error.to_string());
        let mut stream = arrow_buffer::Buffer::from(bytes::Bytes::from_owner(input.buffer()?));
        let mut decoder = arrow_ipc::reader::StreamDecoder::new();
        decoder.decode(&mut stream).map_err(codec)?.map(Self).ok_or(WireError::Truncated)
    }
}

/// The blocks of memory that an array points into: columns that came together share one.
fn blocks_of(array: &ArrayData, blocks: &mut Vec<(usize, usize)>) {
    let nulls = array.nulls().map(arrow_buffer::NullBuffer::buffer);
    for buffer in array.buffers().iter().chain(nulls) {
        blocks.push((buffer.data_ptr().addr().get(), buffer.capacity()));
    }
    array.child_data().iter().for_each(|child| blocks_of(child, blocks));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use dask_core::Value;

    use super::*;

    fn partition(rows: i64) -> Partition {
        let columns: [(&str, ArrayRef); 3] = [
            ("id", Arc::new(Int64Array::from_iter((0..rows).map(|i| (i % 7 != 0).then_some(i))))),
            ("amount", Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64)))),
            ("name", Arc::new(StringArray::from_iter_values((0..rows).map(|i| i.to_string())))),
        ];
        Partition(RecordBatch::try_from_iter(columns).unwrap())
    }

    #[test]
    fn a_partition_that_travelled_is_the_same_and_counts_its_memory_once() {
        for rows in [0, 1, 10_000] {
            let before = partition(rows);
            let value = Value::encoded(Value::new(before.clone()).to_parcel().unwrap());
            let after = value.get::<Partition>().unwrap();
            assert_eq!(after, &before);
            if 0 < rows {
                assert!(
                    after.nbytes() < before.nbytes() + 2000,
                    "{} after, {} before",
                    after.nbytes(),
                    before.nbytes()
                );
                assert!(rows as usize * 16 < after.nbytes());
            }
        }
        let batch = partition(100).0;
        let slice = Partition(batch.slice(10, 5));
        assert_eq!(slice.nbytes(), Partition(batch).nbytes());
    }

    #[test]
    fn a_partition_that_arrived_is_not_copied() {
        let parcel = Value::new(partition(10_000)).to_parcel().unwrap();
        let bytes = parcel.buffers()[0].as_slice().as_ptr_range();
        let arrived = Value::encoded(parcel.clone()).take::<Partition>().unwrap();
        let amounts = arrived.0.column(1).to_data();
        // The bytes of a vector need not be aligned as numbers are; then they are copied.
        if bytes.start.addr().is_multiple_of(64) {
            assert!(bytes.contains(&amounts.buffers()[0].as_ptr()));
        }
    }

    #[test]
    fn a_damaged_partition_is_refused() {
        let parcel = Value::new(partition(100)).to_parcel().unwrap();
        let whole = parcel.buffers()[0].as_slice();
        for n in [0, 3, 100, whole.len() / 2] {
            let buffers = vec![Buffer::new(whole[..n].to_vec())];
            let name = std::any::type_name::<Partition>();
            let value = Value::encoded(dask_core::wire::Parcel::from_parts(name, Vec::new(), buffers));
            assert!(value.get::<Partition>().is_err(), "{n} bytes");
        }
    }
}

//! The value of a frame's task: a record batch.

use arrow_array::RecordBatch;
use dask_core::Data;
use dask_core::wire::{Buffer, Decoder, Encoder, WireError};

/// A part of a frame. It travels as an Arrow IPC stream, out of band.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition(pub RecordBatch);

impl Data for Partition {
    fn nbytes(&self) -> usize {
        size_of::<Self>() + self.0.get_array_memory_size()
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
        let buffer = input.buffer()?;
        let mut reader = arrow_ipc::reader::StreamReader::try_new(buffer.as_slice(), None).map_err(codec)?;
        match reader.next() {
            Some(batch) => batch.map(Self).map_err(codec),
            None => Err(WireError::Truncated),
        }
    }
}

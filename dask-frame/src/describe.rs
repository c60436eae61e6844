//! A frame as bytes, apart from its partitions: its columns and their types, as the head of an Arrow IPC stream.

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use dask_core::wire::{Decoder, Encoder, WireError};
use dask_core::{Describe, LayerRef, Result, one_layer};

use crate::frame::DataFrame;

fn codec(error: arrow_schema::ArrowError) -> WireError {
    WireError::Codec(error.to_string())
}

impl Describe for DataFrame {
    fn describe(&self, out: &mut Encoder) -> Result<(), WireError> {
        let head =
            StreamWriter::try_new(Vec::new(), self.schema()).and_then(StreamWriter::into_inner).map_err(codec)?;
        out.len(head.len());
        out.raw(&head);
        Ok(())
    }

    fn from_description(layers: Vec<LayerRef>, input: &mut Decoder<'_>) -> Result<Self> {
        let n = input.len()?;
        let head = StreamReader::try_new(input.raw(n)?, None).map_err(codec)?;
        Ok(Self::from_layer(one_layer(layers)?, &head.schema()))
    }
}

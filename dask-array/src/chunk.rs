//! The value of an array's task: a block of elements in memory.

use dask_core::Data;
use dask_core::wire::{Buffer, Decoder, Encoder, WireError};
use ndarray::ArrayD;

use crate::element::Element;

/// A block of elements. It travels as raw little-endian bytes, out of band.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk<A>(pub ArrayD<A>);

impl<A: Element> Data for Chunk<A> {
    fn nbytes(&self) -> usize {
        self.0.len() * size_of::<A>() + size_of::<Self>()
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&self.0.shape())?;
        let mut bytes = Vec::new();
        match self.0.as_slice() {
            Some(slice) => A::write(slice, &mut bytes),
            None => A::write(&self.0.iter().copied().collect::<Vec<A>>(), &mut bytes),
        }
        out.buffer(Buffer::new(bytes));
        Ok(())
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let shape: Vec<usize> = input.serde()?;
        let elements = A::read(input.buffer()?.as_slice());
        ArrayD::from_shape_vec(shape, elements).map(Self).map_err(|e| WireError::Codec(e.to_string()))
    }
}

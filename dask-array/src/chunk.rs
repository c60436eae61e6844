//! The value of an array's task: a block of elements in memory.

use std::sync::Arc;

use dask_core::Data;
use dask_core::wire::{Decoder, Encoder, WireError};
use ndarray::ArrayD;

use crate::element::Element;

/// A block of elements. It travels as raw little-endian bytes, out of band.
///
/// ```
/// use dask_array::{Chunk, ndarray::arr1};
/// use dask_core::Value;
/// let chunk = Chunk(arr1(&[1.0, 2.0]).into_dyn());
/// let arrived = Value::encoded(Value::new(chunk.clone()).to_parcel()?);
/// assert_eq!(arrived.get::<Chunk<f64>>()?, &chunk);
/// # Ok::<(), dask_core::Error>(())
/// ```
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
        out.buffer(A::buffer(bytes));
        Ok(())
    }

    fn encode_shared(self: Arc<Self>, out: &mut Encoder) -> Result<(), WireError> {
        if self.0.as_slice().and_then(A::as_bytes).is_none() {
            return self.encode(out);
        }
        out.serde(&self.0.shape())?;
        out.buffer(A::buffer(Bytes(self)));
        Ok(())
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let shape: Vec<usize> = input.serde()?;
        let elements = A::read_buffer(input.buffer()?);
        ArrayD::from_shape_vec(shape, elements).map(Self).map_err(|e| WireError::Codec(e.to_string()))
    }
}

/// The bytes of a shared chunk whose elements stand one after the other.
struct Bytes<A>(Arc<Chunk<A>>);

impl<A: Element> AsRef<[u8]> for Bytes<A> {
    fn as_ref(&self) -> &[u8] {
        // Asked for before this was made.
        self.0.0.as_slice().and_then(A::as_bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use dask_core::Value;
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn check<A: Element>(elements: Vec<A>) {
        let rows = ArrayD::from_shape_vec(IxDyn(&[2, elements.len() / 2]), elements).unwrap();
        let columns = Chunk(rows.t().to_owned().into_dyn().reversed_axes());
        let strided =
            rows.slice_each_axis(|axis| ndarray::Slice::new(0, None, if axis.axis.index() == 1 { 2 } else { 1 }));
        for chunk in [Chunk(rows.clone()), columns, Chunk(strided.reversed_axes().to_owned())] {
            let value = Value::new(chunk.clone());
            let parcel = value.to_parcel().unwrap();
            if let Some(elements) = value.get::<Chunk<A>>().unwrap().0.as_slice() {
                assert_eq!(parcel.buffers()[0].as_slice().as_ptr(), elements.as_ptr().cast());
            }
            assert_eq!(Value::encoded(parcel).get::<Chunk<A>>().unwrap(), &chunk);
        }
    }

    #[test]
    fn chunks_travel_without_copies_where_memory_allows() {
        check((0..24).map(f64::from).collect());
        check((0..24).map(|x| x as f32).collect());
        check((0..24).map(i64::from).collect());
        check((0..24_u8).collect());
        check((0..24).map(|x| x % 3 == 0).collect());
    }
}

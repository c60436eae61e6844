//! The value side: what may be the result of a task.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use crate::wire::{Buffer, Decoder, Encoder, WireError, with_room};

/// What may be the result of a task.
///
/// Everything is provided: `impl Data for MyType {}` is enough for the schedulers of this process. To travel to
/// other processes and to be spilled, a type encodes itself; [`data!`](crate::data) does that through serde.
///
/// ```
/// #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// struct Reading { celsius: f64 }
/// dask_core::data!(Reading);
/// ```
pub trait Data: Any + Send + Sync {
    /// Its size in bytes, heap included; an estimate is fine.
    fn nbytes(&self) -> usize {
        size_of_val(self)
    }

    /// Its type, for errors and to check what arrives.
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Writes it for another process (or the disk).
    ///
    /// # Errors
    /// By default always: the type cannot travel.
    fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Err(WireError::OpaqueType { type_name: self.type_name() })
    }

    /// Reads what [`encode`](Data::encode) wrote.
    ///
    /// # Errors
    /// Malformed bytes; by default always.
    fn decode(_input: &mut Decoder<'_>) -> Result<Self, WireError>
    where
        Self: Sized,
    {
        Err(WireError::OpaqueType { type_name: std::any::type_name::<Self>() })
    }

    /// As [`encode`](Data::encode), for a value that is shared: its bulk need not be copied, but may stay where it is
    /// until it is sent.
    ///
    /// # Errors
    /// As [`encode`](Data::encode).
    fn encode_shared(self: Arc<Self>, out: &mut Encoder) -> Result<(), WireError> {
        self.encode(out)
    }

    /// As [`encode_slice`](Data::encode_slice), for a list that is shared: numbers stay where they are.
    ///
    /// # Errors
    /// As [`encode`](Data::encode).
    fn encode_vec(items: Arc<Vec<Self>>, out: &mut Encoder) -> Result<(), WireError>
    where
        Self: Sized,
    {
        Self::encode_slice(&items, out)
    }

    /// Writes many, back to back; numbers do it in one piece.
    ///
    /// # Errors
    /// As [`encode`](Data::encode).
    fn encode_slice(items: &[Self], out: &mut Encoder) -> Result<(), WireError>
    where
        Self: Sized,
    {
        out.len(items.len());
        items.iter().try_for_each(|item| item.encode(out))
    }

    /// Reads what [`encode_slice`](Data::encode_slice) wrote.
    ///
    /// # Errors
    /// As [`decode`](Data::decode).
    fn decode_vec(input: &mut Decoder<'_>) -> Result<Vec<Self>, WireError>
    where
        Self: Sized,
    {
        let n = input.len()?;
        let mut items = Vec::with_capacity(n.min(input.remaining()));
        for _ in 0..n {
            items.push(Self::decode(input)?);
        }
        Ok(items)
    }
}

/// Makes a serde type fit to be the result of a task, in this process and in others.
///
/// `data!(Reading)`, or `data!(Reading, |r| r.name.len())` where the heap matters for the accounting of memory.
#[macro_export]
macro_rules! data {
    ($type:ty) => {
        $crate::data!($type, |_this| 0);
    };
    ($type:ty, |$this:ident| $heap:expr) => {
        impl $crate::Data for $type {
            fn nbytes(&self) -> usize {
                let $this = self;
                ::std::mem::size_of::<$type>() + ($heap)
            }
            fn encode(&self, out: &mut $crate::wire::Encoder) -> Result<(), $crate::wire::WireError> {
                out.serde(self)
            }
            fn decode(input: &mut $crate::wire::Decoder<'_>) -> Result<Self, $crate::wire::WireError> {
                input.serde()
            }
        }
    };
}

/// Lists of numbers of so many bytes or more travel out of band.
const BULK_NBYTES_MIN: usize = 64 << 10;

/// The bytes of a shared list of numbers.
struct Bytes<T>(Arc<Vec<T>>);

impl<T: bytemuck::NoUninit> AsRef<[u8]> for Bytes<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// The numbers that came as bytes: their memory itself where it can become a vector, otherwise a copy.
fn numbers_of<T: bytemuck::Pod>(buffer: Buffer) -> Vec<T> {
    let buffer = match buffer.into_vec() {
        Ok(items) => return items,
        Err(buffer) => buffer,
    };
    let bytes = buffer.as_slice();
    let Ok(items) = bytemuck::try_cast_slice(bytes) else { return bytemuck::pod_collect_to_vec(bytes) };
    let mut own = with_room(items.len());
    own.extend_from_slice(items);
    own
}

fn is_bulk<T>(n_items: usize) -> bool {
    cfg!(target_endian = "little") && BULK_NBYTES_MIN <= n_items.saturating_mul(size_of::<T>())
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Data for $type {
            fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
                out.raw(&self.to_le_bytes());
                Ok(())
            }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
                let bytes = input.raw(size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().map_err(|_| WireError::Truncated)?))
            }
            fn encode_slice(items: &[Self], out: &mut Encoder) -> Result<(), WireError> {
                if is_bulk::<Self>(items.len()) {
                    return Self::encode_vec(Arc::new(items.to_vec()), out);
                }
                out.len(items.len());
                if cfg!(target_endian = "little") {
                    out.raw(bytemuck::cast_slice(items));
                } else {
                    out.extend(items.iter().flat_map(|item| item.to_le_bytes()), size_of_val(items));
                }
                Ok(())
            }
            fn encode_vec(items: Arc<Vec<Self>>, out: &mut Encoder) -> Result<(), WireError> {
                if !is_bulk::<Self>(items.len()) {
                    return Self::encode_slice(&items, out);
                }
                out.len(items.len());
                out.buffer(Buffer::of_numbers::<Self, _>(Bytes(items)));
                Ok(())
            }
            fn decode_vec(input: &mut Decoder<'_>) -> Result<Vec<Self>, WireError> {
                let n = input.len()?;
                let nbytes = n.checked_mul(size_of::<Self>()).ok_or(WireError::Truncated)?;
                if is_bulk::<Self>(n) {
                    let buffer = input.buffer()?;
                    let all = buffer.as_slice().len() == nbytes;
                    return if all { Ok(numbers_of(buffer)) } else { Err(WireError::Truncated) };
                }
                let bytes = input.raw(nbytes)?;
                if cfg!(target_endian = "little") {
                    return Ok(bytemuck::pod_collect_to_vec(bytes));
                }
                let (items, _) = bytes.as_chunks();
                Ok(items.iter().map(|item| Self::from_le_bytes(*item)).collect())
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

macro_rules! through_serde { ($($type:ty),*) => {$( data!($type); )*}; }
through_serde!((), bool, char, std::time::Duration);

impl Data for String {
    fn nbytes(&self) -> usize {
        size_of::<Self>() + self.capacity()
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.len(self.len());
        out.raw(self.as_bytes());
        Ok(())
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        let n = input.len()?;
        let text = str::from_utf8(input.raw(n)?).map_err(|e| WireError::Codec(e.to_string()))?;
        Ok(text.to_owned())
    }
}

impl<T: Data> Data for Vec<T> {
    fn nbytes(&self) -> usize {
        let inline = (self.capacity() - self.len()) * size_of::<T>() + size_of::<Self>();
        inline + self.iter().map(Data::nbytes).sum::<usize>()
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        T::encode_slice(self, out)
    }
    fn encode_shared(self: Arc<Self>, out: &mut Encoder) -> Result<(), WireError> {
        T::encode_vec(self, out)
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        T::decode_vec(input)
    }
}

impl<T: Data> Data for Option<T> {
    fn nbytes(&self) -> usize {
        self.as_ref().map_or(size_of::<Self>(), Data::nbytes)
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.raw(&[u8::from(self.is_some())]);
        self.as_ref().map_or(Ok(()), |value| value.encode(out))
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        Ok(if u8::decode(input)? == 0 { None } else { Some(T::decode(input)?) })
    }
}

impl<T: Data> Data for Box<T> {
    fn nbytes(&self) -> usize {
        size_of::<Self>() + (**self).nbytes()
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        (**self).encode(out)
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
        T::decode(input).map(Self::new)
    }
}

macro_rules! maps {
    ($($map:ident: $($bound:path),+; $sorted:literal;)*) => {$(
        impl<K: Data $(+ $bound)+, V: Data> Data for $map<K, V> {
            fn nbytes(&self) -> usize {
                size_of::<Self>() + self.iter().map(|(k, v)| k.nbytes() + v.nbytes()).sum::<usize>()
            }
            fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
                out.len(self.len());
                let write = |(k, v): (&K, &V), out: &mut Encoder| { k.encode(out)?; v.encode(out) };
                if $sorted || !out.is_canonical() {
                    return self.iter().try_for_each(|entry| write(entry, out));
                }
                by_encoded_key(self, |(key, _)| *key).into_iter().try_for_each(|entry| write(entry, out))
            }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> {
                (0..input.len()?).map(|_| Ok((K::decode(input)?, V::decode(input)?))).collect()
            }
        }
    )*};
}
maps! { BTreeMap: Ord; true; HashMap: Eq, Hash; false; }

/// The entries of a hash map in an order that is the same in every process: by what their keys are encoded as. Keys
/// without an encoding stand in any order.
pub(crate) fn by_encoded_key<E, K: Data>(
    entries: impl IntoIterator<Item = E>,
    key: impl for<'a> Fn(&'a E) -> &'a K,
) -> Vec<E> {
    let mut entries: Vec<E> = entries.into_iter().collect();
    entries.sort_by_cached_key(|entry| {
        let mut out = Encoder::canonical();
        let _ = key(entry).encode(&mut out);
        out.into_bytes()
    });
    entries
}

macro_rules! tuples {
    ($($($T:ident $i:tt),+;)*) => {$(
        impl<$($T: Data),+> Data for ($($T,)+) {
            fn nbytes(&self) -> usize { 0 $(+ self.$i.nbytes())+ }
            fn encode(&self, out: &mut Encoder) -> Result<(), WireError> { $(self.$i.encode(out)?;)+ Ok(()) }
            fn decode(input: &mut Decoder<'_>) -> Result<Self, WireError> { Ok(($($T::decode(input)?,)+)) }
        }
    )*};
}
tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

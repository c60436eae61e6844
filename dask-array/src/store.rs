//! From and into storage, chunk by chunk.

use std::sync::Arc;

use dask_core::layer::{BlockInput, Blockwise};
use dask_core::wire::{Encoder, Portable, WireError, decode_portable, encode_portable};
use dask_core::{
    Call, ChunkSink, ChunkSource, Delayed, LayerRef, Name, Receipt, Region, TaskError, TaskFn, Token, Value,
};
use ndarray::{ArrayD, IxDyn};

use crate::Array;
use crate::chunk::Chunk;
use crate::chunks::{ChunkSpec, Chunks};
use crate::element::Element;
use crate::error::ArrayError;

/// Element types whose sources and sinks travel by name.
///
/// ```
/// use std::sync::Arc;
/// use dask_array::{Array, ArrayError, ChunkSpec, Stored};
/// use dask_core::{ChunkSource, Collection};
/// # struct Fives;
/// # impl dask_core::wire::Portable for Fives {
/// #     fn wire_name(&self) -> &'static str { "example.fives" }
/// #     fn encode(&self, _out: &mut dask_core::wire::Encoder) -> Result<(), dask_core::wire::WireError> { Ok(()) }
/// # }
/// # impl ChunkSource<i64> for Fives {
/// #     fn shape(&self) -> &[usize] { &[7] }
/// #     fn read(&self, _region: &dask_core::Region, out: &mut [i64]) -> Result<(), dask_core::TaskError> {
/// #         Ok(out.fill(5))
/// #     }
/// #     fn identity(&self) -> String { "fives".into() }
/// # }
/// /// The first elements of what is stored anywhere, of any type.
/// fn first<A: Stored>(source: impl ChunkSource<A> + 'static, n: isize) -> Result<Array<A>, ArrayError> {
///     Array::from_source(Arc::new(source), ChunkSpec::Auto)?.slice(&[(0..n).into()])
/// }
/// // Here a source of seven fives.
/// assert_eq!(first(Fives, 2)?.compute()?.as_slice(), Some(&[5, 5][..]));
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Stored: Element {
    /// The name of the task that reads.
    const READ: &'static str;
    /// The name of the task that writes.
    const WRITE: &'static str;
    /// The name of the task that commits.
    const COMMIT: &'static str;
}

struct Read<A> {
    source: Arc<dyn ChunkSource<A>>,
    chunks: Chunks,
}

impl<A: Stored> TaskFn for Read<A> {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let region = region(&self.chunks, call.index());
        let mut elements = vec![A::default(); region.n_elements()];
        self.source.read(&region, &mut elements)?;
        Ok(Value::new(Chunk(ArrayD::from_shape_vec(IxDyn(&region.shape), elements)?)))
    }
}

impl<A: Stored> Portable for Read<A> {
    fn wire_name(&self) -> &'static str {
        A::READ
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&self.chunks)?;
        encode_portable(&*self.source, out)
    }
}

struct Write<A> {
    sink: Arc<dyn ChunkSink<A>>,
    chunks: Chunks,
}

impl<A: Stored> TaskFn for Write<A> {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let chunk = &call.get::<Chunk<A>>(0)?.0;
        let region = region(&self.chunks, call.index());
        let receipt = match chunk.as_slice() {
            Some(slice) => self.sink.write(&region, slice)?,
            None => self.sink.write(&region, &chunk.iter().copied().collect::<Vec<_>>())?,
        };
        Ok(Value::new(receipt))
    }
}

impl<A: Stored> Portable for Write<A> {
    fn wire_name(&self) -> &'static str {
        A::WRITE
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        out.serde(&self.chunks)?;
        encode_portable(&*self.sink, out)
    }
}

macro_rules! stored {
    ($($type:ty: $read:literal, $write:literal, $commit:literal;)*) => {$(
        impl Stored for $type {
            const READ: &'static str = $read;
            const WRITE: &'static str = $write;
            const COMMIT: &'static str = $commit;
        }
        dask_core::register!($read, |input| {
            let chunks = input.serde()?;
            let task: Arc<dyn TaskFn> = Arc::new(Read::<$type> { source: decode_portable(input)?, chunks });
            Ok(Box::new(task))
        });
        dask_core::register!($write, |input| {
            let chunks = input.serde()?;
            let task: Arc<dyn TaskFn> = Arc::new(Write::<$type> { sink: decode_portable(input)?, chunks });
            Ok(Box::new(task))
        });
        dask_core::register!($commit, |input| {
            let task: Arc<dyn TaskFn> = Arc::new(Commit::<$type>(decode_portable(input)?));
            Ok(Box::new(task))
        });
    )*};
}
stored! {
    u8: "array.read.u8", "array.write.u8", "array.commit.u8";
    i32: "array.read.i32", "array.write.i32", "array.commit.i32";
    i64: "array.read.i64", "array.write.i64", "array.commit.i64";
    u64: "array.read.u64", "array.write.u64", "array.commit.u64";
    f32: "array.read.f32", "array.write.f32", "array.commit.f32";
    f64: "array.read.f64", "array.write.f64", "array.commit.f64";
}

/// Runs when all chunks are written.
struct Commit<A>(Arc<dyn ChunkSink<A>>);

impl<A: Stored> Portable for Commit<A> {
    fn wire_name(&self) -> &'static str {
        A::COMMIT
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        encode_portable(&*self.0, out)
    }
}

impl<A: Stored> TaskFn for Commit<A> {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let receipts: Vec<Receipt> = call.drain().map(Value::take).collect::<Result<_, _>>()?;
        self.0.commit(&receipts)?;
        Ok(Value::new(receipts.iter().map(|receipt| receipt.n_items).sum::<u64>()))
    }
}

fn region(chunks: &Chunks, index: &[u32]) -> Region {
    Region { start: chunks.start_at(index), shape: chunks.shape_at(index) }
}

impl<A: Stored> Array<A> {
    /// An array that is read where it is used, one region a chunk. [`ChunkSpec::Auto`] makes chunks of whole stored ones.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dask_array::Array;
    /// use dask_core::wire::{Encoder, Portable, WireError};
    /// use dask_core::{ChunkSource, Collection, Region, TaskError};
    ///
    /// /// The squares of positions, made instead of read.
    /// struct Squares;
    /// # impl Portable for Squares {
    /// #     fn wire_name(&self) -> &'static str { "example.squares" }
    /// #     fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> { Ok(()) }
    /// # }
    /// impl ChunkSource<i64> for Squares {
    ///     fn shape(&self) -> &[usize] {
    ///         &[5]
    ///     }
    ///     fn read(&self, region: &Region, out: &mut [i64]) -> Result<(), TaskError> {
    ///         out.iter_mut().zip(region.start[0] as i64..).for_each(|(element, i)| *element = i * i);
    ///         Ok(())
    ///     }
    ///     fn identity(&self) -> String {
    ///         "5 squares".into()
    ///     }
    /// }
    /// let x = Array::from_source(Arc::new(Squares), 2)?;
    /// assert_eq!(x.grid(), [3]);
    /// assert_eq!(x.compute()?.as_slice(), Some(&[0, 1, 4, 9, 16][..]));
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Chunks::new`].
    pub fn from_source(source: Arc<dyn ChunkSource<A>>, chunks: impl Into<ChunkSpec>) -> Result<Self, ArrayError> {
        let chunks = Chunks::of_stored(&chunks.into(), source.shape(), size_of::<A>(), source.stored_chunks())?;
        let token = Token::of(&("read", source.wire_name(), source.identity(), chunks.axes().to_vec()));
        let task = Arc::new(Read { source, chunks: chunks.clone() });
        let layer = Blockwise::new(Name::tokened("read", token), &chunks.grid(), Vec::new(), task);
        Ok(Self::from_layer(LayerRef::new(layer, Vec::new()), chunks))
    }

    /// Writes every chunk, and commits when all are written. The value is the number of elements.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use dask_array::Array;
    /// use dask_core::wire::{Encoder, Portable, WireError};
    /// use dask_core::{ChunkSink, Collection, Receipt, Region, TaskError};
    ///
    /// /// Keeps what is written in memory.
    /// #[derive(Default)]
    /// struct Memory(Mutex<Vec<(usize, Vec<i64>)>>);
    /// # impl Portable for Memory {
    /// #     fn wire_name(&self) -> &'static str { "example.memory" }
    /// #     fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> { Ok(()) }
    /// # }
    /// impl ChunkSink<i64> for Memory {
    ///     fn write(&self, region: &Region, chunk: &[i64]) -> Result<Receipt, TaskError> {
    ///         self.0.lock().unwrap().push((region.start[0], chunk.to_vec()));
    ///         Ok(Receipt { what: String::new(), n_items: chunk.len() as u64 })
    ///     }
    ///     fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError> {
    ///         assert_eq!(receipts.len(), 2);
    ///         Ok(())
    ///     }
    /// }
    /// let memory = Arc::new(Memory::default());
    /// assert_eq!(Array::<i64>::arange(0, 3, 1, 2)?.store(memory.clone()).compute()?, 3);
    /// let mut written = memory.0.lock().unwrap().clone();
    /// written.sort();
    /// assert_eq!(written, [(0, vec![0, 1]), (2, vec![2])]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn store(&self, sink: Arc<dyn ChunkSink<A>>) -> Delayed<u64> {
        let name = |what: &str| Name::tokened(what, Token::unique());
        let task = Arc::new(Write { sink: sink.clone(), chunks: self.chunks().clone() });
        let write = Blockwise::new(name("store"), &self.grid(), vec![self.aligned()], task);
        let write = LayerRef::new(write, vec![self.layer().clone()]);
        let input = BlockInput::all(write.name().clone(), &self.grid());
        let commit = Blockwise::new(name("commit"), &[], vec![input], Arc::new(Commit(sink)));
        Delayed::from_layer(LayerRef::new(commit, vec![write]))
    }
}

//! Into storage, partition by partition.

use std::sync::Arc;

use arrow_array::RecordBatch;
use dask_core::layer::{BlockInput, Blockwise};
use dask_core::wire::{Encoder, Portable, WireError, decode_portable, encode_portable};
use dask_core::{Call, Delayed, LayerRef, Name, PartitionSink, Receipt, TaskError, TaskFn, Token, Value};

use crate::frame::DataFrame;
use crate::partition::Partition;

/// A partitioned format that takes record batches: what [`DataFrame::store`] takes, with an example.
pub type Sink = Arc<dyn PartitionSink<Item = RecordBatch>>;

impl DataFrame {
    /// Writes every partition, and commits when all are written. The value is the number of rows.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use std::sync::Mutex;
    /// use dask_core::wire::{Encoder, Portable, WireError};
    /// use dask_core::{Items, PartitionSink, Receipt, TaskError};
    ///
    /// /// Counts rows instead of writing them.
    /// #[derive(Default)]
    /// struct Counter(Mutex<Vec<u64>>);
    /// # impl Portable for Counter {
    /// #     fn wire_name(&self) -> &'static str { "example.counter" }
    /// #     fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> { Ok(()) }
    /// # }
    /// impl PartitionSink for Counter {
    ///     type Item = RecordBatch;
    ///     fn write(&self, partition: usize, items: Items<RecordBatch>) -> Result<Receipt, TaskError> {
    ///         let mut n_items = 0;
    ///         for batch in items {
    ///             n_items += batch?.num_rows() as u64;
    ///         }
    ///         Ok(Receipt { what: partition.to_string(), n_items })
    ///     }
    ///     fn commit(&self, receipts: &[Receipt]) -> Result<(), TaskError> {
    ///         self.0.lock().unwrap().extend(receipts.iter().map(|receipt| receipt.n_items));
    ///         Ok(())
    ///     }
    /// }
    /// let counter = Arc::new(Counter::default());
    /// assert_eq!(frame.store(counter.clone()).compute()?, 4);
    /// assert_eq!(*counter.0.lock().unwrap(), [2, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn store(&self, sink: Sink) -> Delayed<u64> {
        let layer = self.layer();
        let name = |what: &str| Name::tokened(what, Token::unique());
        let shape = layer.layer().shape();
        let input = BlockInput::aligned(layer.name().clone(), shape);
        let write = Blockwise::new(name("store"), shape, vec![input], Arc::new(Write(sink.clone())));
        let write = LayerRef::new(write, vec![layer.clone()]);
        let input = BlockInput::all(write.name().clone(), shape);
        let commit = Blockwise::new(name("commit"), &[], vec![input], Arc::new(Commit(sink)));
        Delayed::from_layer(LayerRef::new(commit, vec![write]))
    }
}

struct Write(Sink);

impl TaskFn for Write {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let batch = call.take::<Partition>(0)?.0;
        let partition = call.index()[0] as usize;
        Ok(Value::new(self.0.write(partition, Box::new(std::iter::once(Ok(batch))))?))
    }
}

struct Commit(Sink);

impl TaskFn for Commit {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let receipts: Vec<Receipt> = call.drain().map(Value::take).collect::<Result<_, _>>()?;
        self.0.commit(&receipts)?;
        Ok(Value::new(receipts.iter().map(|receipt| receipt.n_items).sum::<u64>()))
    }
}

macro_rules! portable {
    ($($type:ident = $name:literal;)*) => {$(
        impl Portable for $type {
            fn wire_name(&self) -> &'static str { $name }
            fn encode(&self, out: &mut Encoder) -> Result<(), WireError> { encode_portable(&*self.0, out) }
        }
        dask_core::register!($name, |input| {
            let task: Arc<dyn TaskFn> = Arc::new($type(decode_portable(input)?));
            Ok(Box::new(task))
        });
    )*};
}
portable! { Write = "frame.write_partition"; Commit = "frame.commit"; }

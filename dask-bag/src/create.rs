//! Bags from sequences, sources, and other bags.

use std::sync::Arc;

use dask_core::delayed::Closure;
use dask_core::layer::{Blockwise, Materialized, Reduce};
use dask_core::wire::{Decoder, Encoder, Portable, WireError, decode_portable, encode_portable};
use dask_core::{Call, Data, LayerRef, Name, PartitionSource, Result, TaskError, TaskFn, Token, Value, Want};

use crate::Bag;

/// A partitioned format whose items need nothing to be known before reading: what [`Bag::from_source`] and
/// [`Bag::from_any_source`] take, with an example each.
pub type Source<T> = Arc<dyn PartitionSource<Item = T, Meta = ()>>;

impl<T: Data + Clone> Bag<T> {
    /// The items of a sequence, in `n_partitions` partitions of nearly equal length; with fewer items than that, one
    /// item a partition. No items make one empty partition.
    ///
    /// The bag is named after its items and how they are cut ([`Value::content_token`]): equal bags share keys.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let bag = Bag::from_sequence(["a", "b", "c"].map(String::from), 2);
    /// assert_eq!(bag.n_partitions(), 2);
    /// assert_eq!(bag.compute()?, ["a", "b", "c"]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn from_sequence(items: impl IntoIterator<Item = T>, n_partitions: usize) -> Self {
        let items: Vec<T> = items.into_iter().collect();
        let n_partitions = n_partitions.clamp(1, items.len().max(1));
        let (size, longer) = (items.len() / n_partitions, items.len() % n_partitions);
        let mut items = items.into_iter();
        let partition = |i| Value::new(items.by_ref().take(size + usize::from(i < longer)).collect::<Vec<T>>());
        let partitions: Vec<Value> = (0..n_partitions).map(partition).collect();
        let content: Vec<Token> = partitions.iter().map(Value::content_token).collect();
        let name = Name::tokened("from_sequence", Token::of(&content));
        Self::from_layer(Materialized::values(name, &[n_partitions as u32], partitions))
    }

    /// The items of all, one bag after the other. No bags make one empty partition.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let (few, more) = (Bag::range(2, 1), Bag::range(3, 2));
    /// let both = Bag::concat(&[few, more]);
    /// assert_eq!(both.n_partitions(), 3);
    /// assert_eq!(both.compute()?, [0, 1, 0, 1, 2]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn concat(bags: &[Self]) -> Self {
        let inputs: Vec<LayerRef> = bags.iter().map(|bag| bag.layer().clone()).collect();
        let names: Vec<Name> = inputs.iter().map(|input| input.name().clone()).collect();
        let function = Closure::new("concat", |call: &mut Call<'_>| Ok(call.value(0)?));
        let n: u32 = inputs.iter().map(|input| input.layer().n_tasks() as u32).sum();
        if n == 0 {
            return Self::from_sequence([], 1);
        }
        let name = function.layer_name(&names);
        let mut layer = Materialized::uniform(name, &[n], names, Arc::new(function));
        for (i, input) in inputs.iter().enumerate() {
            (0..input.layer().n_tasks() as u32).for_each(|task| layer.push_uniform(&[(i as u32, task)]));
        }
        Self::from_layer(LayerRef::new(layer, inputs))
    }

    /// The same items in at most `n_partitions` partitions: neighbours are joined.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let bag = Bag::range(10, 5).repartition(2);
    /// assert_eq!(bag.n_partitions(), 2);
    /// assert_eq!(bag.compute()?, (0..10).collect::<Vec<_>>());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn repartition(&self, n_partitions: usize) -> Self {
        let n = self.n_partitions() as u32;
        let group = n.div_ceil(n_partitions.clamp(1, n.max(1) as usize) as u32);
        let function = Closure::new("repartition", |call: &mut Call<'_>| {
            let mut joined: Vec<T> = Vec::new();
            for part in call.drain() {
                joined.append(&mut part.take::<Vec<T>>()?);
            }
            Ok(Value::new(joined))
        });
        let name = function.layer_name(&(self.layer().name().clone(), group));
        let reduce = Reduce::new(name, self.layer().name().clone(), &[n], &[group], Arc::new(function));
        Self::from_layer(LayerRef::new(reduce, vec![self.layer().clone()]))
    }
}

impl Bag<i64> {
    /// The numbers from 0 to `n`, made where they are used.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(4, 2).compute()?, [0, 1, 2, 3]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn range(n: i64, n_partitions: usize) -> Self {
        let n_partitions = (n_partitions.max(1) as i64).min(n.max(1));
        let function = Range { n: n.max(0), n_partitions };
        let name = Name::tokened("range", Token::of(&("range", n, n_partitions)));
        let layer = Blockwise::new(name, &[n_partitions as u32], vec![], Arc::new(function));
        Self::from_layer(LayerRef::new(layer, vec![]))
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Range {
    n: i64,
    n_partitions: i64,
}

impl TaskFn for Range {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let i = i64::from(call.index()[0]);
        let bound = |i: i64| (i128::from(self.n) * i128::from(i) / i128::from(self.n_partitions)) as i64;
        Ok(Value::new((bound(i)..bound(i + 1)).collect::<Vec<i64>>()))
    }
}
dask_core::portable!(Range as dyn TaskFn = "bag.range");

impl Bag<String> {
    /// The texts of a source: lines, usually.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dask_bag::Bag;
    /// use dask_core::wire::{Encoder, Portable, WireError};
    /// use dask_core::{Collection, Items, PartitionSource, TaskError, Want};
    ///
    /// /// A partition of one text for each language.
    /// struct Greetings;
    /// # impl Portable for Greetings {
    /// #     fn wire_name(&self) -> &'static str { "example.greetings" }
    /// #     fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> { Ok(()) }
    /// # }
    /// impl PartitionSource for Greetings {
    ///     type Item = String;
    ///     type Meta = ();
    ///     fn n_partitions(&self) -> usize {
    ///         2
    ///     }
    ///     fn meta(&self) -> &() {
    ///         &()
    ///     }
    ///     fn read(&self, partition: usize, _want: &Want) -> Result<Items<String>, TaskError> {
    ///         Ok(Box::new(std::iter::once(Ok(["hello", "ahoj"][partition].to_owned()))))
    ///     }
    ///     fn identity(&self) -> String {
    ///         "greetings".into()
    ///     }
    /// }
    /// assert_eq!(Bag::from_source(Arc::new(Greetings)).compute()?, ["hello", "ahoj"]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn from_source(source: Source<String>) -> Self {
        Self::from_any_source(source, |source| Arc::new(ReadText { source }))
    }
}

impl<T: Data + Clone> Bag<T> {
    /// The items of a source, read by the task function that `read` makes. A source without partitions makes one empty
    /// partition.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dask_bag::{Bag, Source};
    /// use dask_core::{Call, Collection, Value, Want, delayed::Closure};
    /// # use dask_core::{Items, PartitionSource, TaskError, wire::{Encoder, Portable, WireError}};
    /// # struct Pairs;
    /// # impl Portable for Pairs {
    /// #     fn wire_name(&self) -> &'static str { "example.pairs" }
    /// #     fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> { Ok(()) }
    /// # }
    /// # impl PartitionSource for Pairs {
    /// #     type Item = usize;
    /// #     type Meta = ();
    /// #     fn n_partitions(&self) -> usize { 2 }
    /// #     fn meta(&self) -> &() { &() }
    /// #     fn read(&self, partition: usize, _want: &Want) -> Result<Items<usize>, TaskError> {
    /// #         Ok(Box::new([Ok(partition), Ok(10 * partition)].into_iter()))
    /// #     }
    /// #     fn identity(&self) -> String { "pairs".into() }
    /// # }
    /// // Two partitions: each holds its number, and ten times that.
    /// let source: Source<usize> = Arc::new(Pairs);
    /// let bag = Bag::from_any_source(source, |source| {
    ///     Arc::new(Closure::new("read", move |call: &mut Call<'_>| {
    ///         let items = source.read(call.index()[0] as usize, &Want::default())?;
    ///         Ok(Value::new(items.collect::<Result<Vec<usize>, _>>()?))
    ///     }))
    /// });
    /// assert_eq!(bag.compute()?, [0, 0, 1, 10]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn from_any_source(source: Source<T>, read: impl FnOnce(Source<T>) -> Arc<dyn TaskFn>) -> Self {
        let name = Name::tokened("read", Token::of(&("read", source.wire_name(), source.identity())));
        let n = source.n_partitions() as u32;
        if n == 0 {
            return Self::from_sequence([], 1);
        }
        Self::from_layer(LayerRef::new(Blockwise::new(name, &[n], vec![], read(source)), vec![]))
    }
}

/// Reads a partition of texts.
struct ReadText {
    source: Source<String>,
}

impl TaskFn for ReadText {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        let items = self.source.read(call.index()[0] as usize, &Want::default())?;
        Ok(Value::new(items.collect::<Result<Vec<String>, _>>()?))
    }
}

impl Portable for ReadText {
    fn wire_name(&self) -> &'static str {
        "bag.read_text"
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        encode_portable(&*self.source, out)
    }
}

fn decode_read_text(input: &mut Decoder<'_>) -> Result<Arc<dyn TaskFn>, WireError> {
    Ok(Arc::new(ReadText { source: decode_portable(input)? }))
}
dask_core::register!("bag.read_text", |input| Ok(Box::new(decode_read_text(input)?)));

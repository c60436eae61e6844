//! What stands for a value that is made later: delayed values, and containers of these in containers.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Delayed;
use crate::data::{Data, by_encoded_key};
use crate::error::{Result, TaskError};
use crate::key::Name;
use crate::layer::{BlockInput, Blockwise, LayerRef, Materialized};
use crate::task::{Call, TaskFn};
use crate::token::Tokenizer;
use crate::value::Value;
use crate::wire::local::{self, Local};
use crate::wire::{Decoder, Encoder, Portable, WireError};

/// What stands for a `T` that is made later: a [`Delayed`] of it; where `T` is a list, a map, an option or a tuple of up
/// to eight, such a one of whatever is lazy, to any depth; and what a cluster calls a future.
///
/// A container is a task that takes its items, which are moved into it where nobody else needs them. All of its items are
/// lazy; one that is here becomes so by [`Delayed::value`].
///
/// ```no_run
/// use std::collections::BTreeMap;
/// use dask_core::{Collection, Delayed, delayed};
/// let of = |n: i64| (0..n).map(Delayed::value).collect::<Vec<_>>();
/// let sums = |rows: Vec<Vec<i64>>| rows.into_iter().map(|row| row.into_iter().sum()).collect::<Vec<i64>>();
/// assert_eq!(delayed!(sums(vec![of(2), of(0), of(4)])).compute()?, [1, 0, 6]);
///
/// type Named<T> = BTreeMap<String, (T, Option<T>)>;
/// let named: Named<Delayed<i64>> = BTreeMap::from([("a".to_owned(), (Delayed::value(1), None))]);
/// let first = |named: Named<i64>| named["a"].0;
/// assert_eq!(delayed!(first(named)).compute()?, 1);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no delayed value that makes a `{T}`")]
pub trait Lazy<T> {
    /// The layer whose first value is the `T`.
    fn into_layer(self) -> LayerRef;
}

impl<T> Lazy<T> for Delayed<T> {
    fn into_layer(self) -> LayerRef {
        self.layer
    }
}

impl<T> Lazy<T> for &Delayed<T> {
    fn into_layer(self) -> LayerRef {
        self.layer.clone()
    }
}

macro_rules! lists {
    ($(<$($life:lifetime,)? T, L $(, const $N:ident: usize)?> for $list:ty, of $item:ty;)*) => {$(
        impl<$($life,)? T: Data + Clone, L $(, const $N: usize)?> Lazy<Vec<T>> for $list
        where
            $item: Lazy<T>,
        {
            fn into_layer(self) -> LayerRef {
                collect::<Vec<T>>("list", self.into_iter().map(Lazy::into_layer).collect())
            }
        }
    )*};
}
lists! {
    <T, L> for Vec<L>, of L;
    <T, L, const N: usize> for [L; N], of L;
    <'a, T, L> for &'a Vec<L>, of &'a L;
    <'a, T, L> for &'a [L], of &'a L;
}

impl<T: Data + Clone, L: Lazy<T>> Lazy<Option<T>> for Option<L> {
    fn into_layer(self) -> LayerRef {
        collect::<Option<T>>("option", self.into_iter().map(L::into_layer).collect())
    }
}

impl<K: Data + Ord + Clone, T: Data + Clone, L: Lazy<T>> Lazy<BTreeMap<K, T>> for BTreeMap<K, L> {
    fn into_layer(self) -> LayerRef {
        let (keys, items): (Vec<K>, Vec<L>) = self.into_iter().unzip();
        collect_map::<K, T, L, BTreeMap<K, T>>(keys, items)
    }
}

impl<K: Data + Eq + Hash + Clone, T: Data + Clone, L: Lazy<T>> Lazy<HashMap<K, T>> for HashMap<K, L> {
    fn into_layer(self) -> LayerRef {
        let entries = by_encoded_key(self, |(key, _)| key);
        let (keys, items): (Vec<K>, Vec<L>) = entries.into_iter().unzip();
        collect_map::<K, T, L, HashMap<K, T>>(keys, items)
    }
}

/// One layer that makes a map of the keys, which are a value of their own, and the items.
fn collect_map<K: Data, T, L: Lazy<T>, M: Collect>(keys: Vec<K>, items: Vec<L>) -> LayerRef {
    let keys = Value::new(keys);
    let keys = Materialized::values(Name::tokened("keys", keys.content_token()), &[], [keys]);
    collect::<M>("map", std::iter::once(keys).chain(items.into_iter().map(L::into_layer)).collect())
}

/// One layer that makes a container of the inputs: the same container of the same inputs has the same name.
fn collect<C: Collect>(what: &str, inputs: Vec<LayerRef>) -> LayerRef {
    let blocks: Vec<BlockInput> = inputs.iter().map(super::first_block).collect();
    let mut t = Tokenizer::new();
    t.add(std::any::type_name::<C>()).add(&(blocks.len() as u64));
    blocks.iter().for_each(|block| _ = t.add(&block.name));
    let name = Name::tokened(what, t.finish());
    let function = Arc::new(CollectFn::<C>(PhantomData));
    LayerRef::new(Blockwise::new(name, &[], blocks, function).with_source(false), inputs)
}

/// A container that is made of the inputs of a task.
trait Collect: Data {
    fn collect(call: Call<'_>) -> Result<Self>
    where
        Self: Sized;
}

impl<T: Data + Clone> Collect for Vec<T> {
    fn collect(mut call: Call<'_>) -> Result<Self> {
        call.drain().map(Value::take).collect()
    }
}

impl<T: Data + Clone> Collect for Option<T> {
    fn collect(mut call: Call<'_>) -> Result<Self> {
        call.drain().next().map(Value::take).transpose()
    }
}

macro_rules! maps {
    ($($map:ident: $($bound:path),+;)*) => {$(
        impl<K: Data + Clone $(+ $bound)+, T: Data + Clone> Collect for $map<K, T> {
            fn collect(mut call: Call<'_>) -> Result<Self> {
                let keys: Vec<K> = call.take(0)?;
                let items = call.drain().map(Value::take);
                keys.into_iter().zip(items).map(|(key, item)| Ok((key, item?))).collect()
            }
        }
    )*};
}
maps! { BTreeMap: Ord; HashMap: Eq, Hash; }

macro_rules! tuples {
    ($($($T:ident $L:ident $i:tt),+;)*) => {$(
        impl<$($T: Data + Clone, $L: Lazy<$T>),+> Lazy<($($T,)+)> for ($($L,)+) {
            fn into_layer(self) -> LayerRef {
                collect::<($($T,)+)>("tuple", vec![$(self.$i.into_layer()),+])
            }
        }

        impl<$($T: Data + Clone),+> Collect for ($($T,)+) {
            fn collect(mut call: Call<'_>) -> Result<Self> {
                Ok(($(call.take::<$T>($i)?,)+))
            }
        }
    )*};
}
tuples! {
    T0 L0 0;
    T0 L0 0, T1 L1 1;
    T0 L0 0, T1 L1 1, T2 L2 2;
    T0 L0 0, T1 L1 1, T2 L2 2, T3 L3 3;
    T0 L0 0, T1 L1 1, T2 L2 2, T3 L3 3, T4 L4 4;
    T0 L0 0, T1 L1 1, T2 L2 2, T3 L3 3, T4 L4 4, T5 L5 5;
    T0 L0 0, T1 L1 1, T2 L2 2, T3 L3 3, T4 L4 4, T5 L5 5, T6 L6 6;
    T0 L0 0, T1 L1 1, T2 L2 2, T3 L3 3, T4 L4 4, T5 L5 5, T6 L6 6, T7 L7 7;
}

/// Makes a container of its inputs.
struct CollectFn<C>(PhantomData<fn() -> C>);

impl<C: Collect> TaskFn for CollectFn<C> {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(C::collect(call)?))
    }
}

impl<C: Collect> Portable for CollectFn<C> {
    fn wire_name(&self) -> &'static str {
        local::WIRE_NAME
    }

    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        local::encode(self, out)
    }
}

impl<C: Collect> Local for CollectFn<C> {
    fn encode_state(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Ok(())
    }

    fn decode_state(_input: &mut Decoder<'_>) -> Result<Self, WireError> {
        Ok(Self(PhantomData))
    }
}

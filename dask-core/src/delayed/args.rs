//! What may be an argument of a delayed call: values, delayed values, and lists, maps, options, pairs and triples of
//! these.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use super::Delayed;
use super::call::{CollectHashMap, CollectList, CollectMap, CollectOption, CollectPair, CollectTriple};
use crate::data::Data;
use crate::key::Name;
use crate::layer::{BlockInput, Blockwise, LayerRef, Materialized};
use crate::task::TaskFn;
use crate::token::Tokenizer;
use crate::value::Value;
use crate::wire::Encoder;

/// What may be given where a function takes a `T`.
pub trait Arg<T> {
    /// The layer whose only value is the argument.
    fn layer(self) -> LayerRef;
}

/// The arguments of a call of a function of `A`, a tuple of its parameters.
pub trait Args<A> {
    /// One layer an argument.
    fn layers(self) -> Vec<LayerRef>;
}

impl<T: Data> Arg<T> for T {
    fn layer(self) -> LayerRef {
        Delayed::value(self).layer
    }
}

impl<T> Arg<T> for Delayed<T> {
    fn layer(self) -> LayerRef {
        self.layer
    }
}

impl<T> Arg<T> for &Delayed<T> {
    fn layer(self) -> LayerRef {
        self.layer.clone()
    }
}

impl<T: Data> Arg<Arc<T>> for T {
    fn layer(self) -> LayerRef {
        Delayed::value(self).layer
    }
}

impl<T> Arg<Arc<T>> for Delayed<T> {
    fn layer(self) -> LayerRef {
        self.layer
    }
}

impl<T> Arg<Arc<T>> for &Delayed<T> {
    fn layer(self) -> LayerRef {
        self.layer.clone()
    }
}

impl<T: Data + Clone> Arg<Vec<T>> for Vec<Delayed<T>> {
    fn layer(self) -> LayerRef {
        collect("list", CollectList::<T>::default(), self.into_iter().map(|item| item.layer).collect())
    }
}

impl<T: Data + Clone> Arg<Option<T>> for Option<Delayed<T>> {
    fn layer(self) -> LayerRef {
        collect("option", CollectOption::<T>::default(), self.into_iter().map(|item| item.layer).collect())
    }
}

impl<A: Data + Clone, B: Data + Clone> Arg<(A, B)> for (Delayed<A>, Delayed<B>) {
    fn layer(self) -> LayerRef {
        collect("pair", CollectPair::<A, B>::default(), vec![self.0.layer, self.1.layer])
    }
}

impl<A: Data + Clone, B: Data + Clone, C: Data + Clone> Arg<(A, B, C)> for (Delayed<A>, Delayed<B>, Delayed<C>) {
    fn layer(self) -> LayerRef {
        collect("triple", CollectTriple::<A, B, C>::default(), vec![self.0.layer, self.1.layer, self.2.layer])
    }
}

impl<K: Data + Ord + Clone, T: Data + Clone> Arg<BTreeMap<K, T>> for BTreeMap<K, Delayed<T>> {
    fn layer(self) -> LayerRef {
        collect_map(CollectMap::<K, T>::default(), self.into_iter().unzip())
    }
}

impl<K: Data + Eq + Hash + Clone, T: Data + Clone> Arg<HashMap<K, T>> for HashMap<K, Delayed<T>> {
    fn layer(self) -> LayerRef {
        let mut entries: Vec<(Vec<u8>, K, Delayed<T>)> = self
            .into_iter()
            .map(|(key, value)| {
                let mut out = Encoder::new();
                // What has no encoding stands in any order: its layer is named uniquely anyway.
                let _ = key.encode(&mut out);
                (out.into_bytes(), key, value)
            })
            .collect();
        entries.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let entries = entries.into_iter().map(|(_, key, value)| (key, value));
        collect_map(CollectHashMap::<K, T>::default(), entries.unzip())
    }
}

impl<T: Data + Clone> Arg<Vec<Vec<T>>> for Vec<Vec<Delayed<T>>> {
    fn layer(self) -> LayerRef {
        Arg::<Vec<Vec<T>>>::layer(self.into_iter().map(lazy_list).collect::<Vec<_>>())
    }
}

impl<K: Data + Ord + Clone, T: Data + Clone> Arg<BTreeMap<K, Vec<T>>> for BTreeMap<K, Vec<Delayed<T>>> {
    fn layer(self) -> LayerRef {
        let lists = self.into_iter().map(|(key, items)| (key, lazy_list(items)));
        Arg::<BTreeMap<K, Vec<T>>>::layer(lists.collect::<BTreeMap<_, _>>())
    }
}

impl<K: Data + Eq + Hash + Clone, T: Data + Clone> Arg<HashMap<K, Vec<T>>> for HashMap<K, Vec<Delayed<T>>> {
    fn layer(self) -> LayerRef {
        let lists = self.into_iter().map(|(key, items)| (key, lazy_list(items)));
        Arg::<HashMap<K, Vec<T>>>::layer(lists.collect::<HashMap<_, _>>())
    }
}

fn lazy_list<T: Data + Clone>(items: Vec<Delayed<T>>) -> Delayed<Vec<T>> {
    Delayed::from_layer(Arg::<Vec<T>>::layer(items))
}

/// One layer that makes a map of the keys, which are a layer of their own, and the values.
fn collect_map<K: Data, T>(function: impl TaskFn + 'static, entries: (Vec<K>, Vec<Delayed<T>>)) -> LayerRef {
    let keys = Value::new(entries.0);
    let keys = Materialized::values(Name::tokened("keys", keys.content_token()), &[], [keys]);
    let inputs = std::iter::once(keys).chain(entries.1.into_iter().map(|value| value.layer));
    collect("map", function, inputs.collect())
}

/// One layer that makes a container of the inputs: the same container of the same inputs has the same name.
fn collect<F: TaskFn + 'static>(what: &str, function: F, inputs: Vec<LayerRef>) -> LayerRef {
    let blocks: Vec<BlockInput> = inputs.iter().map(super::first_block).collect();
    let mut t = Tokenizer::new();
    t.add(std::any::type_name::<F>()).add(&(blocks.len() as u64));
    blocks.iter().for_each(|block| _ = t.add(&block.name));
    let name = Name::tokened(what, t.finish());
    LayerRef::new(Blockwise::new(name, &[], blocks, Arc::new(function)).with_source(false), inputs)
}

macro_rules! tuples {
    ($($($P:ident $A:ident $i:tt),*;)*) => {$(
        impl<$($P, $A: Arg<$P>),*> Args<($($P,)*)> for ($($A,)*) {
            fn layers(self) -> Vec<LayerRef> { vec![$(self.$i.layer()),*] }
        }
    )*};
}
tuples! {
    ;
    A X 0;
    A X 0, B Y 1;
    A X 0, B Y 1, C Z 2;
    A X 0, B Y 1, C Z 2, D W 3;
    A X 0, B Y 1, C Z 2, D W 3, E V 4;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6, H S 7;
}

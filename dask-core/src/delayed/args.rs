//! What may be an argument of a delayed call: values, delayed values, lists and maps of these.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Delayed;
use super::call::{CollectList, CollectMap};
use crate::data::Data;
use crate::key::Name;
use crate::layer::{BlockInput, Blockwise, LayerRef, Materialized};
use crate::task::TaskFn;
use crate::token::Token;
use crate::value::Value;

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

impl<T: Data + Clone> Arg<Vec<T>> for Vec<Delayed<T>> {
    fn layer(self) -> LayerRef {
        collect("list", CollectList::<T>::default(), self.into_iter().map(|item| item.layer).collect())
    }
}

impl<K: Data + Ord + Clone, T: Data + Clone> Arg<BTreeMap<K, T>> for BTreeMap<K, Delayed<T>> {
    fn layer(self) -> LayerRef {
        let (keys, values): (Vec<K>, Vec<Delayed<T>>) = self.into_iter().unzip();
        let keys = Materialized::values(Name::tokened("keys", Token::unique()), &[], [Value::new(keys)]);
        let inputs = std::iter::once(keys).chain(values.into_iter().map(|value| value.layer));
        collect("map", CollectMap::<K, T>::default(), inputs.collect())
    }
}

fn collect(what: &str, function: impl TaskFn + 'static, inputs: Vec<LayerRef>) -> LayerRef {
    let blocks = inputs.iter().map(|input| BlockInput::aligned(input.name().clone(), &[])).collect();
    let name = Name::tokened(what, Token::unique());
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

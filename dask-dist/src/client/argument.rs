//! What may be an argument of a call on the cluster: values, futures, delayed values, lists and maps of these.

use std::collections::BTreeMap;

use dask_core::delayed::{Arg, Args};
use dask_core::{Data, Delayed, LayerRef, Token, Tokenize, Tokenizer};

use super::Future;

/// What may be given where a function takes a `T`: a `T`, a [`Future`] or [`Delayed`] of it, and where it takes a list
/// or a map, a list or a map of futures.
///
/// ```
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let parts = client.map(|x: i64| x * x, 0..4)?;
/// let total = client.submit(|parts: Vec<i64>| parts.iter().sum::<i64>(), (parts,))?;
/// assert_eq!(total.result()?, 14);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub trait Argument<T> {
    /// The layer whose first value is the argument.
    fn into_layer(self) -> LayerRef;
}

/// The arguments of a call of a function of `A`, a tuple of its parameters.
pub trait Arguments<A> {
    /// One layer an argument.
    fn layers(self) -> Vec<LayerRef>;
}

impl<T: Data> Argument<T> for T {
    fn into_layer(self) -> LayerRef {
        Delayed::layer(&Delayed::value(self)).clone()
    }
}

macro_rules! lazy {
    ($($(&$life:lifetime)? $lazy:ident;)*) => {$(
        impl<$($life,)? T> Argument<T> for $(&$life)? $lazy<T> {
            fn into_layer(self) -> LayerRef {
                self.to_layer()
            }
        }

        impl<$($life,)? T: Data + Clone> Argument<Vec<T>> for Vec<$(&$life)? $lazy<T>> {
            fn into_layer(self) -> LayerRef {
                list::<T>(self.into_iter().map(|item| Delayed::from_layer(item.to_layer())).collect())
            }
        }

        impl<$($life,)? T: Data + Clone> Argument<Vec<Vec<T>>> for Vec<Vec<$(&$life)? $lazy<T>>> {
            fn into_layer(self) -> LayerRef {
                list::<Vec<T>>(self.into_iter().map(|items| Delayed::from_layer(Argument::<Vec<T>>::into_layer(items))).collect())
            }
        }

        impl<$($life,)? K: Data + Ord + Clone, T: Data + Clone> Argument<BTreeMap<K, T>>
            for BTreeMap<K, $(&$life)? $lazy<T>>
        {
            fn into_layer(self) -> LayerRef {
                map::<K, T>(self.into_iter().map(|(key, item)| (key, Delayed::from_layer(item.to_layer()))).collect())
            }
        }

        impl<$($life,)? K: Data + Ord + Clone, T: Data + Clone> Argument<BTreeMap<K, Vec<T>>>
            for BTreeMap<K, Vec<$(&$life)? $lazy<T>>>
        {
            fn into_layer(self) -> LayerRef {
                let lists = self.into_iter();
                map::<K, Vec<T>>(lists.map(|(key, items)| (key, Delayed::from_layer(Argument::<Vec<T>>::into_layer(items)))).collect())
            }
        }
    )*};
}
lazy! { Future; &'a Future; Delayed; &'a Delayed; }

/// What can say which layer it stands for.
trait ToLayer {
    fn to_layer(&self) -> LayerRef;
}

impl<T> ToLayer for Future<T> {
    fn to_layer(&self) -> LayerRef {
        Future::layer(self)
    }
}

impl<T> ToLayer for Delayed<T> {
    fn to_layer(&self) -> LayerRef {
        Delayed::layer(self).clone()
    }
}

fn list<T: Data + Clone>(items: Vec<Delayed<T>>) -> LayerRef {
    Arg::<Vec<T>>::layer(items)
}

fn map<K: Data + Ord + Clone, T: Data + Clone>(items: BTreeMap<K, Delayed<T>>) -> LayerRef {
    Arg::<BTreeMap<K, T>>::layer(items)
}

/// A future may also stand in delayed calls.
impl<T> Arg<T> for Future<T> {
    fn layer(self) -> LayerRef {
        Future::layer(&self)
    }
}

/// A future may also stand in delayed calls.
impl<T> Arg<T> for &Future<T> {
    fn layer(self) -> LayerRef {
        Future::layer(self)
    }
}

/// Arguments that became layers, for delayed calls.
pub(super) struct Layers {
    layers: Vec<LayerRef>,
    token: Option<Token>,
}

impl Layers {
    pub(super) fn of<A>(args: impl Arguments<A>) -> Self {
        Self { layers: args.layers(), token: None }
    }

    /// With what makes equal arguments equal.
    pub(super) fn tokened<A>(args: impl Arguments<A> + Tokenize) -> Self {
        let token = Token::of(&args);
        Self { layers: args.layers(), token: Some(token) }
    }
}

impl<A> Args<A> for Layers {
    fn layers(self) -> Vec<LayerRef> {
        self.layers
    }
}

impl Tokenize for Layers {
    fn tokenize(&self, t: &mut Tokenizer) {
        match self.token {
            Some(token) => t.add(&token),
            None => t.add(&Token::unique()),
        };
    }
}

macro_rules! tuples {
    ($($($P:ident $A:ident $i:tt),*;)*) => {$(
        impl<$($P, $A: Argument<$P>),*> Arguments<($($P,)*)> for ($($A,)*) {
            fn layers(self) -> Vec<LayerRef> { vec![$(self.$i.into_layer()),*] }
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

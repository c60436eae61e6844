//! What may be an argument of a call on the cluster: values, futures, delayed values, lists and maps of these.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use dask_core::delayed::{Arg, Args};
use dask_core::layer::Materialized;
use dask_core::{Data, Delayed, LayerRef, Name, Token, Tokenize, Tokenizer, Value};

use super::Future;

/// What may be given where a function takes a `T`: a `T`, a [`Future`] or [`Delayed`] of it, and where it takes a list,
/// a map, an option or a pair, such a one of futures; also lists and maps of lists.
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
    /// The value, or the layer whose first value is the argument.
    fn given(self) -> Given;
}

/// An argument: here, or to be made.
pub enum Given {
    /// It is here.
    Value(Value),
    /// It is the first value of this layer.
    Layer(LayerRef),
}

impl Given {
    fn into_layer(self) -> LayerRef {
        match self {
            Self::Value(value) => Materialized::values(Name::tokened("value", Token::unique()), &[], [value]),
            Self::Layer(layer) => layer,
        }
    }
}

/// The arguments of a call of a function of `A`, a tuple of its parameters.
pub trait Arguments<A> {
    /// One for each parameter.
    fn given(self) -> Vec<Given>;
}

impl<T: Data> Argument<T> for T {
    fn given(self) -> Given {
        Given::Value(Value::new(self))
    }
}

impl<T: Data> Argument<Arc<T>> for T {
    fn given(self) -> Given {
        Given::Value(Value::new(self))
    }
}

macro_rules! lazy {
    ($($(&$life:lifetime)? $lazy:ident;)*) => {$(
        impl<$($life,)? T> Argument<T> for $(&$life)? $lazy<T> {
            fn given(self) -> Given {
                Given::Layer(self.to_layer())
            }
        }

        impl<$($life,)? T> Argument<Arc<T>> for $(&$life)? $lazy<T> {
            fn given(self) -> Given {
                Given::Layer(self.to_layer())
            }
        }

        impl<$($life,)? T: Data + Clone> Argument<Vec<T>> for Vec<$(&$life)? $lazy<T>> {
            fn given(self) -> Given {
                list::<T>(self.into_iter().map(|item| Delayed::from_layer(item.to_layer())).collect())
            }
        }

        impl<$($life,)? T: Data + Clone> Argument<Vec<Vec<T>>> for Vec<Vec<$(&$life)? $lazy<T>>> {
            fn given(self) -> Given {
                list::<Vec<T>>(self.into_iter().map(|items| Delayed::from_layer(Argument::<Vec<T>>::given(items).into_layer())).collect())
            }
        }

        impl<$($life,)? K: Data + Ord + Clone, T: Data + Clone> Argument<BTreeMap<K, T>>
            for BTreeMap<K, $(&$life)? $lazy<T>>
        {
            fn given(self) -> Given {
                map::<K, T>(self.into_iter().map(|(key, item)| (key, Delayed::from_layer(item.to_layer()))).collect())
            }
        }

        impl<$($life,)? K: Data + Eq + Hash + Clone, T: Data + Clone> Argument<HashMap<K, T>>
            for HashMap<K, $(&$life)? $lazy<T>>
        {
            fn given(self) -> Given {
                let items = self.into_iter().map(|(key, item)| (key, Delayed::from_layer(item.to_layer())));
                Given::Layer(Arg::<HashMap<K, T>>::layer(items.collect::<HashMap<K, Delayed<T>>>()))
            }
        }

        impl<$($life,)? T: Data + Clone> Argument<Option<T>> for Option<$(&$life)? $lazy<T>> {
            fn given(self) -> Given {
                let item = self.map(|item| Delayed::<T>::from_layer(item.to_layer()));
                Given::Layer(Arg::<Option<T>>::layer(item))
            }
        }

        impl<$($life,)? A: Data + Clone, B: Data + Clone> Argument<(A, B)> for ($(&$life)? $lazy<A>, $(&$life)? $lazy<B>) {
            fn given(self) -> Given {
                let pair = (Delayed::<A>::from_layer(self.0.to_layer()), Delayed::<B>::from_layer(self.1.to_layer()));
                Given::Layer(Arg::<(A, B)>::layer(pair))
            }
        }

        impl<$($life,)? K: Data + Ord + Clone, T: Data + Clone> Argument<BTreeMap<K, Vec<T>>>
            for BTreeMap<K, Vec<$(&$life)? $lazy<T>>>
        {
            fn given(self) -> Given {
                let lists = self.into_iter();
                map::<K, Vec<T>>(lists.map(|(key, items)| (key, Delayed::from_layer(Argument::<Vec<T>>::given(items).into_layer()))).collect())
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

fn list<T: Data + Clone>(items: Vec<Delayed<T>>) -> Given {
    Given::Layer(Arg::<Vec<T>>::layer(items))
}

fn map<K: Data + Ord + Clone, T: Data + Clone>(items: BTreeMap<K, Delayed<T>>) -> Given {
    Given::Layer(Arg::<BTreeMap<K, T>>::layer(items))
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

/// The layers of arguments, for delayed calls.
pub(super) struct Layers {
    layers: Vec<LayerRef>,
    /// What makes calls equal, if anything does.
    token: Option<Token>,
}

impl Layers {
    /// None: the arguments are bound to the function.
    pub(super) fn none() -> Self {
        Self { layers: Vec::new(), token: None }
    }

    pub(super) fn of(given: Vec<Given>) -> Self {
        Self { layers: given.into_iter().map(Given::into_layer).collect(), token: None }
    }

    /// With what makes calls on equal arguments equal.
    pub(super) fn with_token(self, token: Token) -> Self {
        Self { token: Some(token), ..self }
    }
}

impl<A> Args<A> for Layers {
    fn layers(self) -> Vec<LayerRef> {
        self.layers
    }
}

impl Tokenize for Layers {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.add(&self.token.unwrap_or_else(Token::unique));
    }
}

macro_rules! tuples {
    ($($($P:ident $A:ident $i:tt),*;)*) => {$(
        impl<$($P, $A: Argument<$P>),*> Arguments<($($P,)*)> for ($($A,)*) {
            fn given(self) -> Vec<Given> { vec![$(self.$i.given()),*] }
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

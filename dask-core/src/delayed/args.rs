//! What may be an argument of a call: values, and whatever is [`Lazy`].

use std::sync::Arc;

use super::Lazy;
use crate::data::Data;
use crate::key::Name;
use crate::layer::{LayerRef, Materialized};
use crate::token::{Token, Tokenize, Tokenizer};
use crate::value::Value;

/// An argument: here, or to be made.
pub enum Given {
    /// It is here.
    Value(Value),
    /// It is the first value of this layer.
    Layer(LayerRef),
}

impl Given {
    /// The value, if it is here.
    pub(super) fn value(&self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Layer(_) => None,
        }
    }

    /// The layer whose first value is the argument.
    pub(super) fn into_layer(self) -> LayerRef {
        match self {
            Self::Value(value) => Materialized::values(Name::tokened("value", Token::unique()), &[], [value]),
            Self::Layer(layer) => layer,
        }
    }
}

/// By what it holds, or by what it is made of.
impl Tokenize for Given {
    fn tokenize(&self, t: &mut Tokenizer) {
        match self {
            Self::Value(value) => t.add(&value.content_token()),
            Self::Layer(layer) => t.add(layer.name()),
        };
    }
}

/// What may be given where a function takes a `T`: a `T`, or whatever is [`Lazy`] and makes one; and where it takes an
/// [`Arc`] of it, the same. The compiler finds out `How`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given where a delayed function takes `{T}`",
    note = "given may be a value of this type, or a `Delayed` of it; or a container of delayed values, all items of which are delayed"
)]
pub trait Arg<T, How> {
    /// The value, or the layer that makes it.
    fn given(self) -> Given;
}

/// How an [`Arg`] is given: it is a value.
pub enum ByValue {}
/// How an [`Arg`] is given: it is made later.
pub enum ByLayer {}
/// How an [`Arg`] is given: so, and the function shares it.
pub struct Shared<How>(std::marker::PhantomData<How>);

impl<T: Data> Arg<T, ByValue> for T {
    fn given(self) -> Given {
        Given::Value(Value::new(self))
    }
}

impl<T: Data> Arg<Arc<T>, Shared<ByValue>> for T {
    fn given(self) -> Given {
        Given::Value(Value::new(self))
    }
}

impl<T, L: Lazy<T>> Arg<T, ByLayer> for L {
    fn given(self) -> Given {
        Given::Layer(self.into_layer())
    }
}

impl<T, L: Lazy<T>> Arg<Arc<T>, Shared<ByLayer>> for L {
    fn given(self) -> Given {
        Given::Layer(self.into_layer())
    }
}

/// The arguments of a call of a function of `A`, a tuple of its parameters. The compiler finds out `How`.
pub trait Args<A, How> {
    /// One for each parameter.
    fn given(self) -> Vec<Given>;
}

macro_rules! tuples {
    ($($($P:ident $A:ident $H:ident $i:tt),*;)*) => {$(
        impl<$($P, $H, $A: Arg<$P, $H>),*> Args<($($P,)*), ($($H,)*)> for ($($A,)*) {
            fn given(self) -> Vec<Given> { vec![$(self.$i.given()),*] }
        }
    )*};
}
tuples! {
    ;
    P0 A0 H0 0;
    P0 A0 H0 0, P1 A1 H1 1;
    P0 A0 H0 0, P1 A1 H1 1, P2 A2 H2 2;
    P0 A0 H0 0, P1 A1 H1 1, P2 A2 H2 2, P3 A3 H3 3;
    P0 A0 H0 0, P1 A1 H1 1, P2 A2 H2 2, P3 A3 H3 3, P4 A4 H4 4;
    P0 A0 H0 0, P1 A1 H1 1, P2 A2 H2 2, P3 A3 H3 3, P4 A4 H4 4, P5 A5 H5 5;
    P0 A0 H0 0, P1 A1 H1 1, P2 A2 H2 2, P3 A3 H3 3, P4 A4 H4 4, P5 A5 H5 5, P6 A6 H6 6;
    P0 A0 H0 0, P1 A1 H1 1, P2 A2 H2 2, P3 A3 H3 3, P4 A4 H4 4, P5 A5 H5 5, P6 A6 H6 6, P7 A7 H7 7;
}

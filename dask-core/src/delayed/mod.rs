//! Delayed: one lazy value, made by calling a function on others.

mod args;
mod call;
mod closure;
mod operators;

use std::marker::PhantomData;
use std::sync::Arc;

pub use args::{Arg, Args};
use call::{CallFn, TryCallFn};
pub use call::{Function, Parameter};
pub use closure::Closure;

use crate::collection::Collection;
use crate::data::Data;
use crate::error::{Error, Result, TaskError};
use crate::key::{Key, Name};
use crate::layer::{Axis, BlockInput, Blockwise, LayerRef, Materialized};
use crate::task::TaskFn;
use crate::token::{Token, Tokenize, Tokenizer};
use crate::value::Value;
use crate::wire::local::{self, Func};

/// A value that is computed when it is asked for.
///
/// ```no_run
/// use dask_core::{Collection, Delayed, delayed};
/// fn inc(x: i64) -> i64 { x + 1 }
/// fn add(x: i64, y: i64) -> i64 { x + y }
///
/// let a = delayed!(inc(1));
/// let b = delayed!(inc(2));
/// let total = delayed!(add(a, b));
/// assert_eq!(total.compute()?, 5);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Delayed<T> {
    layer: LayerRef,
    _type: PhantomData<fn() -> T>,
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Self::from_layer(self.layer.clone())
    }
}

impl<T> std::fmt::Debug for Delayed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Delayed({})", self.layer.name())
    }
}

/// Calls a function later: `delayed!(add(a, b))` is `delayed::call(add, (a, b))`, named after the function.
#[macro_export]
macro_rules! delayed {
    ($($f:ident)::+ ( $($arg:expr),* $(,)? )) => {
        $crate::delayed::call_named(
            { const PATH: &str = stringify!($($f)::+); PATH },
            $($f)::+,
            ($($arg,)*),
        )
    };
}

/// Calls `f` later, on arguments that are values or [`Delayed`] values, or lists (`Vec`), maps (`BTreeMap`, `HashMap`),
/// options, pairs and triples of [`Delayed`] values, or lists and maps of lists of them; [`gather`] nests deeper.
///
/// Each call is a task of its own: calling again computes again. See [`call_pure`] for functions of which equal
/// arguments give equal results.
pub fn call<A, F, T>(f: F, args: impl Args<A>) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    call_named(call::short_name::<F>(), f, args)
}

/// As [`call`], with a name for errors and drawings.
pub fn call_named<A, F, T>(what: &str, f: F, args: impl Args<A>) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    build(Name::tokened(what, Token::unique()), CallFn::<A, F, T>::new(f), args)
}

/// As [`call`], for a function of which equal arguments give equal results: equal calls share one key, and run once.
pub fn call_pure<A, F, T, P>(f: F, args: P) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
    P: Args<A> + Tokenize,
{
    let name = pure_name::<CallFn<A, F, T>, F>(&f, &args);
    build(name, CallFn::<A, F, T>::new(f), args)
}

/// As [`call`], for a function that returns a `Result`: an error fails the task.
pub fn try_call<A, F, T, E>(f: F, args: impl Args<A>) -> Delayed<T>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
{
    let name = Name::tokened(call::short_name::<F>(), Token::unique());
    build(name, TryCallFn::<A, F, T, E>::new(f), args)
}

/// As [`call_pure`], for a function that returns a `Result`.
pub fn try_call_pure<A, F, T, E, P>(f: F, args: P) -> Delayed<T>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
    P: Args<A> + Tokenize,
{
    let name = pure_name::<TryCallFn<A, F, T, E>, F>(&f, &args);
    build(name, TryCallFn::<A, F, T, E>::new(f), args)
}

/// The name that equal calls share: of the function, its type `C` as a task, and its arguments.
fn pure_name<C: local::Local, F: Clone + Send + Sync + 'static>(f: &F, args: &impl Tokenize) -> Name {
    let mut t = Tokenizer::new();
    t.add(args).add(&Func(f.clone()));
    local::tokenize_type::<C>(&mut t);
    Name::tokened(call::short_name::<F>(), t.finish())
}

/// What may be an argument, as one delayed value: containers of delayed values, which may stand in others again.
///
/// ```no_run
/// use dask_core::{Collection, Delayed, delayed};
/// let row = |start: i64| delayed::gather((start..start + 3).map(Delayed::value).collect::<Vec<_>>());
/// let table: Delayed<Vec<Vec<i64>>> = delayed::gather(vec![row(0), row(10)]);
/// assert_eq!(table.compute()?, [[0, 1, 2], [10, 11, 12]]);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub fn gather<T>(of: impl Arg<T>) -> Delayed<T> {
    Delayed::from_layer(of.layer())
}

fn build<A, T>(name: Name, function: impl TaskFn + 'static, args: impl Args<A>) -> Delayed<T> {
    let inputs = args.layers();
    let blocks = inputs.iter().map(first_block).collect();
    let layer = Blockwise::new(name, &[], blocks, Arc::new(function)).with_source(false);
    Delayed::from_layer(LayerRef::new(layer, inputs))
}

/// The only block of a layer, or the first of what a collection ends in.
fn first_block(input: &LayerRef) -> BlockInput {
    let shape = input.layer().shape();
    let axes = shape.iter().map(|_| Axis::At(0)).collect();
    BlockInput { name: input.name().clone(), shape: shape.into(), axes }
}

impl<T> Delayed<T> {
    /// The first value of a layer, which must be of type `T`: for collections whose reductions end in one value.
    pub fn from_layer(layer: LayerRef) -> Self {
        Self { layer, _type: PhantomData }
    }

    /// Its key.
    pub fn key(&self) -> Key {
        self.layer.name().at(&vec![0; self.layer.layer().shape().len()])
    }

    /// The layer it is the only task of.
    pub fn layer(&self) -> &LayerRef {
        &self.layer
    }
}

impl<T: Data> Delayed<T> {
    /// A value that is there already. Each is something of its own; see [`value_pure`](Delayed::value_pure).
    pub fn value(value: T) -> Self {
        Self::from_layer(Materialized::values(Name::tokened("value", Token::unique()), &[], [Value::new(value)]))
    }

    /// A value that is there already, named after its content ([`Value::content_token`]): equal values share one key.
    pub fn value_pure(value: T) -> Self {
        let value = Value::new(value);
        Self::from_layer(Materialized::values(Name::tokened("value", value.content_token()), &[], [value]))
    }

    /// The same value under a key chosen by a person. Two different values of one key cannot be computed together.
    #[must_use]
    pub fn named(&self, key: &str) -> Self {
        let function = Arc::new(call::Pass);
        let input = BlockInput::aligned(self.layer.name().clone(), &[]);
        let layer = Blockwise::new(Name::new(key), &[], vec![input], function);
        Self::from_layer(LayerRef::new(layer, vec![self.layer.clone()]))
    }
}

impl<T: Data + Clone> Delayed<T> {
    /// Calls a function on it, later.
    pub fn map<U: Data, F>(&self, f: F) -> Delayed<U>
    where
        F: Fn(T) -> U + Clone + Send + Sync + 'static,
    {
        call(f, (self.clone(),))
    }

    /// Calls a function on it that may fail, later.
    pub fn and_then<U: Data, E, F>(&self, f: F) -> Delayed<U>
    where
        F: Fn(T) -> std::result::Result<U, E> + Clone + Send + Sync + 'static,
        E: Into<TaskError> + 'static,
    {
        try_call(f, (self.clone(),))
    }

    /// Both values, as one.
    pub fn zip<U: Data + Clone>(&self, other: &Delayed<U>) -> Delayed<(T, U)> {
        call_named("zip", |a: T, b: U| (a, b), (self.clone(), other.clone()))
    }
}

/// A part of a value, which is not copied for it.
fn part<P: Data, T: Data>(
    of: &Delayed<P>,
    what: &str,
    take: impl Fn(&P) -> T + Clone + Send + Sync + 'static,
) -> Delayed<T> {
    call_named(what, move |whole: Arc<P>| take(&whole), (of,))
}

macro_rules! unzips {
    ($($(#[$doc:meta])* $($P:ident $i:tt $name:literal),*;)*) => {$(
        impl<$($P: Data + Clone),*> Delayed<($($P,)*)>
        where
            ($($P,)*): Data,
        {
            $(#[$doc])*
            pub fn unzip(&self) -> ($(Delayed<$P>,)*) {
                ($(part(self, $name, |parts| parts.$i.clone()),)*)
            }
        }
    )*};
}
unzips! {
    /// The parts of a pair, each on its own: Dask's `nout=2`.
    A 0 "first", B 1 "second";
    /// The parts of a triple, each on its own: Dask's `nout=3`.
    A 0 "first", B 1 "second", C 2 "third";
    /// The parts of four, each on its own: Dask's `nout=4`.
    A 0 "first", B 1 "second", C 2 "third", D 3 "fourth";
}

impl<T> Tokenize for Delayed<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.add(self.layer.name());
    }
}

impl<T: Data + Clone> Collection for Delayed<T> {
    type Output = T;

    fn layers(&self) -> Vec<LayerRef> {
        vec![self.layer.clone()]
    }

    fn keys(&self) -> Vec<Key> {
        vec![self.key()]
    }

    fn assemble(&self, values: Vec<Value>) -> Result<T> {
        match values.into_iter().next() {
            Some(value) => value.take(),
            None => Err(Error::UnknownKey { key: Box::new(self.key()), wanted_by: None }),
        }
    }

    fn with_layers(&self, layers: Vec<LayerRef>) -> Self {
        layers.into_iter().next().map_or_else(|| self.clone(), Self::from_layer)
    }
}

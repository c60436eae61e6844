//! Delayed: one lazy value, made by calling a function on others.

mod args;
mod bound;
mod call;
mod closure;
mod lazy;
mod operators;
mod parts;

use std::marker::PhantomData;
use std::sync::Arc;

pub use args::{Arg, Args, ByLayer, ByValue, Given, Shared};
use bound::Bound;
use call::{CallFn, TryCallFn};
pub use call::{Function, Parameter, task_fn, try_task_fn};
pub use closure::Closure;
pub use lazy::Lazy;

use crate::collection::Collection;
use crate::data::Data;
use crate::describe::{Describe, one_layer};
use crate::error::{Error, Result, TaskError};
use crate::key::{Key, Name};
use crate::layer::{Axis, BlockInput, Blockwise, LayerRef, Materialized};
use crate::task::TaskFn;
use crate::token::{Token, Tokenize, Tokenizer};
use crate::value::Value;
use crate::wire::Decoder;
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
///
/// With `?` behind it the function returns a `Result`, and an error fails the task; with `pure` before it equal calls
/// share one key and run once.
///
/// ```no_run
/// use dask_core::{Collection, Delayed, compute, delayed};
/// fn parse(text: String) -> Result<i64, std::num::ParseIntError> { text.parse() }
/// fn square(x: i64) -> i64 { x * x }
///
/// let parsed: Delayed<i64> = delayed!(parse("12".to_owned())?);
/// let (once, again) = (delayed!(pure square(&parsed)), delayed!(pure square(&parsed)));
/// assert_eq!(once.key(), again.key());
/// assert_eq!(compute((once, again))?, (144, 144));
/// assert_eq!(delayed!(pure parse("7".to_owned())?).compute()?, 7);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[macro_export]
macro_rules! delayed {
    (pure $($f:ident)::+ ( $($arg:expr),* $(,)? )) => {
        $crate::delayed::call_pure_named($crate::delayed!(@name $($f)::+), $($f)::+, ($($arg,)*))
    };
    (pure $($f:ident)::+ ( $($arg:expr),* $(,)? ) ?) => {
        $crate::delayed::try_call_pure_named($crate::delayed!(@name $($f)::+), $($f)::+, ($($arg,)*))
    };
    ($($f:ident)::+ ( $($arg:expr),* $(,)? )) => {
        $crate::delayed::call_named($crate::delayed!(@name $($f)::+), $($f)::+, ($($arg,)*))
    };
    ($($f:ident)::+ ( $($arg:expr),* $(,)? ) ?) => {
        $crate::delayed::try_call_named($crate::delayed!(@name $($f)::+), $($f)::+, ($($arg,)*))
    };
    (@name $($f:ident)::+) => {{
        const PATH: &str = stringify!($($f)::+);
        PATH
    }};
}

/// Calls `f` later, on arguments that are values, [`Delayed`] values, or containers of these ([`Lazy`]).
///
/// Each call is a task of its own: calling again computes again. See [`call_pure`] for functions of which equal
/// arguments give equal results.
pub fn call<A, H, F, T>(f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    call_named(call::short_name::<F>(), f, args)
}

/// As [`call`], with a name for errors and drawings.
pub fn call_named<A, H, F, T>(what: &str, f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    build(Name::tokened(what, Token::unique()), task_fn(f), args.given())
}

/// As [`call`], for a function of which equal arguments give equal results: equal calls share one key, and run once.
/// Arguments are equal if they have the same [content](Value::content_token), or are made by equal computations.
///
/// ```
/// use dask_core::{Delayed, delayed};
/// let total = |of: Vec<f64>, by: f64| of.iter().sum::<f64>() * by;
/// let called = |by: f64| delayed::call_pure(total, (vec![1.0, 2.0], by));
/// assert_eq!(called(0.5).key(), called(0.5).key());
/// assert_ne!(called(0.5).key(), called(2.0).key());
/// ```
pub fn call_pure<A, H, F, T>(f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    call_pure_named(call::short_name::<F>(), f, args)
}

/// As [`call_pure`], with a name for errors and drawings.
pub fn call_pure_named<A, H, F, T>(what: &str, f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, T>,
    A: 'static,
    T: Data,
{
    let args = args.given();
    build(pure_name::<CallFn<A, F, T>, F>(what, &f, &args), task_fn(f), args)
}

/// As [`call`], for a function that returns a `Result`: an error fails the task.
pub fn try_call<A, H, F, T, E>(f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
{
    try_call_named(call::short_name::<F>(), f, args)
}

/// As [`try_call`], with a name for errors and drawings.
pub fn try_call_named<A, H, F, T, E>(what: &str, f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
{
    build(Name::tokened(what, Token::unique()), try_task_fn(f), args.given())
}

/// As [`call_pure`], for a function that returns a `Result`.
pub fn try_call_pure<A, H, F, T, E>(f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
{
    try_call_pure_named(call::short_name::<F>(), f, args)
}

/// As [`try_call_pure`], with a name for errors and drawings.
pub fn try_call_pure_named<A, H, F, T, E>(what: &str, f: F, args: impl Args<A, H>) -> Delayed<T>
where
    F: Function<A, std::result::Result<T, E>>,
    A: 'static,
    T: Data,
    E: Into<TaskError> + 'static,
{
    let args = args.given();
    build(pure_name::<TryCallFn<A, F, T, E>, F>(what, &f, &args), try_task_fn(f), args)
}

/// The name that equal calls share: of the function, its type `C` as a task, and its arguments.
fn pure_name<C: local::Local, F: Clone + Send + Sync + 'static>(what: &str, f: &F, args: &[Given]) -> Name {
    let mut t = Tokenizer::new();
    t.add(args).add(&Func(f.clone()));
    local::tokenize_type::<C>(&mut t);
    Name::tokened(what, t.finish())
}

/// Whatever is [`Lazy`] as one delayed value.
///
/// ```no_run
/// use dask_core::{Collection, Delayed, delayed};
/// let row = |start: i64| (start..start + 3).map(Delayed::value).collect::<Vec<_>>();
/// let table: Delayed<Vec<Vec<i64>>> = delayed::gather(vec![row(0), row(10)]);
/// assert_eq!(table.compute()?, [[0, 1, 2], [10, 11, 12]]);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub fn gather<T>(of: impl Lazy<T>) -> Delayed<T> {
    Delayed::from_layer(of.into_layer())
}

/// One task: of the arguments, those that are values stand in the function if there are no others.
fn build<T>(name: Name, function: Arc<dyn TaskFn>, args: Vec<Given>) -> Delayed<T> {
    let values: Option<Vec<Value>> = args.iter().map(Given::value).collect();
    let (function, inputs) = match values {
        Some(arguments) if !arguments.is_empty() => (Arc::new(Bound { function, arguments }) as _, Vec::new()),
        _ => (function, args.into_iter().map(Given::into_layer).collect()),
    };
    let blocks = inputs.iter().map(first_block).collect();
    Delayed::from_layer(LayerRef::new(Blockwise::new(name, &[], blocks, function).with_source(false), inputs))
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
    /// A value that is there already, named after its content ([`Value::content_token`]): equal values share one key,
    /// and so do equal computations on them.
    ///
    /// ```
    /// use dask_core::Delayed;
    /// assert_eq!(Delayed::value(vec![1, 2]).key(), Delayed::value(vec![1, 2]).key());
    /// assert_ne!(Delayed::value(vec![1, 2]).key(), Delayed::value(vec![2, 1]).key());
    /// ```
    pub fn value(value: T) -> Self {
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
        gather((self, other))
    }
}

impl<T> Tokenize for Delayed<T> {
    fn tokenize(&self, t: &mut Tokenizer) {
        t.add(self.layer.name());
    }
}

impl<T: Data + Clone> Describe for Delayed<T> {
    fn from_description(layers: Vec<LayerRef>, _input: &mut Decoder<'_>) -> Result<Self> {
        Ok(Self::from_layer(one_layer(layers)?))
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

//! `Bag<T>`, and how layers are put on it.

use std::marker::PhantomData;
use std::sync::Arc;

use dask_core::delayed::Closure;
use dask_core::layer::{Axis, BlockInput, Blockwise, Reduce};
use dask_core::wire::Decoder;
use dask_core::{Call, Collection, Data, Delayed, Describe, LayerRef, Result, TaskError, Value, one_layer};

/// A lazy, partitioned collection of items in a fixed order. A partition is a `Vec<T>`.
///
/// ```
/// use dask_bag::Bag;
/// use dask_core::Collection;
/// let bag = Bag::from_sequence([3i64, 1, 2], 2);
/// assert!(format!("{bag:?}").ends_with(", 2 partitions)"));
/// // Nothing has run yet.
/// assert_eq!(bag.map(|x| 10 * x).compute()?, [30, 10, 20]);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Bag<T> {
    layer: LayerRef,
    _type: PhantomData<fn() -> T>,
}

impl<T> Clone for Bag<T> {
    fn clone(&self) -> Self {
        Self::from_layer(self.layer.clone())
    }
}

impl<T> std::fmt::Debug for Bag<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bag({}, {} partitions)", self.layer.name(), self.n_partitions())
    }
}

impl<T> Bag<T> {
    /// A bag of the blocks of a layer, which must be `Vec<T>`.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// use dask_core::{Name, Value, layer::Materialized};
    /// let partitions = [vec![1i64, 2], vec![3]].map(Value::new);
    /// let bag = Bag::<i64>::from_layer(Materialized::values(Name::new("mine"), &[2], partitions));
    /// assert_eq!(bag.compute()?, [1, 2, 3]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn from_layer(layer: LayerRef) -> Self {
        #[cfg(feature = "threads")]
        dask_sched::install();
        Self { layer, _type: PhantomData }
    }

    /// The layer of its partitions.
    ///
    /// ```
    /// let numbers = dask_bag::Bag::range(10, 4);
    /// let squares = numbers.map(|x| x * x);
    /// // A task a partition, on top of those of `numbers`.
    /// assert_eq!(squares.layer().layer().n_tasks(), 4);
    /// assert_eq!(squares.layer().inputs()[0].name(), numbers.layer().name());
    /// ```
    pub fn layer(&self) -> &LayerRef {
        &self.layer
    }

    /// How many partitions it has.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// assert_eq!(Bag::range(10, 4).n_partitions(), 4);
    /// ```
    pub fn n_partitions(&self) -> usize {
        self.layer.layer().n_tasks() as usize
    }
}

impl<T: Data + Clone> Bag<T> {
    /// A layer on top: one task a partition, which is given the partition.
    pub(crate) fn each<U, F>(&self, what: &'static str, f: F) -> Bag<U>
    where
        F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
    {
        Bag::from_layer(each(&self.layer, what, f))
    }

    /// As [`each`](Bag::each), with a value that every task is given after the partition.
    pub(crate) fn each_with<S: Data, U, F>(&self, what: &'static str, state: S, f: F) -> Bag<U>
    where
        F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
    {
        let state = Delayed::value(state).layer().clone();
        let function = Closure::new(what, f);
        let name = function.layer_name(&(self.layer.name().clone(), state.name().clone()));
        let shape = self.layer.layer().shape();
        let inputs =
            vec![BlockInput::aligned(self.layer.name().clone(), shape), BlockInput::all(state.name().clone(), &[])];
        let layer = Blockwise::new(name, shape, inputs, Arc::new(function));
        Bag::from_layer(LayerRef::new(layer, vec![self.layer.clone(), state]))
    }

    /// A tree: `first` makes a state of each partition, `combine` one of up to `split_every`, until one is left.
    pub(crate) fn tree<S, F, G>(&self, what: &'static str, split_every: usize, first: F, combine: G) -> Delayed<S>
    where
        S: Data + Clone,
        F: Fn(Vec<T>) -> Result<S, TaskError> + Clone + Send + Sync + 'static,
        G: Fn(Vec<S>) -> Result<S, TaskError> + Clone + Send + Sync + 'static,
    {
        let mut level = each(&self.layer, what, leaf(first));
        while level.layer().shape()[0] > 1 {
            let function = Closure::new(what, inner(combine.clone()));
            let name = function.layer_name(&(level.name().clone(), split_every));
            let group = [split_every.max(2) as u32];
            let reduce = Reduce::new(name, level.name().clone(), level.layer().shape(), &group, Arc::new(function));
            level = LayerRef::new(reduce, vec![level]);
        }
        Delayed::from_layer(level)
    }
}

// Each in a function of its own, so that their types are called differently: see `wire/named.rs` of dask-core.
/// A leaf of a tree: a state of a partition.
fn leaf<T, S, F>(first: F) -> impl Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static
where
    T: Data + Clone,
    S: Data,
    F: Fn(Vec<T>) -> Result<S, TaskError> + Clone + Send + Sync + 'static,
{
    move |call| Ok(Value::new(first(call.take(0)?)?))
}

/// An inner node of a tree: a state of states.
fn inner<S, G>(combine: G) -> impl Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static
where
    S: Data + Clone,
    G: Fn(Vec<S>) -> Result<S, TaskError> + Clone + Send + Sync + 'static,
{
    move |call| {
        let states: Vec<S> = call.drain().map(Value::take::<S>).collect::<Result<_>>()?;
        Ok(Value::new(combine(states)?))
    }
}

/// One task a block of `layer`.
pub(crate) fn each<F>(layer: &LayerRef, what: &'static str, f: F) -> LayerRef
where
    F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
{
    let function = Closure::new(what, f);
    let name = function.layer_name(layer.name());
    let shape = layer.layer().shape();
    let input = BlockInput::aligned(layer.name().clone(), shape);
    LayerRef::new(Blockwise::new(name, shape, vec![input], Arc::new(function)), vec![layer.clone()])
}

/// `n` tasks, each of which is given all blocks of `layer`.
pub(crate) fn gather<F>(layer: &LayerRef, what: &'static str, n: u32, f: F) -> LayerRef
where
    F: Fn(&mut Call<'_>) -> Result<Value, TaskError> + Clone + Send + Sync + 'static,
{
    let function = Closure::new(what, f);
    let name = function.layer_name(&(layer.name().clone(), n));
    let shape = layer.layer().shape();
    let axes = shape.iter().map(|_| Axis::All).collect();
    let input = BlockInput { name: layer.name().clone(), shape: shape.into(), axes };
    LayerRef::new(Blockwise::new(name, &[n], vec![input], Arc::new(function)), vec![layer.clone()])
}

impl<T: Data + Clone> Describe for Bag<T> {
    fn from_description(layers: Vec<LayerRef>, _input: &mut Decoder<'_>) -> Result<Self> {
        Ok(Self::from_layer(one_layer(layers)?))
    }
}

impl<T: Data + Clone> Collection for Bag<T> {
    type Output = Vec<T>;

    fn layers(&self) -> Vec<LayerRef> {
        vec![self.layer.clone()]
    }

    fn assemble(&self, values: Vec<Value>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        for value in values {
            items.append(&mut value.take::<Vec<T>>()?);
        }
        Ok(items)
    }

    fn with_layers(&self, layers: Vec<LayerRef>) -> Self {
        layers.into_iter().next().map_or_else(|| self.clone(), Self::from_layer)
    }
}

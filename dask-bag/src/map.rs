//! Element by element.

use dask_core::{Call, Data, Result, Value};

use crate::Bag;

impl<T: Data + Clone> Bag<T> {
    /// `f` of each item.
    pub fn map<U: Data, F>(&self, f: F) -> Bag<U>
    where
        F: Fn(T) -> U + Clone + Send + Sync + 'static,
    {
        self.map_partitions("map", move |items| items.into_iter().map(&f).collect())
    }

    /// `f` of each item and a state that travels with the tasks.
    pub fn map_with<S: Data, U: Data, F>(&self, state: S, f: F) -> Bag<U>
    where
        F: Fn(&S, T) -> U + Clone + Send + Sync + 'static,
    {
        self.each_with("map", state, move |call: &mut Call<'_>| {
            let items: Vec<T> = call.take(0)?;
            let state = call.get::<S>(1)?;
            Ok(Value::new(items.into_iter().map(|item| f(state, item)).collect::<Vec<U>>()))
        })
    }

    /// The items for which `keep` holds.
    #[must_use]
    pub fn filter<F>(&self, keep: F) -> Self
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.each("filter", move |call: &mut Call<'_>| {
            let mut items: Vec<T> = call.take(0)?;
            items.retain(|item| keep(item));
            Ok(Value::new(items))
        })
    }

    /// As [`filter`](Bag::filter), with a state that travels with the tasks.
    #[must_use]
    pub fn filter_with<S: Data, F>(&self, state: S, keep: F) -> Self
    where
        F: Fn(&S, &T) -> bool + Clone + Send + Sync + 'static,
    {
        self.each_with("filter", state, move |call: &mut Call<'_>| {
            let mut items: Vec<T> = call.take(0)?;
            let state = call.get::<S>(1)?;
            items.retain(|item| keep(state, item));
            Ok(Value::new(items))
        })
    }

    /// The items for which `drop` does not hold.
    #[must_use]
    pub fn remove<F>(&self, drop: F) -> Self
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.filter(move |item| !drop(item))
    }

    /// All that `f` makes of each item.
    pub fn flat_map<I, F>(&self, f: F) -> Bag<I::Item>
    where
        I: IntoIterator,
        I::Item: Data,
        F: Fn(T) -> I + Clone + Send + Sync + 'static,
    {
        self.map_partitions("flat_map", move |items| items.into_iter().flat_map(&f).collect())
    }

    /// One part of each item, for those that have it.
    pub fn pluck<U: Data, F>(&self, part: F) -> Bag<U>
    where
        F: Fn(T) -> Option<U> + Clone + Send + Sync + 'static,
    {
        self.map_partitions("pluck", move |items| items.into_iter().filter_map(&part).collect())
    }

    /// `f` of each partition as a whole; `what` names it in errors and drawings.
    pub fn map_partitions<U: Data, F>(&self, what: &'static str, f: F) -> Bag<U>
    where
        F: Fn(Vec<T>) -> Vec<U> + Clone + Send + Sync + 'static,
    {
        self.each(what, move |call: &mut Call<'_>| Ok(Value::new(f(call.take(0)?))))
    }

    /// Item by item with another bag of as many partitions.
    ///
    /// Computing it fails where two partitions have different lengths.
    ///
    /// # Errors
    /// If the numbers of partitions differ.
    pub fn zip<U: Data + Clone>(&self, other: &Bag<U>) -> Result<Bag<(T, U)>> {
        use dask_core::delayed::Closure;
        use dask_core::layer::{BlockInput, Blockwise};
        let (n, m) = (self.n_partitions(), other.n_partitions());
        if n != m {
            let message = format!("zip: {n} partitions and {m}; repartition one of the bags");
            return Err(dask_core::Error::other(message));
        }
        let function = Closure::new("zip", |call: &mut Call<'_>| {
            let (left, right): (Vec<T>, Vec<U>) = (call.take(0)?, call.take(1)?);
            if left.len() != right.len() {
                return Err(
                    format!("zip: partition {} has {} items and {}", call.index()[0], left.len(), right.len()).into()
                );
            }
            Ok(Value::new(left.into_iter().zip(right).collect::<Vec<(T, U)>>()))
        });
        let inputs = vec![self.layer().clone(), other.layer().clone()];
        let names = (self.layer().name().clone(), other.layer().name().clone());
        let blocks = inputs.iter().map(|input| BlockInput::aligned(input.name().clone(), &[n as u32])).collect();
        let layer = Blockwise::new(function.layer_name(&names), &[n as u32], blocks, std::sync::Arc::new(function));
        Ok(Bag::from_layer(dask_core::LayerRef::new(layer, inputs)))
    }
}

impl<T: Data + Clone> Bag<Vec<T>> {
    /// The items of the items.
    #[must_use]
    pub fn flatten(&self) -> Bag<T> {
        self.flat_map(|items| items)
    }
}

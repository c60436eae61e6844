//! Element by element.

use dask_core::{Call, Data, Result, Value};

use crate::Bag;

impl<T: Data + Clone> Bag<T> {
    /// `f` of each item.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(3, 2).map(|x| x * x).compute()?, [0, 1, 4]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn map<U: Data, F>(&self, f: F) -> Bag<U>
    where
        F: Fn(T) -> U + Clone + Send + Sync + 'static,
    {
        self.map_partitions("map", move |items| items.into_iter().map(&f).collect())
    }

    /// `f` of each item and a state that travels with the tasks.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// // What a closure captures cannot leave the process; a state can.
    /// let by = 10i64;
    /// assert_eq!(Bag::range(3, 2).map_with(by, |by, x| by * x).compute()?, [0, 10, 20]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(6, 2).filter(|x| x % 2 == 0).compute()?, [0, 2, 4]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(6, 2).filter_with(4i64, |least, x| x >= least).compute()?, [4, 5]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(6, 2).remove(|x| x % 2 == 0).compute()?, [1, 3, 5]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn remove<F>(&self, drop: F) -> Self
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.filter(move |item| !drop(item))
    }

    /// All that `f` makes of each item.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// assert_eq!(Bag::range(4, 2).flat_map(|x| 0..x).compute()?, [0, 0, 1, 0, 1, 2]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn flat_map<I, F>(&self, f: F) -> Bag<I::Item>
    where
        I: IntoIterator,
        I::Item: Data,
        F: Fn(T) -> I + Clone + Send + Sync + 'static,
    {
        self.map_partitions("flat_map", move |items| items.into_iter().flat_map(&f).collect())
    }

    /// One part of each item, for those that have it.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let people = Bag::from_sequence([("Ada".to_owned(), Some(36i64)), ("Alan".to_owned(), None)], 1);
    /// assert_eq!(people.pluck(|(_, age)| age).compute()?, [36]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn pluck<U: Data, F>(&self, part: F) -> Bag<U>
    where
        F: Fn(T) -> Option<U> + Clone + Send + Sync + 'static,
    {
        self.map_partitions("pluck", move |items| items.into_iter().filter_map(&part).collect())
    }

    /// `f` of each partition as a whole; `what` names it in errors and drawings.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let largest = Bag::range(10, 3).map_partitions("largest", |items| items.into_iter().max().into_iter().collect());
    /// assert_eq!(largest.compute()?, [2, 5, 9]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let bag = Bag::range(3, 2);
    /// assert_eq!(bag.zip(&bag.map(|x| x * x))?.compute()?, [(0, 0), (1, 1), (2, 4)]);
    /// assert!(bag.zip(&Bag::range(3, 1)).is_err());
    /// # Ok::<(), dask_core::Error>(())
    /// ```
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
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let nested = Bag::from_sequence([vec![1i64, 2], vec![], vec![3]], 2);
    /// assert_eq!(nested.flatten().compute()?, [1, 2, 3]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn flatten(&self) -> Bag<T> {
        self.flat_map(|items| items)
    }
}

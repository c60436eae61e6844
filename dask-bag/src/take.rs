//! The first items, and the largest.

use std::cmp::Reverse;

use dask_core::delayed::{Closure, call_pure};
use dask_core::layer::Reduce;
use dask_core::{Call, Data, LayerRef, Value};
use std::sync::Arc;

use crate::fold::SPLIT_EVERY;
use crate::{Bag, Item};

impl<T: Data + Clone> Bag<T> {
    /// The first `n` items of the first `n_partitions` partitions, or fewer if these hold fewer. Only these partitions
    /// are computed.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let bag = Bag::range(10, 3);
    /// assert_eq!(bag.take(4, 1).compute()?, [0, 1, 2]);
    /// assert_eq!(bag.take(4, 2).compute()?, [0, 1, 2, 3]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn take(&self, n: usize, n_partitions: usize) -> Item<Vec<T>> {
        let all = self.n_partitions();
        let group = n_partitions.clamp(1, all.max(1)) as u32;
        let first = self.truncated(n);
        let function = Closure::new("take", |call: &mut Call<'_>| {
            let mut joined: Vec<T> = Vec::new();
            for part in call.drain() {
                joined.append(&mut part.take::<Vec<T>>()?);
            }
            Ok(Value::new(joined))
        });
        let name = function.layer_name(&(first.layer().name().clone(), group));
        // Only the first group is ever asked for.
        let reduce = Reduce::new(name, first.layer().name().clone(), &[all as u32], &[group], Arc::new(function));
        let joined = Self::from_layer(LayerRef::new(reduce, vec![first.layer().clone()]));
        Item::from_layer(joined.truncated(n).layer().clone())
    }

    /// The first `n` items of each partition.
    fn truncated(&self, n: usize) -> Self {
        self.each_with("take", n, |call: &mut Call<'_>| {
            let mut items: Vec<T> = call.take(0)?;
            items.truncate(*call.get::<usize>(1)?);
            Ok(Value::new(items))
        })
    }

    /// The `k` largest items by `by`, the largest first; of equal ones, those that came first.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let words = Bag::from_sequence(["a", "ccc", "bb", "ddd"].map(String::from), 2);
    /// assert_eq!(words.topk(3, |word| word.len()).compute()?, ["ccc", "ddd", "bb"]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn topk<K, F>(&self, k: usize, by: F) -> Item<Vec<T>>
    where
        K: Ord,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        let best = move |k: usize, mut items: Vec<T>| {
            if items.len() > k.saturating_mul(4) && k > 0 {
                // Cut before sorting: positions keep equal items in order.
                let mut order: Vec<(Reverse<K>, usize)> =
                    items.iter().enumerate().map(|(i, item)| (Reverse(by(item)), i)).collect();
                order.select_nth_unstable(k - 1);
                order.truncate(k);
                order.sort_unstable();
                return order.into_iter().map(|(_, i)| items[i].clone()).collect();
            }
            items.sort_by_key(|item| Reverse(by(item)));
            items.truncate(k);
            items
        };
        let again = best.clone();
        // `k` goes with the values, so that no closure captures it.
        let parts: Bag<(usize, Vec<T>)> = self.each_with("topk", k, move |call: &mut Call<'_>| {
            let items: Vec<T> = call.take(0)?;
            let k = *call.get::<usize>(1)?;
            Ok(Value::new(vec![(k, best(k, items))]))
        });
        let join = move |parts: Vec<(usize, Vec<T>)>| {
            let k = parts.first().map_or(0, |(k, _)| *k);
            Ok((k, again(k, parts.into_iter().flat_map(|(_, items)| items).collect())))
        };
        let found = parts.tree("topk", SPLIT_EVERY, join.clone(), join);
        call_pure(|(_, items): (usize, Vec<T>)| items, (found,))
    }
}

//! The first items, and the largest.

use std::cmp::Reverse;

use dask_core::delayed::Closure;
use dask_core::layer::Reduce;
use dask_core::{Call, Data, LayerRef, Value};
use std::sync::Arc;

use crate::fold::SPLIT_EVERY;
use crate::{Bag, Item};

impl<T: Data + Clone> Bag<T> {
    /// The first `n` items of the first `n_partitions` partitions, or fewer if these hold fewer. Only these partitions
    /// are computed.
    pub fn take(&self, n: usize, n_partitions: usize) -> Item<Vec<T>> {
        let all = self.n_partitions();
        let group = n_partitions.clamp(1, all) as u32;
        let first = self.each_with("take", n, |call: &mut Call<'_>| {
            let mut items: Vec<T> = call.take(0)?;
            items.truncate(*call.get::<usize>(1)?);
            Ok(Value::new(items))
        });
        let first: Bag<T> = first;
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
        let joined: Item<Vec<T>> = Item::from_layer(LayerRef::new(reduce, vec![first.layer().clone()]));
        joined.map(move |mut items: Vec<T>| {
            items.truncate(n);
            items
        })
    }

    /// The `k` largest items by `by`, the largest first; of equal ones, those that came first.
    pub fn topk<K, F>(&self, k: usize, by: F) -> Item<Vec<T>>
    where
        K: Ord,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        let best = move |mut items: Vec<T>| {
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
        self.tree(
            "topk",
            SPLIT_EVERY,
            move |items| Ok(best(items)),
            move |parts: Vec<Vec<T>>| Ok(again(parts.into_iter().flatten().collect())),
        )
    }
}

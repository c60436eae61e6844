//! Groups by key, with a shuffle: each partition is split by the hash of the key, and each output joins its parts.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use dask_core::{Call, Data, TaskError, Value};
use xxhash_rust::xxh3::Xxh3Default;

use crate::Bag;
use crate::bag::gather;

impl<T: Data + Clone> Bag<T> {
    /// All items of each key together, in `n_partitions` partitions by the hash of the key. Within a partition the
    /// groups stand in the order in which their keys were first seen, and their items in the order of the bag.
    ///
    /// Every item moves: where a reduction by key is wanted, [`foldby`](Bag::foldby) is much cheaper.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let groups = Bag::range(5, 2).groupby(|x| x % 2, 1).compute()?;
    /// assert_eq!(groups, [(0, vec![0, 2, 4]), (1, vec![1, 3])]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn groupby<K, F>(&self, key: F, n_partitions: usize) -> Bag<(K, Vec<T>)>
    where
        K: Data + Clone + Eq + Hash,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        let n = n_partitions.max(1) as u32;
        let counted = self.each_with::<u32, (K, T), _>("split", n, move |call: &mut Call<'_>| {
            let items: Vec<T> = call.take(0)?;
            let n = *call.get::<u32>(1)?;
            let mut parts: Vec<Vec<(K, T)>> = (0..n).map(|_| Vec::new()).collect();
            for item in items {
                let key = key(&item);
                parts[bucket(&key, n)].push((key, item));
            }
            Ok(Value::new(parts))
        });
        Bag::from_layer(gather(counted.layer(), "groupby", n, join::<K, T>))
    }
}

/// The groups of one output, of its part of each partition.
fn join<K: Data + Clone + Eq + Hash, T: Data + Clone>(call: &mut Call<'_>) -> Result<Value, TaskError> {
    let to = call.index()[0] as usize;
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    let mut at: HashMap<K, usize, foldhash::fast::FixedState> = HashMap::default();
    for i in 0..call.n_inputs() {
        for (key, item) in &call.get::<Vec<Vec<(K, T)>>>(i)?[to] {
            let at = *at.entry(key.clone()).or_insert_with(|| {
                groups.push((key.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[at].1.push(item.clone());
        }
    }
    Ok(Value::new(groups))
}

/// The same in every process.
fn bucket<K: Hash>(key: &K, n: u32) -> usize {
    let mut hasher = Xxh3Default::new();
    key.hash(&mut hasher);
    (hasher.finish() % u64::from(n)) as usize
}

//! Reductions by key, without a shuffle: a table a partition, merged by a tree.

use std::collections::hash_map::Entry;
use std::hash::Hash;

use dask_core::{Call, Data, Value};

use crate::Bag;
use crate::fold::SPLIT_EVERY;

type Table<K, S> = std::collections::HashMap<K, S, foldhash::fast::FixedState>;

impl<T: Data + Clone> Bag<T> {
    /// Folds the items of each key from `initial` by `binop`, and the partitions' results by `combine`. One partition
    /// of `(key, state)`, in the order in which the keys were first seen.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let by_parity = Bag::from_sequence(0..6i64, 2).foldby(|x| x % 2, 0, |sum, x| sum + x, |a, b| a + b);
    /// assert_eq!(by_parity.compute()?, [(0, 6), (1, 9)]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn foldby<K, S, F, B, C>(&self, key: F, initial: S, binop: B, combine: C) -> Bag<(K, S)>
    where
        K: Data + Clone + Eq + Hash,
        S: Data + Clone,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
        B: Fn(S, T) -> S + Clone + Send + Sync + 'static,
        C: Fn(S, S) -> S + Clone + Send + Sync + 'static,
    {
        let tables: Bag<Vec<(K, S)>> = self.each_with("foldby", initial, move |call: &mut Call<'_>| {
            let items: Vec<T> = call.take(0)?;
            let initial = call.get::<S>(1)?;
            let mut groups = Groups::default();
            for item in items {
                groups.update(key(&item), |state| binop(state.unwrap_or_else(|| initial.clone()), item));
            }
            Ok(Value::new(vec![groups.into_states()]))
        });
        let merged = tables.tree(
            "foldby",
            SPLIT_EVERY,
            |mut tables| tables.pop().ok_or_else(|| "foldby: a partition without a table".into()),
            move |tables| {
                let mut groups = Groups::default();
                for (key, of_key) in tables.into_iter().flatten() {
                    groups.update(key, |state| match state {
                        Some(state) => combine(state, of_key),
                        None => of_key,
                    });
                }
                Ok(groups.into_states())
            },
        );
        Bag::from_layer(merged.layer().clone())
    }

    /// How often each item occurs, in the order in which they were first seen.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let letters = Bag::from_sequence(["b", "a", "b"].map(String::from), 2);
    /// assert_eq!(letters.frequencies().compute()?, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn frequencies(&self) -> Bag<(T, u64)>
    where
        T: Eq + Hash,
    {
        self.foldby(Clone::clone, 0u64, |count, _| count + 1, |a, b| a + b)
    }
}

/// States by key, in the order in which the keys were first seen. A state is absent only while it is updated, so that
/// it moves through the user's function and is never cloned.
struct Groups<K, S>(Vec<(K, Option<S>)>, Table<K, usize>);

impl<K, S> Default for Groups<K, S> {
    fn default() -> Self {
        Self(Vec::new(), Table::default())
    }
}

impl<K: Eq + Hash + Clone, S: Clone> Groups<K, S> {
    fn into_states(self) -> Vec<(K, S)> {
        self.0.into_iter().filter_map(|(key, state)| Some((key, state?))).collect()
    }

    fn update(&mut self, key: K, f: impl FnOnce(Option<S>) -> S) {
        match self.1.entry(key) {
            Entry::Occupied(at) => {
                let state = &mut self.0[*at.get()].1;
                *state = Some(f(state.take()));
            }
            Entry::Vacant(new) => {
                self.0.push((new.key().clone(), Some(f(None))));
                new.insert(self.0.len() - 1);
            }
        }
    }
}

//! Reductions of the whole bag, by trees.

use dask_core::{Data, TaskError};

use crate::{Bag, Item};

/// How many states are combined at a time.
pub(crate) const SPLIT_EVERY: usize = 8;

impl<T: Data + Clone> Bag<T> {
    /// Folds each partition from `initial` by `binop`, and the results by `combine`: both associative, and `initial`
    /// neutral in `combine`.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let longest = Bag::from_sequence(["a", "bbb", "cc"].map(String::from), 2)
    ///     .fold(0usize, |most, text| most.max(text.len()), usize::max);
    /// assert_eq!(longest.compute()?, 3);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn fold<S, F, G>(&self, initial: S, binop: F, combine: G) -> Item<S>
    where
        S: Data + Clone,
        F: Fn(S, T) -> S + Clone + Send + Sync + 'static,
        G: Fn(S, S) -> S + Clone + Send + Sync + 'static,
    {
        let folded: Bag<S> = self.each_with("fold", initial, move |call| {
            let items: Vec<T> = call.take(0)?;
            let state: S = call.take(1)?;
            Ok(dask_core::Value::new(vec![items.into_iter().fold(state, &binop)]))
        });
        folded.reduce_states("fold", combine)
    }

    /// Makes a state of each partition and then one of up to `split_every` states, until one is left.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let words = Bag::from_sequence(["a", "bb", "c", "dd"].map(String::from), 4);
    /// let text = words.reduction(|words| words.concat(), |parts| parts.concat(), 2);
    /// assert_eq!(text.compute()?, "abbcdd");
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn reduction<S, F, G>(&self, per_partition: F, aggregate: G, split_every: usize) -> Item<S>
    where
        S: Data + Clone,
        F: Fn(Vec<T>) -> S + Clone + Send + Sync + 'static,
        G: Fn(Vec<S>) -> S + Clone + Send + Sync + 'static,
    {
        self.tree("reduction", split_every, move |items| Ok(per_partition(items)), move |states| Ok(aggregate(states)))
    }

    /// Combines items pairwise, in order; each partition holds at least one.
    fn reduce_states<G>(&self, what: &'static str, combine: G) -> Item<T>
    where
        G: Fn(T, T) -> T + Clone + Send + Sync + 'static,
    {
        let one = move |states: Vec<T>| -> Result<T, TaskError> {
            states.into_iter().reduce(&combine).ok_or_else(|| "a reduction of nothing".into())
        };
        self.tree(what, SPLIT_EVERY, one.clone(), one)
    }
}

//! Each item once.

use std::hash::Hash;

use dask_core::Data;

use crate::Bag;

impl<T: Data + Clone + Eq + Hash> Bag<T> {
    /// Each item once, in the order in which they were first seen, in one partition.
    ///
    /// ```
    /// use dask_bag::Bag;
    /// use dask_core::Collection;
    /// let letters = Bag::from_sequence(["b", "a", "b"].map(String::from), 2);
    /// assert_eq!(letters.distinct().compute()?, ["b", "a"]);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    #[must_use]
    pub fn distinct(&self) -> Self {
        self.foldby(Clone::clone, (), |(), _| (), |(), ()| ()).map(|(item, ())| item)
    }
}

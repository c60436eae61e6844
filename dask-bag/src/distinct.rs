//! Each item once.

use std::hash::Hash;

use dask_core::Data;

use crate::Bag;

impl<T: Data + Clone + Eq + Hash> Bag<T> {
    /// Each item once, in the order in which they were first seen, in one partition.
    #[must_use]
    pub fn distinct(&self) -> Self {
        self.foldby(Clone::clone, (), |(), _| (), |(), ()| ()).map(|(item, ())| item)
    }
}

//! Functions: undecoded, sent to each worker once, dropped when no layer runs them.

use std::collections::VecDeque;

use dask_core::Value;

use super::workers::set_bit;
use crate::protocol::{FunctionId, WorkerId};

#[derive(Default)]
pub(super) struct Functions {
    all: VecDeque<Option<Box<Entry>>>,
    /// Ids below are vacant and not in `all`.
    vacant_before: usize,
}

struct Entry {
    body: Value,
    n_tasks: u32,
    known_by: Vec<u64>,
}

impl Functions {
    /// A new one that no task runs yet.
    pub(super) fn insert(&mut self, body: Value) -> FunctionId {
        self.all.push_back(Some(Box::new(Entry { body, n_tasks: 0, known_by: Vec::new() })));
        FunctionId((self.vacant_before + self.all.len() - 1) as u32)
    }

    fn at(&mut self, id: FunctionId) -> Option<&mut Option<Box<Entry>>> {
        self.all.get_mut(id.idx().checked_sub(self.vacant_before)?)
    }

    /// One more task runs it.
    #[inline]
    pub(super) fn add_task(&mut self, id: FunctionId) {
        if let Some(Some(entry)) = self.at(id) {
            entry.n_tasks += 1;
        }
    }

    /// One task less; if none is left, who is to forget the function.
    pub(super) fn drop_task(&mut self, id: FunctionId) -> Vec<WorkerId> {
        let Some(place) = self.at(id) else { return Vec::new() };
        let Some(entry) = place else { return Vec::new() };
        entry.n_tasks = entry.n_tasks.saturating_sub(1);
        if entry.n_tasks != 0 {
            return Vec::new();
        }
        let known_by = std::mem::take(&mut entry.known_by);
        *place = None;
        self.trim();
        let bits = known_by.iter().enumerate();
        bits.flat_map(|(word, &bits)| (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit))
            .map(|id| WorkerId(id as u32))
            .collect()
    }

    /// Removes one that no task came to run.
    pub(super) fn drop_unused(&mut self, id: FunctionId) {
        if let Some(place) = self.at(id)
            && place.as_ref().is_some_and(|entry| entry.n_tasks == 0)
        {
            *place = None;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.all.front().is_some_and(Option::is_none) {
            self.all.pop_front();
            self.vacant_before += 1;
        }
    }

    /// Its body, if the worker does not know it yet; from now on it does.
    #[inline]
    pub(super) fn teach(&mut self, id: FunctionId, worker: WorkerId) -> Option<Value> {
        let entry = self.at(id)?.as_mut()?;
        set_bit(&mut entry.known_by, worker.0).then(|| entry.body.clone())
    }
}

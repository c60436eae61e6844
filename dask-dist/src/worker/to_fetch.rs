//! Values that are wanted here and not asked for yet, by who has them.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{Priority, TaskRef, WorkerId};

/// A value, and how urgent it is.
pub(super) type Entry = (Priority, TaskRef);

/// The values, in order of urgency for each holder: what one could be asked for is found without a look at the rest.
#[derive(Debug, Default)]
pub(super) struct ToFetch {
    by_holder: BTreeMap<WorkerId, BTreeSet<Entry>>,
    /// Nobody is known to have these.
    nowhere: BTreeSet<Entry>,
}

impl ToFetch {
    /// One more value.
    pub(super) fn insert(&mut self, entry: Entry, holders: &[WorkerId]) {
        for &holder in holders {
            self.by_holder.entry(holder).or_default().insert(entry);
        }
        if holders.is_empty() {
            self.nowhere.insert(entry);
        }
    }

    /// A value is asked for, or not wanted any more; nothing if it is not here.
    pub(super) fn remove(&mut self, entry: Entry, holders: &[WorkerId]) {
        for holder in holders {
            if let Some(entries) = self.by_holder.get_mut(holder) {
                entries.remove(&entry);
                if entries.is_empty() {
                    self.by_holder.remove(holder);
                }
            }
        }
        if holders.is_empty() {
            self.nowhere.remove(&entry);
        }
    }

    /// Whether it stands where it should.
    pub(super) fn contains(&self, entry: Entry, holders: &[WorkerId]) -> bool {
        let at = |holder| self.by_holder.get(holder).is_some_and(|entries| entries.contains(&entry));
        if holders.is_empty() { self.nowhere.contains(&entry) } else { holders.iter().all(at) }
    }

    /// Whether there is nothing that somebody could be asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.by_holder.is_empty()
    }

    /// Takes what nobody has.
    pub(super) fn take_nowhere(&mut self) -> BTreeSet<Entry> {
        std::mem::take(&mut self.nowhere)
    }

    /// Who has anything, and the most urgent of it.
    pub(super) fn holders(&self) -> impl Iterator<Item = (WorkerId, Entry)> {
        self.by_holder.iter().filter_map(|(&holder, entries)| Some((holder, *entries.first()?)))
    }

    /// What one has, the most urgent first.
    pub(super) fn at(&self, holder: WorkerId) -> impl Iterator<Item = Entry> {
        self.by_holder.get(&holder).into_iter().flatten().copied()
    }
}

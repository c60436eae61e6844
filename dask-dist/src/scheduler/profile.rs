//! In which functions tasks spend their time, by kind of layer, for people: bounded.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Machine;
use crate::call_tree::{CallTree, Names, ROOT};
use crate::protocol::{CALLS_MAX, Profile};

/// Kinds of layers of which call trees are kept; of more, the half with least time is forgotten.
const TREES_MAX: usize = 512;
/// Functions of one tree, by their callers; of more, the half with least time is counted at the callers.
const LAYER_CALLS_MAX: usize = 8192;
/// And of all trees: 5 MB.
const ALL_CALLS_MAX: usize = 65_536;
/// Bytes of the names of functions; of more, those of pruned calls are forgotten.
const NAMES_BYTES_MAX: usize = 4 << 20;

/// In which functions the tasks of a kind of layer were seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerProfile {
    /// What the layers do.
    pub what: String,
    /// Microseconds of threads.
    pub micros: u64,
    /// Of these, what is counted at a caller because there was no room for what it called.
    pub cut: u64,
    /// How many calls are known: a function, by its callers.
    pub n_calls: usize,
    /// Those with most time in them and below; callers stand before those they call.
    pub calls: Vec<CallSeen>,
}

/// A function, called by the functions above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSeen {
    /// What it is called.
    pub function: Arc<str>,
    /// The place of its caller in the list; none for the first functions of tasks.
    pub caller: Option<u32>,
    /// Microseconds in itself.
    pub own: u64,
    /// And in all that it called.
    pub micros: u64,
}

/// Call trees by kind of layer.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    names: Names,
    trees: BTreeMap<u32, CallTree>,
}

impl Profiles {
    /// A worker says what it saw, of kinds of layers of which there are `n_kinds`.
    pub(super) fn add(&mut self, profile: &Profile, n_kinds: usize) {
        let functions = profile.functions.iter().take(CALLS_MAX);
        // Less than twice as many bytes at any time: what one message names is bounded.
        let names: Vec<_> = functions.map(|name| self.names.number(name, 2 * NAMES_BYTES_MAX)).collect();
        let mut left = CALLS_MAX;
        for layer in profile.layers.iter().filter(|layer| (layer.kind as usize) < n_kinds).take(TREES_MAX) {
            let calls = &layer.calls[..layer.calls.len().min(left)];
            left -= calls.len();
            let tree = self.trees.entry(layer.kind).or_default();
            tree.merge(calls, layer.cut, &names);
            if LAYER_CALLS_MAX < tree.len() {
                tree.prune(LAYER_CALLS_MAX / 2);
            }
        }
        self.forget();
    }

    /// Keeps within bounds.
    fn forget(&mut self) {
        if TREES_MAX < self.trees.len() {
            let mut order: Vec<(u64, u32)> =
                self.trees.iter().map(|(&kind, tree)| (tree.totals()[ROOT as usize], kind)).collect();
            order.sort_unstable_by_key(|&(micros, kind)| (Reverse(micros), kind));
            order[TREES_MAX / 2..].iter().for_each(|(_, kind)| drop(self.trees.remove(kind)));
        }
        while ALL_CALLS_MAX < self.trees.values().map(CallTree::len).sum() || NAMES_BYTES_MAX < self.names.nbytes() {
            // Names that no call uses go first.
            self.keep_used_names();
            let n_calls: usize = self.trees.values().map(CallTree::len).sum();
            if n_calls <= ALL_CALLS_MAX && self.names.nbytes() <= NAMES_BYTES_MAX {
                return;
            }
            self.trees.values_mut().for_each(|tree| tree.prune(tree.len() / 2));
        }
    }

    fn keep_used_names(&mut self) {
        let nodes = self.trees.values().flat_map(|tree| &tree.nodes()[1..]);
        let used: BTreeSet<u32> = nodes.map(|node| node.name).collect();
        let new = self.names.keep(&used);
        self.trees.values_mut().for_each(|tree| tree.rename(&new));
    }

    /// The `max` calls with most time.
    fn of(&self, kind: u32, max: usize) -> LayerProfile {
        let Some(tree) = self.trees.get(&kind) else { return LayerProfile::default() };
        let totals = tree.totals();
        // The root is no call.
        let largest = tree.largest(max.saturating_add(1), &totals);
        let calls = largest.iter().filter(|&&at| at != ROOT).map(|&at| {
            let node = tree.nodes()[at as usize];
            let place = largest.binary_search(&node.parent).ok().and_then(|place| place.checked_sub(1));
            let function = self.names.get(node.name).cloned().unwrap_or_else(|| "?".into());
            CallSeen { function, caller: place.map(|at| at as u32), own: node.own, micros: totals[at as usize] }
        });
        let calls = calls.collect();
        LayerProfile { what: String::new(), micros: totals[0], cut: tree.cut(), n_calls: tree.len() - 1, calls }
    }
}

impl Machine {
    /// In which functions the tasks of a kind of layer were seen: the `max` calls with most time. None if no layer of the
    /// kind was ever seen.
    pub fn layer_profile(&self, what: &str, max: usize) -> Option<LayerProfile> {
        let kind = self.layers.group_of(what)?;
        let profile = self.recorder.as_ref().map(|recorder| recorder.profiles.of(kind, max));
        Some(LayerProfile { what: what.to_owned(), ..profile.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests;

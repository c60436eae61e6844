//! Call trees: which functions were seen to call which, and for how long. Bounded: where there is no room for a function,
//! its time is counted at its caller, and said to be cut.

mod names; // functions by number

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::Call;
pub(crate) use names::Names;

/// Functions on a path from the root, at most.
pub(crate) const DEPTH_MAX: u16 = 64;

/// The layer itself: whoever called the first function.
pub(crate) const ROOT: u32 = 0;

/// A function, called by the functions above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Its caller, which stands before it; the root is its own.
    pub(crate) parent: u32,
    /// By its number; without a meaning at the root.
    pub(crate) name: u32,
    depth: u16,
    /// Microseconds in which it was seen itself, not in what it called.
    pub(crate) own: u64,
}

/// Functions by their callers. There is a root; callers stand before those they call.
#[derive(Debug)]
pub(crate) struct CallTree {
    nodes: Vec<Node>,
    /// The node of a caller and the name of what it calls.
    children: BTreeMap<(u32, u32), u32>,
    /// Microseconds that are counted at a caller because there was no room for what it called.
    cut: u64,
}

impl Default for CallTree {
    fn default() -> Self {
        let root = Node { parent: ROOT, name: 0, depth: 0, own: 0 };
        Self { nodes: vec![root], children: BTreeMap::new(), cut: 0 }
    }
}

impl CallTree {
    /// All of them, callers first.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// What `parent` calls by this name, if it was seen.
    #[cfg_attr(not(feature = "profile"), allow(dead_code))]
    pub(crate) fn known(&self, parent: u32, name: u32) -> Option<u32> {
        self.children.get(&(parent, name)).copied()
    }

    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }

    /// What `parent` calls by this name; new if it was never seen. None if that is too deep.
    pub(crate) fn child(&mut self, parent: u32, name: u32) -> Option<u32> {
        if let Some(&known) = self.children.get(&(parent, name)) {
            return Some(known);
        }
        let depth = self.nodes.get(parent as usize)?.depth;
        if DEPTH_MAX <= depth {
            return None;
        }
        let node = u32::try_from(self.nodes.len()).ok()?;
        self.nodes.push(Node { parent, name, depth: depth + 1, own: 0 });
        self.children.insert((parent, name), node);
        Some(node)
    }

    /// Counts time at a node; it is cut if it belongs to something below that has no room.
    pub(crate) fn charge(&mut self, node: u32, micros: u64, is_cut: bool) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.own = node.own.saturating_add(micros);
        }
        if is_cut {
            self.cut = self.cut.saturating_add(micros);
        }
    }

    /// Adds what a worker saw. `names` are the numbers of the functions it names, none where there was no room for one.
    /// Calls that are called by none before them are left out, with all that follow.
    pub(crate) fn merge(&mut self, calls: &[Call], cut: u64, names: &[Option<u32>]) {
        // Where each of the calls is counted, and whether that is at a caller.
        let mut placed: Vec<(u32, bool)> = vec![(ROOT, false)];
        for call in calls {
            let Some(&(parent, is_cut)) = placed.get(call.caller as usize) else { break };
            let name = names.get(call.function as usize).copied().flatten();
            let child = name.filter(|_| !is_cut).and_then(|name| self.child(parent, name));
            let at = child.map_or((parent, true), |child| (child, false));
            self.charge(at.0, call.micros, at.1);
            placed.push(at);
        }
        self.cut = self.cut.saturating_add(cut);
    }

    /// Microseconds in each node and all below it.
    pub(crate) fn totals(&self) -> Vec<u64> {
        let mut totals: Vec<u64> = self.nodes.iter().map(|node| node.own).collect();
        for at in (1..self.nodes.len()).rev() {
            let parent = self.nodes[at].parent as usize;
            totals[parent] = totals[parent].saturating_add(totals[at]);
        }
        totals
    }

    /// The `max` nodes with most time in them and below, callers first: with each of them is its caller.
    pub(crate) fn largest(&self, max: usize, totals: &[u64]) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.nodes.len() as u32).collect();
        // Nobody has more time than its caller; of those with the same, the caller goes first.
        order.sort_unstable_by_key(|&at| (Reverse(totals[at as usize]), at));
        order.truncate(max.max(1));
        order.sort_unstable();
        order
    }

    /// Keeps the `max` nodes with most time in them and below; that of the others is cut.
    pub(crate) fn prune(&mut self, max: usize) {
        if self.nodes.len() <= max {
            return;
        }
        let kept: BTreeSet<u32> = self.largest(max, &self.totals()).into_iter().collect();
        let mut pruned = Self { cut: self.cut, ..Self::default() };
        let mut placed: Vec<u32> = Vec::with_capacity(self.nodes.len());
        for (at, node) in (0u32..).zip(&self.nodes) {
            let parent = placed.get(node.parent as usize).copied().unwrap_or(ROOT);
            let is_cut = !kept.contains(&at);
            let own = if is_cut || at == ROOT { None } else { pruned.child(parent, node.name) };
            let place = own.unwrap_or(parent);
            pruned.charge(place, node.own, is_cut);
            placed.push(place);
        }
        *self = pruned;
    }

    /// Calls each function by another number.
    pub(crate) fn rename(&mut self, new: &BTreeMap<u32, u32>) {
        for node in &mut self.nodes[1..] {
            node.name = new.get(&node.name).copied().unwrap_or(node.name);
        }
        self.children = (0u32..).zip(&self.nodes).skip(1).map(|(at, node)| ((node.parent, node.name), at)).collect();
    }
}

#[cfg(test)]
mod tests;

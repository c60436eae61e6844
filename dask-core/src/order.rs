//! In which order tasks are best started: static priorities that keep few values alive.
//!
//! A value is alive from the moment its task has run until its last dependent has. The order walks depth first from
//! the outputs, so that what was started is finished before something else is begun:
//!
//! ```text
//!        sum            rank 6        of two dependencies the one that needs more memory while it is
//!       /   \                         computed goes first: meanwhile nothing is held for the other
//!    add     mul        2, 5          (Sethi and Ullman 1970, exact on trees)
//!    / \     / \
//!   a   b   c   d       0 1, 3 4
//! ```
//!
//! 1. *Need*: for each task the number of values alive at once while it and all it depends on are computed, as if what
//!    is shared were computed for each; dependencies are sorted by need, the largest first. Where needs are equal the
//!    longer path goes first, then the order of the arguments.
//! 2. *Depth first*: from the outputs, dependencies before dependents, with a stack of its own (no recursion).
//! 3. *Eager*: whenever a task has run, a dependent that is ready and whose running ends the life of a value is run
//!    at once, wherever the walk is. It makes one value and frees one at least.
//!
//! Each step is linear in tasks and edges (but for the sorting of argument lists); memory is six words a task and
//! one an edge. What it promises is what Dask's `order` promises; the steps are its own.
//!
//! Sources: R. Sethi, J. D. Ullman, *The generation of optimal code for arithmetic expressions*, JACM 17 (1970);
//! the documentation of `dask.order`.

use crate::csr::Csr;

const NONE: u32 = u32::MAX;

/// The rank of each task: lower runs first; dependencies come before dependents. `None` if there is a cycle.
///
/// ```
/// use dask_core::{CsrBuf, order};
/// let dependencies = CsrBuf::from_lists([&[][..], &[0], &[], &[1, 2]]);
/// let dependents = dependencies.view().transposed();
/// assert_eq!(order::order(dependencies.view(), dependents.view()), Some(vec![0, 1, 2, 3]));
/// ```
pub fn order(dependencies: Csr<'_>, dependents: Csr<'_>) -> Option<Vec<u32>> {
    let n = dependencies.n_tasks();
    let topological = topological(dependencies, dependents)?;
    let sorted = by_need(dependencies, topological.as_deref());
    let mut walk = Walk {
        dependencies,
        dependents,
        rank: vec![NONE; n],
        missing: (0..n as u32).map(|t| dependencies.of(t).len() as u32).collect(),
        uses: (0..n as u32).map(|t| dependents.of(t).len() as u32).collect(),
        next: 0,
        eager: Vec::new(),
    };
    let sorted = Csr { starts: dependencies.starts, edges: &sorted };
    let mut cursor: Vec<u32> = sorted.starts[..n].to_vec();
    let mut stack: Vec<u32> = Vec::new();
    for sink in (0..n as u32).filter(|&t| dependents.of(t).is_empty()) {
        if walk.rank[sink as usize] == NONE {
            stack.push(sink);
        }
        while let Some(&task) = stack.last() {
            if walk.rank[task as usize] != NONE {
                stack.pop();
                continue;
            }
            let at = &mut cursor[task as usize];
            if *at < sorted.starts[task as usize + 1] {
                let dependency = sorted.edges[*at as usize];
                *at += 1;
                if walk.rank[dependency as usize] == NONE {
                    stack.push(dependency);
                }
                continue;
            }
            stack.pop();
            walk.emit(task);
        }
    }
    Some(walk.rank)
}

/// Tasks with dependencies first; `Some(None)` if their numbers are in such an order, `None` if there is a cycle.
#[expect(clippy::option_option, reason = "no order, the order of the numbers, or this order")]
fn topological(dependencies: Csr<'_>, dependents: Csr<'_>) -> Option<Option<Vec<u32>>> {
    let n = dependencies.n_tasks() as u32;
    if (0..n).all(|t| dependencies.of(t).iter().all(|&d| d < t)) {
        return Some(None);
    }
    let mut missing: Vec<u32> = (0..n).map(|t| dependencies.of(t).len() as u32).collect();
    let mut order: Vec<u32> = (0..n).filter(|&t| missing[t as usize] == 0).collect();
    let mut at = 0;
    while let Some(&task) = order.get(at) {
        at += 1;
        for &dependent in dependents.of(task) {
            missing[dependent as usize] -= 1;
            if missing[dependent as usize] == 0 {
                order.push(dependent);
            }
        }
    }
    (order.len() == n as usize).then_some(Some(order))
}

/// The dependencies of each task, the one with the largest need first.
fn by_need(dependencies: Csr<'_>, topological: Option<&[u32]>) -> Vec<u32> {
    let n = dependencies.n_tasks();
    let mut sorted = dependencies.edges.to_vec();
    // Need in the upper half, length of the longest path in the lower: one comparison serves both.
    let mut need: Vec<u64> = vec![0; n];
    let mut visit = |task: usize| {
        let list = &mut sorted[dependencies.starts[task] as usize..dependencies.starts[task + 1] as usize];
        if !list.is_sorted_by(|a, b| need[*a as usize] >= need[*b as usize]) {
            list.sort_by_key(|&d| std::cmp::Reverse(need[d as usize]));
        }
        let (mut most, mut path) = (1, 0);
        for (held, &dependency) in list.iter().enumerate() {
            let of = need[dependency as usize];
            most = most.max((of >> 32) + held as u64);
            path = path.max((of & u64::from(u32::MAX)) + 1);
        }
        need[task] = most.min(u64::from(u32::MAX)) << 32 | path;
    };
    match topological {
        Some(order) => order.iter().for_each(|&task| visit(task as usize)),
        None => (0..n).for_each(visit),
    }
    sorted
}

/// The state of the walk: what has run, what is still missing.
struct Walk<'a> {
    dependencies: Csr<'a>,
    dependents: Csr<'a>,
    rank: Vec<u32>,
    missing: Vec<u32>,
    uses: Vec<u32>,
    next: u32,
    eager: Vec<u32>,
}

impl Walk<'_> {
    /// Gives `task` the next rank, and then whatever is ready and ends the life of a value.
    fn emit(&mut self, task: u32) {
        self.eager.push(task);
        while let Some(task) = self.eager.pop() {
            if self.rank[task as usize] != NONE {
                continue;
            }
            self.rank[task as usize] = self.next;
            self.next += 1;
            for &dependency in self.dependencies.of(task) {
                self.uses[dependency as usize] -= 1;
                if self.uses[dependency as usize] == 1 {
                    self.push_last_user(dependency);
                }
            }
            for &dependent in self.dependents.of(task) {
                self.missing[dependent as usize] -= 1;
                if self.missing[dependent as usize] == 0 && self.frees(dependent) {
                    self.eager.push(dependent);
                }
            }
        }
    }

    /// Whether running `task` now is the last use of a value.
    fn frees(&self, task: u32) -> bool {
        self.dependencies.of(task).iter().any(|&d| self.uses[d as usize] == 1)
    }

    /// The one dependent of `value` that has not run, if it is ready.
    fn push_last_user(&mut self, value: u32) {
        let ready = |&&t: &&u32| self.rank[t as usize] == NONE && self.missing[t as usize] == 0;
        if let Some(&user) = self.dependents.of(value).iter().find(ready) {
            self.eager.push(user);
        }
    }
}

/// The most values alive at once when the tasks run one after another by `rank`. What no task depends on is not
/// counted once it has been made: it is an output, whatever the order.
pub fn peak_live(dependencies: Csr<'_>, dependents: Csr<'_>, rank: &[u32]) -> usize {
    let n = dependencies.n_tasks();
    let mut in_order = vec![0u32; n];
    rank.iter().enumerate().for_each(|(task, &r)| in_order[r as usize] = task as u32);
    let mut uses: Vec<u32> = (0..n as u32).map(|t| dependents.of(t).len() as u32).collect();
    let (mut live, mut peak) = (0usize, 0usize);
    for task in in_order {
        live += 1;
        peak = peak.max(live);
        for &dependency in dependencies.of(task) {
            uses[dependency as usize] -= 1;
            live -= usize::from(uses[dependency as usize] == 0);
        }
        live -= usize::from(dependents.of(task).is_empty());
    }
    peak
}

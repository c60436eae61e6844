//! Graphs of empty tasks in the classic shapes, on which schedulers are measured.

use std::sync::Arc;

use dask_core::layer::{Blockwise, Materialized, Reduce, SELF};
use dask_core::{Call, Key, LayerRef, TaskError, TaskFn, Value};
use serde::{Deserialize, Serialize};

/// Does nothing and returns nothing much.
#[derive(Serialize, Deserialize)]
struct Empty;

impl TaskFn for Empty {
    fn run(&self, _call: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(0u8))
    }
}
dask_core::portable!(Empty as dyn TaskFn = "benches.empty");

/// A shape of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Tasks without edges; all are outputs.
    Independent,
    /// A binary reduction of leaves to one task.
    Tree,
    /// Each task after the one before; the last is the output.
    Chain,
    /// A square grid, each task after its neighbours to the left and above; the last corner is the output.
    Stencil,
    /// Parts that are split, and new parts that take a piece of each.
    Shuffle,
    /// Independent tasks, and one that takes them all.
    Merge,
}

impl Shape {
    /// Those on which schedulers are compared.
    pub const ALL: [Self; 4] = [Self::Independent, Self::Tree, Self::Chain, Self::Stencil];

    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Tree => "tree",
            Self::Chain => "chain",
            Self::Stencil => "stencil",
            Self::Shuffle => "shuffle",
            Self::Merge => "merge",
        }
    }

    /// A graph of about `n` tasks (exactly: a tree has `2 ⌊n/2⌋ - 1` or a few more, a grid the largest square,
    /// a merge one more).
    ///
    /// ```
    /// use dask_benches::shapes::Shape;
    /// use dask_core::{LayerGraph, Plan};
    /// let tree = Shape::Tree.layer(1 << 10);
    /// let plan = Plan::new(&LayerGraph::new([&tree])?, &Shape::Tree.outputs(&tree))?;
    /// assert_eq!(plan.graph.n_tasks(), 1023);
    /// # Ok::<(), dask_core::Error>(())
    /// ```
    pub fn layer(self, n: u32) -> LayerRef {
        match self {
            Self::Independent => leaves(n),
            Self::Tree => tree(n),
            Self::Shuffle => shuffle(n.isqrt()),
            Self::Merge => merge(n),
            Self::Chain => listed(n, |task, edges| edges.extend(task.checked_sub(1))),
            Self::Stencil => {
                let side = n.isqrt();
                listed(side * side, |task, edges| {
                    edges.extend((task % side > 0).then(|| task - 1));
                    edges.extend(task.checked_sub(side));
                })
            }
        }
    }

    /// The keys of the outputs of a graph of this shape.
    pub fn outputs(self, layer: &LayerRef) -> Vec<Key> {
        let mut keys = layer.keys();
        if !matches!(self, Self::Independent | Self::Shuffle) {
            keys.drain(..keys.len().saturating_sub(1));
        }
        keys
    }
}

fn leaves(n: u32) -> LayerRef {
    LayerRef::new(Blockwise::new("leaf".into(), &[n], vec![], Arc::new(Empty)), vec![])
}

fn tree(n: u32) -> LayerRef {
    let mut level = leaves((n / 2).max(1));
    let mut i = 0;
    while level.layer().shape()[0] > 1 {
        i += 1;
        let name = format!("level{i}").as_str().into();
        let reduce = Reduce::new(name, level.name().clone(), level.layer().shape(), &[2], Arc::new(Empty));
        level = LayerRef::new(reduce, vec![level]);
    }
    level
}

fn merge(n: u32) -> LayerRef {
    let parts = leaves(n);
    let all = Reduce::new("merge".into(), parts.name().clone(), &[n], &[n], Arc::new(Empty));
    LayerRef::new(all, vec![parts])
}

fn shuffle(n: u32) -> LayerRef {
    let parts = leaves(n);
    let mut split = Materialized::uniform("split".into(), &[n, n], vec![parts.name().clone()], Arc::new(Empty));
    (0..n * n).for_each(|piece| split.push_uniform(&[(0, piece / n)]));
    let split = LayerRef::new(split, vec![parts]);
    let mut join = Materialized::uniform("join".into(), &[n], vec![split.name().clone()], Arc::new(Empty));
    for to in 0..n {
        join.push_uniform(&(0..n).map(|from| (0, from * n + to)).collect::<Vec<_>>());
    }
    LayerRef::new(join, vec![split])
}

/// Tasks one by one, with the tasks that each depends on.
fn listed(n: u32, dependencies: impl Fn(u32, &mut Vec<u32>)) -> LayerRef {
    let mut layer = Materialized::uniform("task".into(), &[n], vec![], Arc::new(Empty));
    let (mut before, mut edges) = (Vec::new(), Vec::new());
    for task in 0..n {
        before.clear();
        edges.clear();
        dependencies(task, &mut before);
        edges.extend(before.iter().map(|&task| (SELF, task)));
        layer.push_uniform(&edges);
    }
    LayerRef::new(layer, vec![])
}

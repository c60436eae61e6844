//! Layers: named grids of tasks that know their dependencies without listing them.

mod blockwise;
mod materialized;
mod reduce;
mod travel;

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

pub use blockwise::{Axis, BlockInput, Blockwise};
pub use materialized::{Materialized, SELF};
pub use reduce::Reduce;
pub use travel::{decode_layers, encode_layers};

use crate::error::{Error, Result};
use crate::key::{Index, Key, Name};
use crate::task::TaskFn;

/// A named grid of tasks, numbered in C order (the last axis runs fastest).
pub trait Layer: Any + Send + Sync {
    /// The name of its keys.
    fn name(&self) -> &Name;

    /// The grid: number of blocks along each axis; empty for a single task.
    fn shape(&self) -> &[u32];

    /// The layers it reads; [`dependencies`](Layer::dependencies) counts into this list.
    fn inputs(&self) -> &[Name];

    /// Appends the dependencies of `task`, in the order of the function's inputs: `(input, task of that input)`, or
    /// `(SELF, task)` for another task of this layer.
    fn dependencies(&self, task: u32, out: &mut Vec<(u32, u32)>);

    /// What `task` runs.
    fn function(&self, task: u32) -> &Arc<dyn TaskFn>;

    /// Whether all tasks run the same function, so that it is shared in graphs and on the wire.
    fn is_uniform(&self) -> bool {
        true
    }

    /// Whether the tasks read from outside (files, random numbers): the roots that make memory.
    fn is_source(&self) -> bool {
        false
    }

    /// How many tasks it has.
    fn n_tasks(&self) -> u64 {
        self.shape().iter().fold(1, |n, &axis| n.saturating_mul(u64::from(axis)))
    }
}

/// The number of the task at `index` in a grid, or `None` if it is outside.
pub fn ravel(index: &[u32], shape: &[u32]) -> Option<u32> {
    if index.len() != shape.len() || index.iter().zip(shape).any(|(i, n)| i >= n) {
        return None;
    }
    Some(index.iter().zip(shape).fold(0, |task, (i, n)| task * n + i))
}

/// The position in a grid of task number `task`.
pub fn unravel(mut task: u32, shape: &[u32], index: &mut Index) {
    index.clear();
    index.resize(shape.len(), 0);
    for (i, &n) in index.iter_mut().zip(shape).rev() {
        *i = task % n.max(1);
        task /= n.max(1);
    }
}

/// A layer and the layers it reads, shared: what a collection holds. A clone costs an atomic increment, whatever
/// stands behind it.
#[derive(Clone)]
pub struct LayerRef(Arc<Node>);

struct Node {
    layer: Arc<dyn Layer>,
    inputs: Vec<LayerRef>,
}

impl LayerRef {
    /// A layer and the layers that its [`inputs`](Layer::inputs) name, in the same order.
    pub fn new(layer: impl Layer, inputs: Vec<LayerRef>) -> Self {
        Self::from_arc(Arc::new(layer), inputs)
    }

    /// As [`new`](LayerRef::new), for a layer that is shared already.
    pub fn from_arc(layer: Arc<dyn Layer>, inputs: Vec<LayerRef>) -> Self {
        debug_assert!(layer.inputs().iter().eq(inputs.iter().map(LayerRef::name)), "inputs of {}", layer.name());
        Self(Arc::new(Node { layer, inputs }))
    }

    /// The layer.
    pub fn layer(&self) -> &Arc<dyn Layer> {
        &self.0.layer
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        self.0.layer.name()
    }

    /// The layers it reads.
    pub fn inputs(&self) -> &[LayerRef] {
        &self.0.inputs
    }

    /// All keys of the layer, in C order.
    pub fn keys(&self) -> Vec<Key> {
        let (name, shape) = (self.name(), self.0.layer.shape());
        let mut index = Index::new();
        (0..self.0.layer.n_tasks() as u32)
            .map(|task| {
                unravel(task, shape, &mut index);
                name.at(&index)
            })
            .collect()
    }
}

impl std::fmt::Debug for LayerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LayerRef({}, {:?})", self.name(), self.0.layer.shape())
    }
}

impl Drop for Node {
    /// Without recursion, so that a chain of a million layers can be dropped.
    fn drop(&mut self) {
        let mut pending = std::mem::take(&mut self.inputs);
        while let Some(LayerRef(node)) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                pending.append(&mut node.inputs);
            }
        }
    }
}

/// One layer of a [`LayerGraph`].
#[derive(Clone)]
pub struct LayerEntry {
    /// The layer.
    pub layer: Arc<dyn Layer>,
    /// Where its inputs stand in the graph; each before this one.
    pub inputs: Vec<u32>,
}

/// The layers that some outputs need, each after the layers it reads.
#[derive(Clone, Default)]
pub struct LayerGraph {
    layers: Vec<LayerEntry>,
    by_name: HashMap<Name, u32, foldhash::fast::RandomState>,
}

impl LayerGraph {
    /// Everything behind `roots`; what several share stands there once.
    ///
    /// # Errors
    /// [`Error::DuplicateLayer`] where two different layers have one name.
    pub fn new<'a>(roots: impl IntoIterator<Item = &'a LayerRef>) -> Result<Self> {
        let mut graph = Self::default();
        // Depth first with an explicit stack: a node is appended when its inputs have been.
        let mut stack: Vec<(&LayerRef, usize)> = Vec::new();
        for root in roots {
            if graph.position_of(root)?.is_none() {
                stack.push((root, 0));
            }
            while let Some((node, next)) = stack.pop() {
                if let Some(input) = node.inputs().get(next) {
                    stack.push((node, next + 1));
                    if graph.position_of(input)?.is_none() {
                        stack.push((input, 0));
                    }
                } else if graph.position_of(node)?.is_none() {
                    let inputs = node.inputs().iter().map(|input| graph.by_name[input.name()]).collect();
                    graph.push(LayerEntry { layer: node.layer().clone(), inputs });
                }
            }
        }
        Ok(graph)
    }

    /// Appends a layer whose inputs are there; returns its position.
    pub fn push(&mut self, entry: LayerEntry) -> u32 {
        let position = self.layers.len() as u32;
        self.by_name.insert(entry.layer.name().clone(), position);
        self.layers.push(entry);
        position
    }

    fn position_of(&self, node: &LayerRef) -> Result<Option<u32>> {
        let Some(&position) = self.by_name.get(node.name()) else { return Ok(None) };
        let known = &self.layers[position as usize].layer;
        // Equal tokens mean equal computations; names chosen by people must be the same layer.
        if node.name().token().is_none() && !Arc::ptr_eq(known, node.layer()) {
            return Err(Error::DuplicateLayer { name: node.name().to_string() });
        }
        Ok(Some(position))
    }

    /// The layers, each after the layers it reads.
    pub fn layers(&self) -> &[LayerEntry] {
        &self.layers
    }

    /// Where the layer called `name` stands.
    pub fn find(&self, name: &Name) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// How many tasks all layers have together.
    pub fn n_tasks(&self) -> u64 {
        self.layers.iter().fold(0, |n, entry| n.saturating_add(entry.layer.n_tasks()))
    }
}

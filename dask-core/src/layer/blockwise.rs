//! The common layer: each task reads one block (or all blocks) of each input.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Layer;
use crate::key::{Index, Name};
use crate::task::TaskFn;

/// Which block of an input a task reads along one axis of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Axis {
    /// The same as the task's own position along this axis of the output.
    Out(u8),
    /// Always this one: `At(0)` where the input is broadcast.
    At(u32),
    /// All of them: the function is given every block along this axis, in order.
    All,
}

/// How a task finds its blocks of one input.
#[derive(Debug, Clone)]
pub struct BlockInput {
    /// The input's name.
    pub name: Name,
    /// The input's grid.
    pub shape: SmallVec<[u32; 4]>,
    /// One entry an axis of the input. A task reads the product of the choices, in C order.
    pub axes: SmallVec<[Axis; 4]>,
}

impl BlockInput {
    /// Block for block, without any change.
    pub fn aligned(name: Name, shape: &[u32]) -> Self {
        Self { name, shape: shape.into(), axes: (0..shape.len()).map(|axis| Axis::Out(axis as u8)).collect() }
    }

    /// Every block for every task.
    pub fn all(name: Name, shape: &[u32]) -> Self {
        Self { name, shape: shape.into(), axes: shape.iter().map(|_| Axis::All).collect() }
    }

    /// Which block of the input is read by the task at `index` (the first where there are several).
    pub fn block(&self, index: &[u32]) -> Index {
        self.axes
            .iter()
            .map(|axis| match *axis {
                Axis::Out(o) => index[o as usize],
                Axis::At(at) => at,
                Axis::All => 0,
            })
            .collect()
    }

    /// Whether each task reads exactly one block.
    pub fn is_single(&self) -> bool {
        !self.axes.contains(&Axis::All)
    }

    fn is_identity(&self, shape: &[u32]) -> bool {
        self.shape.as_slice() == shape && self.axes.iter().enumerate().all(|(i, &a)| a == Axis::Out(i as u8))
    }
}

/// A layer in which one function makes each block from blocks at related positions. With no inputs it is a source.
#[derive(Clone)]
pub struct Blockwise {
    name: Name,
    shape: SmallVec<[u32; 4]>,
    inputs: Vec<BlockInput>,
    names: Vec<Name>,
    identity: Vec<bool>,
    function: Arc<dyn TaskFn>,
    source: bool,
}

impl Blockwise {
    /// `function` is called once a block of `shape`, with the blocks of the inputs one after another.
    pub fn new(name: Name, shape: &[u32], inputs: Vec<BlockInput>, function: Arc<dyn TaskFn>) -> Self {
        let names = inputs.iter().map(|input| input.name.clone()).collect();
        let identity = inputs.iter().map(|input| input.is_identity(shape)).collect();
        Self { name, shape: shape.into(), source: inputs.is_empty(), inputs, names, identity, function }
    }

    /// Marks whether the tasks read from outside; by default if there are no inputs.
    #[must_use]
    pub fn with_source(mut self, source: bool) -> Self {
        self.source = source;
        self
    }

    /// How the inputs are read.
    pub fn block_inputs(&self) -> &[BlockInput] {
        &self.inputs
    }

    /// The function of all its tasks.
    pub fn shared_function(&self) -> &Arc<dyn TaskFn> {
        &self.function
    }
}

impl Layer for Blockwise {
    fn name(&self) -> &Name {
        &self.name
    }

    fn shape(&self) -> &[u32] {
        &self.shape
    }

    fn inputs(&self) -> &[Name] {
        &self.names
    }

    fn dependencies(&self, task: u32, out: &mut Vec<(u32, u32)>) {
        let mut index = Index::new();
        for (i, input) in self.inputs.iter().enumerate() {
            if self.identity[i] {
                out.push((i as u32, task));
                continue;
            }
            if index.is_empty() {
                super::unravel(task, &self.shape, &mut index);
            }
            push_blocks(input, i as u32, &index, 0, 0, out);
        }
    }

    fn function(&self, _task: u32) -> &Arc<dyn TaskFn> {
        &self.function
    }

    fn is_source(&self) -> bool {
        self.source
    }
}

/// All choices of blocks along the axes from `axis` on, given the number so far.
fn push_blocks(input: &BlockInput, i: u32, index: &[u32], axis: usize, task: u32, out: &mut Vec<(u32, u32)>) {
    let Some(&n) = input.shape.get(axis) else {
        out.push((i, task));
        return;
    };
    match input.axes[axis] {
        Axis::Out(o) => push_blocks(input, i, index, axis + 1, task * n + index[o as usize], out),
        Axis::At(at) => push_blocks(input, i, index, axis + 1, task * n + at, out),
        Axis::All => (0..n).for_each(|block| push_blocks(input, i, index, axis + 1, task * n + block, out)),
    }
}

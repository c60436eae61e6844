//! One level of a tree reduction: neighbouring blocks are combined.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Layer;
use crate::key::{Index, Name};
use crate::task::TaskFn;

/// One level of a tree reduction. Along each axis, `group` neighbouring blocks of the input make one block; the
/// function is given them in C order.
pub struct Reduce {
    name: Name,
    input: [Name; 1],
    input_shape: SmallVec<[u32; 4]>,
    group: SmallVec<[u32; 4]>,
    shape: SmallVec<[u32; 4]>,
    function: Arc<dyn TaskFn>,
}

impl Reduce {
    /// `group` has one entry an axis of the input; 1 leaves an axis as it is.
    pub fn new(name: Name, input: Name, input_shape: &[u32], group: &[u32], function: Arc<dyn TaskFn>) -> Self {
        let group: SmallVec<[u32; 4]> = group.iter().map(|&g| g.max(1)).collect();
        let shape = input_shape.iter().zip(&group).map(|(&n, &g)| n.div_ceil(g)).collect();
        Self { name, input: [input], input_shape: input_shape.into(), group, shape, function }
    }

    /// How many neighbouring blocks make one, along each axis.
    pub fn group(&self) -> &[u32] {
        &self.group
    }
}

impl Layer for Reduce {
    fn name(&self) -> &Name {
        &self.name
    }

    fn shape(&self) -> &[u32] {
        &self.shape
    }

    fn inputs(&self) -> &[Name] {
        &self.input
    }

    fn dependencies(&self, task: u32, out: &mut Vec<(u32, u32)>) {
        let mut index = Index::new();
        super::unravel(task, &self.shape, &mut index);
        self.push_blocks(&index, 0, 0, out);
    }

    fn function(&self, _task: u32) -> &Arc<dyn TaskFn> {
        &self.function
    }
}

impl Reduce {
    fn push_blocks(&self, index: &[u32], axis: usize, task: u32, out: &mut Vec<(u32, u32)>) {
        let Some(&n) = self.input_shape.get(axis) else {
            out.push((0, task));
            return;
        };
        let first = index[axis] * self.group[axis];
        for block in first..n.min(first + self.group[axis]) {
            self.push_blocks(index, axis + 1, task * n + block, out);
        }
    }
}

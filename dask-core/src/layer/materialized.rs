//! A layer that lists its tasks one by one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Layer, LayerRef};
use crate::csr::CsrBuf;
use crate::key::Name;
use crate::task::{Constant, TaskFn};
use crate::value::Value;

/// The input number that means the layer itself.
pub const SELF: u32 = u32::MAX;

/// A layer whose tasks are listed: `4 + 8 m` bytes a task with m dependencies, and its function.
pub struct Materialized {
    name: Name,
    shape: SmallVec<[u32; 4]>,
    inputs: Vec<Name>,
    /// Which input each edge leads to; parallel to `tasks.edges`.
    from: Vec<u32>,
    tasks: CsrBuf,
    functions: Vec<Arc<dyn TaskFn>>,
    /// Which function each task runs; empty if all run the first.
    function_of: Vec<u32>,
    source: bool,
}

impl Materialized {
    /// An empty layer of the given grid; the tasks are then pushed in C order.
    pub fn new(name: Name, shape: &[u32], inputs: Vec<Name>) -> Self {
        Self {
            name,
            shape: shape.into(),
            inputs,
            from: Vec::new(),
            tasks: CsrBuf::default(),
            functions: Vec::new(),
            function_of: Vec::new(),
            source: false,
        }
    }

    /// From lists that fit together: see the fields.
    pub(super) fn from_parts(
        name: Name,
        shape: &[u32],
        inputs: Vec<Name>,
        from: Vec<u32>,
        tasks: CsrBuf,
        functions: Vec<Arc<dyn TaskFn>>,
        function_of: Vec<u32>,
    ) -> Self {
        Self { name, shape: shape.into(), inputs, from, tasks, functions, function_of, source: false }
    }

    /// A layer in which all tasks run one function; their dependencies are then pushed.
    pub fn uniform(name: Name, shape: &[u32], inputs: Vec<Name>, function: Arc<dyn TaskFn>) -> Self {
        let mut layer = Self::new(name, shape, inputs);
        layer.functions.push(function);
        layer
    }

    /// Values that are there already, one a task.
    pub fn values(name: Name, shape: &[u32], values: impl IntoIterator<Item = Value>) -> LayerRef {
        let mut layer = Self::new(name, shape, Vec::new());
        for value in values {
            layer.push(Arc::new(Constant(value)), &[]);
        }
        LayerRef::new(layer, Vec::new())
    }

    /// Marks the tasks as reading from outside.
    #[must_use]
    pub fn with_source(mut self, source: bool) -> Self {
        self.source = source;
        self
    }

    /// Adds the next task, with a function of its own and its dependencies as `(input, task)`.
    pub fn push(&mut self, function: Arc<dyn TaskFn>, dependencies: &[(u32, u32)]) {
        self.function_of.push(self.functions.len() as u32);
        self.functions.push(function);
        self.push_edges(dependencies);
    }

    /// Adds the next task of a [`uniform`](Materialized::uniform) layer.
    pub fn push_uniform(&mut self, dependencies: &[(u32, u32)]) {
        debug_assert!(self.function_of.is_empty() && self.functions.len() == 1, "not a uniform layer");
        self.push_edges(dependencies);
    }

    fn push_edges(&mut self, dependencies: &[(u32, u32)]) {
        for &(input, task) in dependencies {
            self.from.push(input);
            self.tasks.push_edge(task);
        }
        self.tasks.end_task();
    }
}

impl Layer for Materialized {
    fn name(&self) -> &Name {
        &self.name
    }

    fn shape(&self) -> &[u32] {
        &self.shape
    }

    fn inputs(&self) -> &[Name] {
        &self.inputs
    }

    fn dependencies(&self, task: u32, out: &mut Vec<(u32, u32)>) {
        let starts = self.tasks.view().starts;
        let range = starts[task as usize] as usize..starts[task as usize + 1] as usize;
        out.extend(self.from[range.clone()].iter().copied().zip(self.tasks.view().edges[range].iter().copied()));
    }

    fn function(&self, task: u32) -> &Arc<dyn TaskFn> {
        &self.functions[self.function_of.get(task as usize).map_or(0, |&f| f as usize)]
    }

    fn is_uniform(&self) -> bool {
        self.function_of.is_empty()
    }

    fn is_source(&self) -> bool {
        self.source
    }
}

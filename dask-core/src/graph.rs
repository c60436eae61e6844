//! Graphs of tasks: dense ids, flat edges. What schedulers run.

#[cfg(feature = "petgraph")]
pub mod petgraph;

use std::sync::Arc;

use crate::csr::{Csr, CsrBuf};
use crate::error::{Error, Result};
use crate::key::{Index, Key, Name};
use crate::layer::unravel;
use crate::task::TaskFn;

/// A task's number in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u32);

impl TaskId {
    /// As a position in arrays with one entry a task.
    #[inline]
    pub fn idx(self) -> usize {
        self.0 as usize
    }
}

/// A layer as the graph remembers it, for keys and errors.
#[derive(Debug, Clone)]
pub struct GraphLayer {
    /// Its name.
    pub name: Name,
    /// Its grid.
    pub shape: Vec<u32>,
    /// Whether its tasks read from outside.
    pub is_source: bool,
}

/// A directed graph of tasks, acyclic once [checked](Graph::check_acyclic) or ordered.
///
/// Memory: 16 bytes a task and 8 an edge, and the functions (usually one a layer).
pub struct Graph {
    dependencies: CsrBuf,
    dependents: CsrBuf,
    function_of: Vec<u32>,
    functions: Vec<Arc<dyn TaskFn>>,
    layer_of: Vec<u32>,
    /// Number of the task in its layer.
    position: Vec<u32>,
    layers: Vec<GraphLayer>,
}

impl Graph {
    /// How many tasks there are.
    pub fn n_tasks(&self) -> usize {
        self.function_of.len()
    }

    /// All tasks.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.n_tasks() as u32).map(TaskId)
    }

    /// What `task` needs, in the order of its function's inputs; one that is used twice stands there twice.
    #[inline]
    pub fn dependencies(&self) -> Csr<'_> {
        self.dependencies.view()
    }

    /// Who needs `task`; one that uses it twice stands there twice.
    #[inline]
    pub fn dependents(&self) -> Csr<'_> {
        self.dependents.view()
    }

    /// What `task` runs.
    #[inline]
    pub fn function(&self, task: TaskId) -> &Arc<dyn TaskFn> {
        &self.functions[self.function_of[task.idx()] as usize]
    }

    /// The functions of all tasks, each once.
    pub fn functions(&self) -> &[Arc<dyn TaskFn>] {
        &self.functions
    }

    /// Which of the [functions](Graph::functions) `task` runs.
    #[inline]
    pub fn function_idx(&self, task: TaskId) -> usize {
        self.function_of[task.idx()] as usize
    }

    /// The layers that the tasks come from.
    pub fn layers(&self) -> &[GraphLayer] {
        &self.layers
    }

    /// Which of the [layers](Graph::layers) `task` comes from, and its number there, in C order of the grid.
    #[inline]
    pub fn place(&self, task: TaskId) -> (usize, u32) {
        (self.layer_of[task.idx()] as usize, self.position[task.idx()])
    }

    /// The layer `task` comes from.
    pub fn layer(&self, task: TaskId) -> &GraphLayer {
        &self.layers[self.layer_of[task.idx()] as usize]
    }

    /// The position of `task` in its layer's grid.
    #[inline]
    pub fn index(&self, task: TaskId, index: &mut Index) {
        let layer = &self.layers[self.layer_of[task.idx()] as usize];
        unravel(self.position[task.idx()], &layer.shape, index);
    }

    /// The key of `task`.
    pub fn key(&self, task: TaskId) -> Key {
        let mut index = Index::new();
        self.index(task, &mut index);
        self.layer(task).name.at(&index)
    }

    /// The layers from that of `task` along first dependents to an output, in the user's words.
    pub fn layer_chain(&self, task: TaskId) -> Vec<String> {
        let mut chain: Vec<String> = Vec::new();
        let mut at = task.0;
        for _ in 0..self.n_tasks() {
            let what = self.layer(TaskId(at)).name.what();
            if chain.last().is_none_or(|last| last != what) {
                chain.push(what.to_owned());
            }
            match self.dependents.of(at).first() {
                Some(&dependent) => at = dependent,
                None => break,
            }
        }
        chain
    }

    /// Follows the tasks in an order in which dependencies come first, if there is one.
    ///
    /// # Errors
    /// [`Error::Cycle`], with the cycle.
    pub fn check_acyclic(&self) -> Result<()> {
        let n = self.n_tasks();
        let (dependencies, dependents) = (self.dependencies(), self.dependents());
        let mut missing: Vec<u32> = (0..n as u32).map(|t| dependencies.of(t).len() as u32).collect();
        let mut ready: Vec<u32> = (0..n as u32).filter(|&t| missing[t as usize] == 0).collect();
        let mut done = 0;
        while let Some(task) = ready.pop() {
            done += 1;
            for &dependent in dependents.of(task) {
                missing[dependent as usize] -= 1;
                if missing[dependent as usize] == 0 {
                    ready.push(dependent);
                }
            }
        }
        if done == n { Ok(()) } else { Err(self.cycle(&missing)) }
    }

    /// Walks back along dependencies that are still missing until a task comes again.
    fn cycle(&self, missing: &[u32]) -> Error {
        let stuck = |t: &u32| missing[*t as usize] != 0;
        let mut seen_at = vec![u32::MAX; self.n_tasks()];
        let mut path: Vec<u32> = Vec::new();
        let mut at = (0..self.n_tasks() as u32).find(|t| stuck(t));
        while let Some(task) = at {
            if seen_at[task as usize] != u32::MAX {
                path.drain(..seen_at[task as usize] as usize);
                break;
            }
            seen_at[task as usize] = path.len() as u32;
            path.push(task);
            at = self.dependencies.of(task).iter().copied().find(|t| stuck(t));
        }
        Error::Cycle { keys: path.into_iter().map(|t| self.key(TaskId(t))).collect() }
    }
}

/// Collects tasks into a [`Graph`].
#[derive(Default)]
pub struct GraphBuilder {
    dependencies: CsrBuf,
    function_of: Vec<u32>,
    functions: Vec<Arc<dyn TaskFn>>,
    layer_of: Vec<u32>,
    position: Vec<u32>,
    layers: Vec<GraphLayer>,
}

impl GraphBuilder {
    /// Room for `n_tasks` tasks and `n_edges` edges.
    pub fn with_capacity(n_tasks: usize, n_edges: usize) -> Self {
        Self {
            dependencies: CsrBuf::with_capacity(n_tasks, n_edges),
            function_of: Vec::with_capacity(n_tasks),
            layer_of: Vec::with_capacity(n_tasks),
            position: Vec::with_capacity(n_tasks),
            ..Self::default()
        }
    }

    /// Starts a layer: the tasks pushed from now on belong to it.
    pub fn begin_layer(&mut self, name: Name, shape: &[u32], is_source: bool) {
        self.layers.push(GraphLayer { name, shape: shape.to_vec(), is_source });
    }

    /// Adds a function that tasks can run.
    pub fn add_function(&mut self, function: Arc<dyn TaskFn>) -> u32 {
        self.functions.push(function);
        self.functions.len() as u32 - 1
    }

    /// Adds a task of the current layer: its number in the layer, its function, its dependencies (which may come later).
    #[inline]
    pub fn push_task(&mut self, position: u32, function: u32, dependencies: impl IntoIterator<Item = u32>) -> TaskId {
        let task = TaskId(self.function_of.len() as u32);
        for dependency in dependencies {
            self.dependencies.push_edge(dependency);
        }
        self.dependencies.end_task();
        self.function_of.push(function);
        self.layer_of.push(self.layers.len() as u32 - 1);
        self.position.push(position);
        task
    }

    /// The graph, with edges both ways.
    pub fn finish(self) -> Graph {
        Graph {
            dependents: self.dependencies.view().transposed(),
            dependencies: self.dependencies,
            function_of: self.function_of,
            functions: self.functions,
            layer_of: self.layer_of,
            position: self.position,
            layers: self.layers,
        }
    }
}

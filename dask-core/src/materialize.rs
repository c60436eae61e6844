//! Layers to tasks, last of all, and only those that an output needs.

use crate::error::{Error, Result};
use crate::graph::{Graph, GraphBuilder, TaskId};
use crate::key::{Index, Key};
use crate::layer::{LayerGraph, SELF, ravel, unravel};
use crate::order::order;

/// A graph ready to run: its outputs, and in which order tasks are best started.
pub struct Plan {
    /// The tasks that the outputs need.
    pub graph: Graph,
    /// The tasks of the outputs, in the order asked for; one asked for twice stands there twice.
    pub outputs: Vec<TaskId>,
    /// Rank of each task: of those ready, the lowest runs first. Every task comes after its dependencies.
    pub priority: Vec<u32>,
}

impl Plan {
    /// Materializes what `outputs` need and orders it.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::Cycle`], [`Error::TooLarge`].
    pub fn new(layers: &LayerGraph, outputs: &[Key]) -> Result<Self> {
        let wanted = Wanted::mark(layers, outputs)?;
        let graph = wanted.materialize(layers);
        let outputs = outputs.iter().map(|key| wanted.id_of(layers, key)).collect::<Result<_>>()?;
        let Some(priority) = order(graph.dependencies(), graph.dependents()) else {
            graph.check_acyclic()?;
            return Err(Error::Cycle { keys: Vec::new() });
        };
        Ok(Self { graph, outputs, priority })
    }
}

/// Which tasks of which layers are wanted, and the ids they get.
struct Wanted {
    /// A flag a task, one list a layer; empty if the layer is not wanted at all.
    tasks: Vec<Vec<bool>>,
    /// First id of each layer.
    base: Vec<u32>,
    /// For layers wanted in part: ids of their tasks. Empty if wanted whole.
    ids: Vec<Vec<u32>>,
    n_tasks: usize,
    n_edges: usize,
}

impl Wanted {
    /// Walks from the outputs back.
    fn mark(layers: &LayerGraph, outputs: &[Key]) -> Result<Self> {
        let entries = layers.layers();
        let total = layers.n_tasks();
        if total >= u64::from(u32::MAX) {
            return Err(Error::TooLarge { what: "tasks", count: total });
        }
        let mut tasks: Vec<Vec<bool>> = vec![Vec::new(); entries.len()];
        let ask = |tasks: &mut Vec<Vec<bool>>, layer: usize, task: u32| {
            if tasks[layer].is_empty() {
                tasks[layer] = vec![false; entries[layer].layer.n_tasks() as usize];
            }
            !std::mem::replace(&mut tasks[layer][task as usize], true)
        };
        for key in outputs {
            let (layer, task) = locate(layers, key)?;
            ask(&mut tasks, layer, task);
        }
        let (mut edges, mut n_edges) = (Vec::new(), 0);
        let mut pending: Vec<u32> = Vec::new();
        // Layers stand after their inputs, so that walking back meets every layer after all who want it. Within a
        // layer, what its own tasks ask for joins the list of those still to visit.
        for (layer, entry) in entries.iter().enumerate().rev() {
            pending.extend((0..tasks[layer].len() as u32).filter(|&task| tasks[layer][task as usize]));
            while let Some(task) = pending.pop() {
                edges.clear();
                entry.layer.dependencies(task, &mut edges);
                n_edges += edges.len();
                for &(input, dependency) in &edges {
                    let at = if input == SELF { layer } else { entry.inputs[input as usize] as usize };
                    if u64::from(dependency) >= entries[at].layer.n_tasks() {
                        return Err(missing_block(layers, layer, task, at, dependency));
                    }
                    if ask(&mut tasks, at, dependency) && input == SELF {
                        pending.push(dependency);
                    }
                }
            }
        }
        if n_edges >= u32::MAX as usize {
            return Err(Error::TooLarge { what: "dependencies", count: n_edges as u64 });
        }
        Ok(Self::number(tasks, n_edges))
    }

    fn number(tasks: Vec<Vec<bool>>, n_edges: usize) -> Self {
        let (mut base, mut ids, mut next) = (Vec::with_capacity(tasks.len()), Vec::with_capacity(tasks.len()), 0u32);
        for wanted in &tasks {
            base.push(next);
            if wanted.iter().all(|&w| w) {
                next += wanted.len() as u32;
                ids.push(Vec::new());
            } else {
                ids.push(
                    wanted
                        .iter()
                        .map(|&w| {
                            next += u32::from(w);
                            next.wrapping_sub(1)
                        })
                        .collect(),
                );
            }
        }
        Self { tasks, base, ids, n_tasks: next as usize, n_edges }
    }

    fn id(&self, layer: usize, task: u32) -> u32 {
        self.ids[layer].get(task as usize).copied().unwrap_or(self.base[layer] + task)
    }

    fn id_of(&self, layers: &LayerGraph, key: &Key) -> Result<TaskId> {
        let (layer, task) = locate(layers, key)?;
        Ok(TaskId(self.id(layer, task)))
    }

    fn materialize(&self, layers: &LayerGraph) -> Graph {
        let mut builder = GraphBuilder::with_capacity(self.n_tasks, self.n_edges);
        let mut edges = Vec::new();
        for (at, entry) in layers.layers().iter().enumerate() {
            let layer = &*entry.layer;
            let mut function = None;
            for (task, _) in self.tasks[at].iter().enumerate().filter(|(_, wanted)| **wanted) {
                let task = task as u32;
                if function.is_none() {
                    builder.begin_layer(layer.name().clone(), layer.shape(), layer.is_source());
                }
                let function = match function {
                    Some(function) if layer.is_uniform() => function,
                    _ => *function.insert(builder.add_function(layer.function(task).clone())),
                };
                edges.clear();
                layer.dependencies(task, &mut edges);
                builder.push_task(
                    task,
                    function,
                    edges.iter().map(|&(input, dependency)| {
                        let from = if input == SELF { at } else { entry.inputs[input as usize] as usize };
                        self.id(from, dependency)
                    }),
                );
            }
        }
        builder.finish()
    }
}

fn locate(layers: &LayerGraph, key: &Key) -> Result<(usize, u32)> {
    let found = layers.find(key.name()).and_then(|layer| {
        let task = ravel(key.index(), layers.layers()[layer as usize].layer.shape())?;
        Some((layer as usize, task))
    });
    found.ok_or_else(|| Error::UnknownKey { key: Box::new(key.clone()), wanted_by: None })
}

fn missing_block(layers: &LayerGraph, layer: usize, task: u32, at: usize, dependency: u32) -> Error {
    let key = |layer: usize, task: u32| {
        let layer = &layers.layers()[layer].layer;
        let mut index = Index::new();
        unravel(task, layer.shape(), &mut index);
        layer.name().at(&index)
    };
    let name = layers.layers()[at].layer.name().at(&[dependency]);
    Error::UnknownKey { key: Box::new(name), wanted_by: Some(Box::new(key(layer, task))) }
}

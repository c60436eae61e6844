//! A layer while it is being fused: functions, and which blocks of which layers they read.

use std::any::Any;
use std::sync::Arc;

use smallvec::SmallVec;

use super::fused::{Fused, Step};
use crate::key::{Index, Name};
use crate::layer::{Axis, BlockInput, Blockwise, LayerEntry, LayerGraph, SELF, unravel};
use crate::task::TaskFn;

pub(super) type Axes = SmallVec<[Axis; 4]>;

/// What a function of a draft reads.
#[derive(Clone, Copy)]
enum Read {
    /// Blocks of a layer: a position in the draft's list.
    Input(usize),
    /// The result of an earlier step.
    Step(usize),
}

struct DraftStep {
    layer: Name,
    function: Arc<dyn TaskFn>,
    reads: SmallVec<[Read; 2]>,
    index: Axes,
}

/// A layer taken apart.
pub(super) struct Draft {
    name: Name,
    shape: SmallVec<[u32; 4]>,
    /// The layers that are read, by their position in the graph, and which blocks of them; each combination once.
    inputs: Vec<(u32, Axes)>,
    steps: Vec<DraftStep>,
    is_source: bool,
}

impl Draft {
    /// Takes apart a blockwise layer, or one of a single task; no other. A value that is elsewhere stays a task of its
    /// own, which is known there by its key.
    pub(super) fn new(entry: &LayerEntry, graph: &LayerGraph) -> Option<Self> {
        let layer: &dyn Any = &*entry.layer;
        if entry.layer.n_tasks() == 1 && entry.inputs.len() > READS_MAX {
            return None;
        }
        let (reads, function): (Vec<(u32, Axes)>, _) = if let Some(blockwise) = layer.downcast_ref::<Blockwise>() {
            let inputs = blockwise.block_inputs().iter().zip(&entry.inputs);
            (inputs.map(|(input, &at)| (at, input.axes.clone())).collect(), blockwise.shared_function().clone())
        } else if entry.layer.n_tasks() == 1 && !is_elsewhere(entry) {
            (single_task_reads(entry, graph)?, entry.layer.function(0).clone())
        } else {
            return None;
        };
        let mut inputs = Vec::with_capacity(reads.len());
        let reads = reads.into_iter().map(|read| Read::Input(position_or_push(&mut inputs, read))).collect();
        let index = (0..entry.layer.shape().len()).map(|axis| Axis::Out(axis as u8)).collect();
        Some(Self {
            name: entry.layer.name().clone(),
            shape: entry.layer.shape().into(),
            inputs,
            steps: vec![DraftStep { layer: entry.layer.name().clone(), function, reads, index }],
            is_source: entry.layer.is_source(),
        })
    }

    /// The layers it reads, by position; one that is read in two ways stands there twice.
    pub(super) fn inputs(&self) -> impl Iterator<Item = u32> {
        self.inputs.iter().map(|(at, _)| *at)
    }

    /// The way in which the layer at `at` is read, if it is the same wherever it is read.
    pub(super) fn only_axes(&self, at: u32) -> Option<Axes> {
        let mut ways = self.inputs.iter().filter(|(input, _)| *input == at);
        let (_, axes) = ways.next()?;
        ways.next().is_none().then(|| axes.clone())
    }

    /// Whether no block found by `axes` is read by two tasks: every axis of the output that is longer than 1 appears.
    pub(super) fn is_one_to_one(&self, axes: &Axes) -> bool {
        !axes.contains(&Axis::All)
            && (0..self.shape.len()).all(|axis| self.shape[axis] <= 1 || axes.contains(&Axis::Out(axis as u8)))
    }

    /// How many tasks it has.
    pub(super) fn n_tasks(&self) -> u64 {
        self.shape.iter().map(|&n| u64::from(n)).product()
    }

    /// Puts the steps of `producer`, the layer at `at`, before its own; `axes` says which of its blocks are read.
    pub(super) fn absorb(&mut self, at: u32, axes: &Axes, mut producer: Self) {
        let same = axes.len() == self.shape.len() && (0..axes.len()).all(|axis| axes[axis] == Axis::Out(axis as u8));
        if !same {
            producer.inputs.iter_mut().for_each(|(_, inner)| *inner = compose(inner, axes));
            producer.steps.iter_mut().for_each(|step| step.index = compose(&step.index, axes));
        }
        let (shift, result) = (producer.steps.len(), Read::Step(producer.steps.len() - 1));
        let own = std::mem::replace(&mut self.inputs, producer.inputs);
        let moved: Vec<Read> = own
            .into_iter()
            .map(|input| if input.0 == at { result } else { Read::Input(position_or_push(&mut self.inputs, input)) })
            .collect();
        let own = std::mem::replace(&mut self.steps, producer.steps);
        self.steps.extend(own.into_iter().map(|mut step| {
            for read in &mut step.reads {
                *read = match *read {
                    Read::Step(earlier) => Read::Step(earlier + shift),
                    Read::Input(input) => moved[input],
                };
            }
            step
        }));
        self.is_source |= producer.is_source;
    }

    /// The layer again, and the positions of its inputs; `graph` is the one that positions count in.
    pub(super) fn finish(self, graph: &LayerGraph) -> LayerEntry {
        let mut first_slot = Vec::with_capacity(self.inputs.len() + 1);
        let mut n_inputs = 0u32;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (at, axes) in &self.inputs {
            let layer = &graph.layers()[*at as usize].layer;
            first_slot.push(n_inputs);
            let all = axes.iter().zip(layer.shape()).filter(|(axis, _)| **axis == Axis::All);
            n_inputs += all.map(|(_, &n)| n).product::<u32>();
            inputs.push(BlockInput { name: layer.name().clone(), shape: layer.shape().into(), axes: axes.clone() });
        }
        first_slot.push(n_inputs);
        let steps = self.steps.into_iter().map(|step| {
            let slots = step.reads.iter().flat_map(|read| match *read {
                Read::Step(earlier) => n_inputs + earlier as u32..n_inputs + earlier as u32 + 1,
                Read::Input(input) => first_slot[input]..first_slot[input + 1],
            });
            Step { slots: slots.collect(), layer: step.layer.what().into(), function: step.function, index: step.index }
        });
        let function = Arc::new(Fused::new(n_inputs, steps.collect()));
        let layer = Blockwise::new(self.name, &self.shape, inputs, function).with_source(self.is_source);
        LayerEntry { layer: Arc::new(layer), inputs: self.inputs.into_iter().map(|(at, _)| at).collect() }
    }
}

fn is_elsewhere(entry: &LayerEntry) -> bool {
    entry.layer.function(0).constant().is_some_and(|value| value.as_remote().is_some())
}

fn position_or_push(inputs: &mut Vec<(u32, Axes)>, input: (u32, Axes)) -> usize {
    inputs.iter().position(|known| *known == input).unwrap_or_else(|| {
        inputs.push(input);
        inputs.len() - 1
    })
}

/// A single task that reads more than this is left alone: it collects rather than continues.
const READS_MAX: usize = 64;

/// The reads of a layer with a single task, unless it reads itself.
fn single_task_reads(entry: &LayerEntry, graph: &LayerGraph) -> Option<Vec<(u32, Axes)>> {
    let (mut edges, mut index) = (Vec::new(), Index::new());
    entry.layer.dependencies(0, &mut edges);
    if edges.len() > READS_MAX {
        return None;
    }
    edges
        .into_iter()
        .map(|(input, task)| {
            let at = if input == SELF { None } else { entry.inputs.get(input as usize) };
            let at = *at?;
            unravel(task, graph.layers()[at as usize].layer.shape(), &mut index);
            Some((at, index.iter().map(|&i| Axis::At(i)).collect()))
        })
        .collect()
}

/// First `outer`, then `inner`.
fn compose(inner: &Axes, outer: &Axes) -> Axes {
    inner.iter().map(|&axis| if let Axis::Out(o) = axis { outer[o as usize] } else { axis }).collect()
}

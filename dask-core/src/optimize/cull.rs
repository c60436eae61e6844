//! Drops layers that no output needs.

use crate::key::Key;
use crate::layer::{LayerEntry, LayerGraph};

/// The layers behind `outputs`, in the same order.
pub fn cull(graph: &LayerGraph, outputs: &[Key]) -> LayerGraph {
    let mut wanted = wanted_by(graph, outputs);
    for at in (0..wanted.len()).rev() {
        if wanted[at] {
            graph.layers()[at].inputs.iter().for_each(|&input| wanted[input as usize] = true);
        }
    }
    if wanted.iter().all(|&w| w) {
        graph.clone()
    } else {
        keep(graph, |at| wanted[at].then(|| graph.layers()[at].clone()))
    }
}

/// A flag a layer: whether some of its keys are outputs.
pub(super) fn wanted_by(graph: &LayerGraph, outputs: &[Key]) -> Vec<bool> {
    let mut wanted = vec![false; graph.layers().len()];
    let mut last = None;
    for key in outputs {
        if last == Some(key.name()) {
            continue;
        }
        last = Some(key.name());
        if let Some(at) = graph.find(key.name()) {
            wanted[at as usize] = true;
        }
    }
    wanted
}

/// A graph of what `keep` returns for each position; inputs are still given by their old positions.
pub(super) fn keep(graph: &LayerGraph, mut keep: impl FnMut(usize) -> Option<LayerEntry>) -> LayerGraph {
    let mut moved = vec![u32::MAX; graph.layers().len()];
    let mut kept = LayerGraph::default();
    for at in 0..moved.len() {
        if let Some(mut entry) = keep(at) {
            entry.inputs.iter_mut().for_each(|input| *input = moved[*input as usize]);
            moved[at] = kept.push(entry);
        }
    }
    kept
}

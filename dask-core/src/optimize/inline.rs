//! Moves small constants into the functions that use them.

use super::cull::{cull, keep};
use super::draft::Draft;
use crate::key::Key;
use crate::layer::{LayerEntry, LayerGraph};

/// Larger constants stay tasks: copies of the function would carry them to every worker.
const NBYTES_MAX: usize = 1024;

/// Every blockwise layer that reads a small constant gets it as part of its function.
pub fn inline(graph: &LayerGraph, outputs: &[Key]) -> LayerGraph {
    let constant: Vec<bool> = graph.layers().iter().map(is_small_constant).collect();
    if !constant.contains(&true) {
        return graph.clone();
    }
    let inlined = keep(graph, |at| {
        let entry = &graph.layers()[at];
        if constant[at] || !entry.inputs.iter().any(|&input| constant[input as usize]) {
            return Some(entry.clone());
        }
        let Some(mut draft) = Draft::new(entry, graph) else { return Some(entry.clone()) };
        for input in draft.inputs().filter(|&input| constant[input as usize]).collect::<Vec<_>>() {
            if let (Some(axes), Some(producer)) =
                (draft.only_axes(input), Draft::new(&graph.layers()[input as usize], graph))
            {
                draft.absorb(input, &axes, producer);
            }
        }
        Some(draft.finish(graph))
    });
    cull(&inlined, outputs)
}

fn is_small_constant(entry: &LayerEntry) -> bool {
    entry.layer.n_tasks() == 1
        && entry.inputs.is_empty()
        && entry
            .layer
            .function(0)
            .constant()
            .is_some_and(|value| value.as_remote().is_none() && value.nbytes() <= NBYTES_MAX)
}

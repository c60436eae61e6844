//! Makes one layer of layers that hand their blocks one to one to a single other layer.
//!
//! Elementwise chains become one task a block: no scheduling between the steps, and each step finds its input unshared,
//! to be changed in place. A producer is taken in if it is no output, nobody else reads it, all reads of it go to the
//! same block, and no block is read by two tasks (nothing is computed twice). Layers with a single task are only
//! fused into chains: two independent producers can run at the same time, and would not if they were one task.
//! Source layers are taken in too, so that reading and the first steps are one task.

use super::cull::{cull, keep, wanted_by};
use super::draft::Draft;
use crate::key::Key;
use crate::layer::LayerGraph;

/// Fuses what can be fused.
pub fn fuse(graph: &LayerGraph, outputs: &[Key]) -> LayerGraph {
    let n = graph.layers().len();
    let is_output = wanted_by(graph, outputs);
    let mut consumers: Vec<Vec<u32>> = vec![Vec::new(); n];
    for (at, entry) in graph.layers().iter().enumerate() {
        for &input in &entry.inputs {
            if consumers[input as usize].last() != Some(&(at as u32)) {
                consumers[input as usize].push(at as u32);
            }
        }
    }
    let mut drafts: Vec<Option<Draft>> = (0..n).map(|_| None).collect();
    let mut absorbed = vec![false; n];
    // Inputs come first, so that what is taken in has taken in its own producers already.
    for at in 0..n {
        let entry = &graph.layers()[at];
        let alone =
            |input: u32, consumers: &[Vec<u32>]| !is_output[input as usize] && consumers[input as usize].len() == 1;
        if !entry.inputs.iter().any(|&input| alone(input, &consumers)) {
            continue;
        }
        let Some(mut draft) = Draft::new(entry, graph) else { continue };
        let mut changed = false;
        'again: loop {
            let inputs: Vec<u32> = draft.inputs().collect();
            if draft.n_tasks() == 1 && inputs.len() > 1 {
                break;
            }
            for &input in &inputs {
                let Some(axes) = draft.only_axes(input).filter(|axes| draft.is_one_to_one(axes)) else { continue };
                if !alone(input, &consumers) {
                    continue;
                }
                let taken = drafts[input as usize].take();
                let Some(producer) = taken.or_else(|| Draft::new(&graph.layers()[input as usize], graph)) else {
                    continue;
                };
                let read_by_producer: Vec<u32> = producer.inputs().collect();
                draft.absorb(input, &axes, producer);
                absorbed[input as usize] = true;
                changed = true;
                for behind in read_by_producer {
                    let readers = &mut consumers[behind as usize];
                    readers.retain(|&reader| reader != input && reader != at as u32);
                    readers.push(at as u32);
                }
                continue 'again;
            }
            break;
        }
        if changed {
            drafts[at] = Some(draft);
        }
    }
    let fused = keep(graph, |at| {
        if absorbed[at] {
            return None;
        }
        Some(drafts[at].take().map_or_else(|| graph.layers()[at].clone(), |draft| draft.finish(graph)))
    });
    cull(&fused, outputs)
}

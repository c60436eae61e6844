//! Layer graphs as bytes: layers stay symbolic on the way, so that a million tasks are a few hundred bytes.
//!
//! Functions do not stand in the bytes but are numbered by whoever encodes; so a cluster's scheduler, which runs
//! none of them, hands them on undecoded, and sends each to a worker once.

use std::any::Any;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Axis, BlockInput, Blockwise, Layer, LayerEntry, LayerGraph, Materialized, Reduce, SELF};
use crate::csr::CsrBuf;
use crate::key::Name;
use crate::task::TaskFn;
use crate::wire::{Decoder, Encoder, WireError};

#[derive(Serialize, Deserialize)]
struct EntryForm {
    name: Name,
    shape: Vec<u32>,
    inputs: Vec<u32>,
    source: bool,
    kind: Kind,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Blockwise { axes: Vec<Vec<Axis>>, function: u32 },
    Reduce { group: Vec<u32>, function: u32 },
    Listed { from: Vec<u32>, starts: Vec<u32>, edges: Vec<u32>, functions: Vec<u32>, function_of: Vec<u32> },
}

/// Writes the layers; `number` gives each function a number.
///
/// # Errors
/// What `number` says.
pub fn encode_layers(
    graph: &LayerGraph,
    out: &mut Encoder,
    mut number: impl FnMut(&Name, &Arc<dyn TaskFn>) -> Result<u32, WireError>,
) -> Result<(), WireError> {
    out.serde(&graph.layers().len())?;
    for entry in graph.layers() {
        let layer: &dyn Any = &*entry.layer;
        let name = entry.layer.name();
        let kind = if let Some(blockwise) = layer.downcast_ref::<Blockwise>() {
            Kind::Blockwise {
                axes: blockwise.block_inputs().iter().map(|input| input.axes.to_vec()).collect(),
                function: number(name, blockwise.shared_function())?,
            }
        } else if let Some(reduce) = layer.downcast_ref::<Reduce>() {
            Kind::Reduce { group: reduce.group().to_vec(), function: number(name, reduce.function(0))? }
        } else {
            listed(&*entry.layer, &mut number)?
        };
        out.serde(&EntryForm {
            name: name.clone(),
            shape: entry.layer.shape().to_vec(),
            inputs: entry.inputs.clone(),
            source: entry.layer.is_source(),
            kind,
        })?;
    }
    Ok(())
}

/// Any layer, task by task.
fn listed(
    layer: &dyn Layer,
    number: &mut impl FnMut(&Name, &Arc<dyn TaskFn>) -> Result<u32, WireError>,
) -> Result<Kind, WireError> {
    let n_tasks = layer.n_tasks() as u32;
    let (mut from, mut edges, mut starts) = (Vec::new(), Vec::new(), vec![0]);
    let (mut functions, mut function_of, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    for task in 0..n_tasks {
        pairs.clear();
        layer.dependencies(task, &mut pairs);
        from.extend(pairs.iter().map(|(input, _)| *input));
        edges.extend(pairs.iter().map(|(_, task)| *task));
        starts.push(edges.len() as u32);
        if !layer.is_uniform() || functions.is_empty() {
            functions.push(number(layer.name(), layer.function(task))?);
        }
        if !layer.is_uniform() {
            function_of.push(task);
        }
    }
    Ok(Kind::Listed { from, starts, edges, functions, function_of })
}

/// Reads what [`encode_layers`] wrote; `function` gives the function of each number.
///
/// # Errors
/// Malformed bytes: whatever would not be a graph.
pub fn decode_layers(
    input: &mut Decoder<'_>,
    mut function: impl FnMut(u32) -> Option<Arc<dyn TaskFn>>,
) -> Result<LayerGraph, WireError> {
    let n: usize = input.serde()?;
    let mut graph = LayerGraph::default();
    for at in 0..n {
        let form: EntryForm = input.serde()?;
        let name = form.name.clone();
        let malformed = |why: &str| WireError::Codec(format!("layer {name}: {why}"));
        if form.inputs.iter().any(|&input| input as usize >= at) {
            return Err(malformed("reads a later layer"));
        }
        if graph.find(&form.name).is_some() {
            return Err(malformed("stands there twice"));
        }
        let n_tasks = form.shape.iter().fold(1u64, |n, &axis| n.saturating_mul(u64::from(axis)));
        if n_tasks >= u64::from(u32::MAX) {
            return Err(malformed("has more tasks than ids"));
        }
        let mut find = |number: u32| function(number).ok_or_else(|| malformed("runs an unknown function"));
        let layer: Arc<dyn Layer> = match form.kind {
            Kind::Blockwise { axes, function } => {
                let inputs = block_inputs(&graph, &form.inputs, axes, form.shape.len()).map_err(malformed)?;
                let layer = Blockwise::new(form.name, &form.shape, inputs, find(function)?);
                Arc::new(layer.with_source(form.source))
            }
            Kind::Reduce { group, function } => {
                let [input] = form.inputs[..] else { return Err(malformed("a reduction reads one layer")) };
                let input = &graph.layers()[input as usize].layer;
                let layer = Reduce::new(form.name, input.name().clone(), input.shape(), &group, find(function)?);
                if group.len() != input.shape().len() || layer.shape() != form.shape {
                    return Err(malformed("the grid does not follow from the input's"));
                }
                Arc::new(layer)
            }
            Kind::Listed { from, starts, edges, functions, function_of } => {
                let inputs: Vec<Name> =
                    form.inputs.iter().map(|&input| graph.layers()[input as usize].layer.name().clone()).collect();
                let known = |&input: &u32| input == SELF || (input as usize) < inputs.len();
                let rows = starts.len() as u64 == n_tasks + 1
                    && starts.first() == Some(&0)
                    && starts.is_sorted()
                    && starts.last().is_some_and(|&end| end as usize == edges.len())
                    && from.len() == edges.len()
                    && from.iter().all(known);
                let n_functions = functions.len() as u32;
                let runs = if function_of.is_empty() {
                    n_functions == 1 || n_tasks == 0
                } else {
                    function_of.len() as u64 == n_tasks && function_of.iter().all(|&f| f < n_functions)
                };
                if !rows || !runs {
                    return Err(malformed("its lists do not fit together"));
                }
                let functions = functions.into_iter().map(find).collect::<Result<_, _>>()?;
                let tasks = CsrBuf::from_parts(starts, edges);
                let layer =
                    Materialized::from_parts(form.name, &form.shape, inputs, from, tasks, functions, function_of);
                Arc::new(layer.with_source(form.source))
            }
        };
        graph.push(LayerEntry { layer, inputs: form.inputs });
    }
    Ok(graph)
}

fn block_inputs(
    graph: &LayerGraph,
    inputs: &[u32],
    axes: Vec<Vec<Axis>>,
    n_axes: usize,
) -> Result<Vec<BlockInput>, &'static str> {
    if axes.len() != inputs.len() {
        return Err("its inputs do not fit together");
    }
    let check = |(axes, &input): (Vec<Axis>, &u32)| {
        let layer = &graph.layers()[input as usize].layer;
        let fits = |axis: &Axis| !matches!(axis, Axis::Out(o) if usize::from(*o) >= n_axes);
        if axes.len() != layer.shape().len() || !axes.iter().all(fits) {
            return Err("an input is read along axes that it does not have");
        }
        Ok(BlockInput { name: layer.name().clone(), shape: layer.shape().into(), axes: axes.into() })
    };
    axes.into_iter().zip(inputs).map(check).collect()
}

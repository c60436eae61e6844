//! Optimized = unoptimized, on random layer graphs.

use std::sync::Arc;

use dask_core::layer::{Axis, BlockInput, Blockwise, Reduce};
use dask_core::optimize::{cull, fuse, inline, optimize};
use dask_core::{Key, LayerGraph, LayerRef, Name};
use proptest::prelude::*;

use crate::run::{Trace, numbers, value};

/// One random layer, by choices.
#[derive(Debug, Clone)]
struct Choice {
    kind: u8,
    inputs: [usize; 3],
    n_inputs: usize,
    axis: u8,
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let choice = (0u8..6, [0usize..64, 0usize..64, 0usize..64], 1usize..4, 0u8..3)
        .prop_map(|(kind, inputs, n_inputs, axis)| Choice { kind, inputs, n_inputs, axis });
    proptest::collection::vec(choice, 1..24)
}

/// A graph of sources, constants, elementwise, broadcasting, transposing, contracting and reducing layers.
fn build(choices: &[Choice]) -> Vec<LayerRef> {
    let mut layers: Vec<LayerRef> = Vec::new();
    for (i, choice) in choices.iter().enumerate() {
        let name = Name::new(&format!("layer{i}"));
        let function = Arc::new(Trace(i as u64));
        let layer = match (choice.kind, layers.is_empty()) {
            (0, _) | (_, true) => LayerRef::new(Blockwise::new(name, &[2, 3], vec![], function), vec![]),
            (1, _) => value(&name.to_string(), i as u64),
            (2, _) => {
                let input = layers[choice.inputs[0] % layers.len()].clone();
                let group = vec![2; input.layer().shape().len()];
                let reduce = Reduce::new(name, input.name().clone(), input.layer().shape(), &group, function);
                LayerRef::new(reduce, vec![input])
            }
            _ => elementwise(name, choice, &layers, function),
        };
        layers.push(layer);
    }
    layers
}

fn elementwise(name: Name, choice: &Choice, layers: &[LayerRef], function: Arc<Trace>) -> LayerRef {
    let inputs: Vec<LayerRef> =
        choice.inputs[..choice.n_inputs].iter().map(|&i| layers[i % layers.len()].clone()).collect();
    let first = inputs[0].layer().shape().to_vec();
    let shape: Vec<u32> = if choice.kind == 3 { first.iter().rev().copied().collect() } else { first };
    let block_inputs = inputs.iter().enumerate().map(|(i, input)| {
        let of = input.layer().shape();
        let rank = of.len();
        let axes = (0..rank).map(|axis| {
            let out = if choice.kind == 3 && i == 0 { rank - 1 - axis } else { axis };
            match choice.axis {
                _ if shape.get(out).is_some_and(|n| *n == of[axis]) && !(choice.axis == 2 && i > 0) => {
                    Axis::Out(out as u8)
                }
                1 => Axis::All,
                _ => Axis::At(of[axis] - 1),
            }
        });
        BlockInput { name: input.name().clone(), shape: of.into(), axes: axes.collect() }
    });
    let layer = Blockwise::new(name, &shape, block_inputs.collect(), function);
    LayerRef::new(layer, inputs)
}

fn outputs(layers: &[LayerRef]) -> (LayerGraph, Vec<Key>) {
    let last = layers.last().unwrap();
    let middle = &layers[layers.len() / 2];
    let keys = last.keys().into_iter().chain(middle.keys().into_iter().take(2)).collect();
    (LayerGraph::new([last, middle]).unwrap(), keys)
}

proptest! {
    #[test]
    fn every_pass_is_a_no_op_on_results(choices in choices()) {
        let (graph, keys) = outputs(&build(&choices));
        let expected = numbers(&graph, &keys).unwrap();
        for pass in [cull, inline, fuse, optimize] {
            let optimized = pass(&graph, &keys);
            prop_assert_eq!(&numbers(&optimized, &keys).unwrap(), &expected);
            prop_assert!(optimized.n_tasks() <= graph.n_tasks());
        }
    }
}

#[test]
fn an_elementwise_chain_becomes_one_task_a_block() {
    let aligned = |layer: &LayerRef| BlockInput::aligned(layer.name().clone(), &[4]);
    let mut last = LayerRef::new(Blockwise::new("x".into(), &[4], vec![], Arc::new(Trace(0))), vec![]);
    let first = last.clone();
    for i in 0..5 {
        // Two reads of one layer, and the source again and again: a diamond.
        let inputs = vec![aligned(&last), aligned(&last), aligned(&first)];
        let layer = Blockwise::new(Name::new(&format!("y{i}")), &[4], inputs, Arc::new(Trace(i)));
        last = LayerRef::new(layer, vec![last.clone(), last, first.clone()]);
    }
    let graph = LayerGraph::new([&last]).unwrap();
    let optimized = optimize(&graph, &last.keys());
    assert_eq!(optimized.n_tasks(), 4);
    assert_eq!(numbers(&optimized, &last.keys()).unwrap(), numbers(&graph, &last.keys()).unwrap());
}

#[test]
fn independent_producers_of_a_single_task_stay_apart() {
    let (a, b) = (value("a", 1), value("b", 2));
    let step = |name: &str, inputs: &[&LayerRef]| {
        let blocks = inputs.iter().map(|input| BlockInput::aligned(input.name().clone(), &[])).collect();
        let layer = Blockwise::new(name.into(), &[], blocks, Arc::new(Trace(7)));
        LayerRef::new(layer, inputs.iter().map(|&input| input.clone()).collect())
    };
    let (left, right) = (step("left", &[&a]), step("right", &[&b]));
    let sum = step("sum", &[&left, &right]);
    let optimized = optimize(&LayerGraph::new([&sum]).unwrap(), &sum.keys());
    // The constants went into the functions, left and right can still run at the same time.
    assert_eq!(optimized.n_tasks(), 3);
}

#[test]
fn what_is_elsewhere_stays_a_task_of_its_own() {
    use dask_core::Value as AnyValue;
    struct Far;
    impl dask_core::Remote for Far {
        fn fetch(&self) -> dask_core::Result<AnyValue> {
            Ok(AnyValue::new(3u64))
        }
        fn nbytes(&self) -> usize {
            8
        }
    }
    // One to one and small: a value that is here would have gone into the function.
    let far = dask_core::layer::Materialized::values("far".into(), &[], [AnyValue::remote(Arc::new(Far))]);
    let input = BlockInput::aligned(far.name().clone(), &[]);
    let next = LayerRef::new(Blockwise::new("next".into(), &[], vec![input], Arc::new(Trace(7))), vec![far]);
    let optimized = optimize(&LayerGraph::new([&next]).unwrap(), &next.keys());
    let kept = optimized.find(&"far".into()).expect("a layer of its own");
    let is_remote = optimized.layers()[kept as usize].layer.function(0).constant().unwrap().as_remote().is_some();
    assert!(is_remote);
    assert_eq!(optimized.n_tasks(), 2);
}

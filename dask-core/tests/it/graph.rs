//! From layers to tasks.

use std::sync::Arc;

use dask_core::layer::{BlockInput, Blockwise, Materialized, Reduce, SELF};
use dask_core::{Error, Key, LayerGraph, LayerRef, Name, Plan};

use crate::run::{Trace, numbers, value};

fn sum_of(n: u32) -> LayerRef {
    let leaves = LayerRef::new(Blockwise::new("leaf".into(), &[n], vec![], Arc::new(Trace(1))), vec![]);
    let mut level = leaves;
    while level.layer().shape()[0] > 1 {
        let name = Name::new(&format!("sum{}", level.layer().shape()[0]));
        let reduce = Reduce::new(name, level.name().clone(), level.layer().shape(), &[4], Arc::new(Trace(2)));
        level = LayerRef::new(reduce, vec![level]);
    }
    level
}

#[test]
fn a_tree_has_a_task_for_each_leaf_and_each_group() {
    let root = sum_of(100);
    let plan = Plan::new(&LayerGraph::new([&root]).unwrap(), &root.keys()).unwrap();
    assert_eq!(plan.graph.n_tasks(), 100 + 25 + 7 + 2 + 1);
    assert_eq!(plan.outputs.len(), 1);
}

#[test]
fn only_what_an_output_needs_becomes_a_task() {
    let source = LayerRef::new(Blockwise::new("x".into(), &[3, 3], vec![], Arc::new(Trace(1))), vec![]);
    let input = BlockInput::aligned("x".into(), &[3, 3]);
    let next = LayerRef::new(Blockwise::new("y".into(), &[3, 3], vec![input], Arc::new(Trace(2))), vec![source]);
    let key: Key = "('y', 2, 1)".parse().unwrap();
    let plan = Plan::new(&LayerGraph::new([&next]).unwrap(), &[key.clone(), key.clone()]).unwrap();
    let mut keys: Vec<String> = plan.graph.tasks().map(|task| plan.graph.key(task).to_string()).collect();
    keys.sort();
    assert_eq!(keys, ["('x', 2, 1)", "('y', 2, 1)"]);
    assert_eq!(plan.outputs[0], plan.outputs[1]);
}

#[test]
fn an_unknown_key_is_named() {
    let graph = LayerGraph::new([&value("x", 1)]).unwrap();
    let error = numbers(&graph, &["y".parse().unwrap()]).unwrap_err();
    assert_eq!(error.to_string(), "no layer makes y");
}

#[test]
fn a_cycle_is_printed() {
    let mut ring = Materialized::uniform("ring".into(), &[4], vec![], Arc::new(Trace(0)));
    for dependency in [1, 2, 3, 1] {
        ring.push_uniform(&[(SELF, dependency)]);
    }
    let ring = LayerRef::new(ring, vec![]);
    let error = numbers(&LayerGraph::new([&ring]).unwrap(), &ring.keys()).unwrap_err();
    assert!(matches!(&error, Error::Cycle { keys } if keys.len() == 3), "{error}");
    assert_eq!(error.to_string(), "the graph has a cycle: ('ring', 1) -> ('ring', 2) -> ('ring', 3) -> ('ring', 1)");
}

#[test]
fn edges_within_a_layer_may_lead_forward() {
    let mut layer = Materialized::uniform("x".into(), &[3], vec![], Arc::new(Trace(5)));
    layer.push_uniform(&[(SELF, 2)]);
    layer.push_uniform(&[]);
    layer.push_uniform(&[(SELF, 1)]);
    let layer = LayerRef::new(layer, vec![]);
    let graph = LayerGraph::new([&layer]).unwrap();
    let plan = Plan::new(&graph, &["('x', 0)".parse().unwrap()]).unwrap();
    assert_eq!(plan.graph.n_tasks(), 3);
    plan.graph.check_acyclic().unwrap();
}

#[test]
fn two_layers_of_one_name_are_refused() {
    let (one, other) = (value("x", 1), value("x", 2));
    let error = LayerGraph::new([&one, &other]).err().unwrap();
    assert!(error.to_string().contains("two different layers are called x"), "{error}");
}

#[test]
fn a_chain_of_many_layers_can_be_built_and_dropped() {
    let mut last = value("x", 0);
    for i in 0..200_000 {
        let input = BlockInput::aligned(last.name().clone(), &[]);
        let layer = Blockwise::new(Name::new(&i.to_string()), &[], vec![input], Arc::new(Trace(i)));
        last = LayerRef::new(layer, vec![last]);
    }
    let graph = LayerGraph::new([&last]).unwrap();
    assert_eq!(graph.n_tasks(), 200_001);
    assert_eq!(dask_core::optimize::optimize(&graph, &last.keys()).n_tasks(), 1);
}

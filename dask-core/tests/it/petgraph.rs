//! What petgraph says of our graphs.

use dask_core::layer::{Materialized, SELF};
use dask_core::{Graph, LayerGraph, LayerRef, Plan, TaskId};
use petgraph::algo::{dominators, is_cyclic_directed, tarjan_scc, toposort};
use petgraph::visit::Reversed;
use proptest::prelude::*;

use crate::run::Trace;

fn graph(needs: &[Vec<u32>]) -> Graph {
    let n = needs.len() as u32;
    let mut layer = Materialized::uniform("task".into(), &[n], vec![], std::sync::Arc::new(Trace(1)));
    for needs in needs {
        layer.push_uniform(&needs.iter().map(|&need| (SELF, need)).collect::<Vec<_>>());
    }
    let layer = LayerRef::new(layer, vec![]);
    Plan::new(&LayerGraph::new([&layer]).unwrap(), &layer.keys()).unwrap().graph
}

proptest! {
    #[test]
    fn its_topological_order_is_one(needs in proptest::collection::vec(proptest::collection::vec(any::<u32>(), 0..4), 1..60)) {
        let earlier = |(i, needs): (usize, &Vec<u32>)| needs.iter().take(i).map(|need| need % i.max(1) as u32).collect();
        let graph = graph(&needs.iter().enumerate().map(earlier).collect::<Vec<Vec<u32>>>());
        let order = toposort(&graph, None).unwrap();
        let place = |task: u32| order.iter().position(|t| t.0 == task).unwrap();
        for task in graph.tasks() {
            prop_assert!(graph.dependencies().of(task.0).iter().all(|&need| place(need) < place(task.0)));
        }
        prop_assert!(!is_cyclic_directed(&graph));
        prop_assert_eq!(tarjan_scc(&graph).len(), graph.n_tasks());
    }
}

#[test]
fn a_diamond_is_dominated_by_its_top() {
    let graph = graph(&[vec![], vec![0], vec![0], vec![1, 2]]);
    let down = dominators::simple_fast(&graph, TaskId(0));
    assert_eq!(down.immediate_dominator(TaskId(3)), Some(TaskId(0)));
    let up = dominators::simple_fast(Reversed(&graph), TaskId(3));
    assert_eq!(up.immediate_dominator(TaskId(0)), Some(TaskId(3)));
}

//! How many values are alive at most in the order of a graph; to be at most Dask's.

use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_core::{LayerGraph, Plan};

use crate::{Options, Outcome};

/// The most values alive before a task, as Dask's `diagnostics` counts; outputs are not counted.
fn pressure(plan: &Plan) -> usize {
    let (dependencies, dependents) = (plan.graph.dependencies(), plan.graph.dependents());
    let mut in_order = vec![0u32; plan.priority.len()];
    (0..).zip(&plan.priority).for_each(|(task, &rank)| in_order[rank as usize] = task);
    let mut uses: Vec<usize> = (0..in_order.len() as u32).map(|task| dependents.of(task).len()).collect();
    let (mut alive, mut most) = (0, 0);
    for task in in_order {
        most = most.max(alive);
        for &dependency in dependencies.of(task) {
            uses[dependency as usize] -= 1;
            alive -= usize::from(uses[dependency as usize] == 0);
        }
        alive += usize::from(!dependents.of(task).is_empty());
    }
    most
}

pub(crate) fn measure(_options: &Options) -> Outcome<Vec<Row>> {
    let graphs = [
        ("chain of 1000", Shape::Chain, 1000, 1.0),
        ("tree of depth 13", Shape::Tree, 1 << 14, 14.0),
        ("stencil 100 wide", Shape::Stencil, 10_000, 198.0),
    ];
    let row = |(name, shape, n, target): (&str, Shape, u32, f64)| {
        let layer = shape.layer(n);
        let plan = Plan::new(&LayerGraph::new([&layer])?, &shape.outputs(&layer))?;
        Ok(Row::cost(format!("order's pressure: {name}"), "", pressure(&plan) as f64).to_reach(target))
    };
    graphs.into_iter().map(row).collect()
}

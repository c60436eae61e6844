//! A graph of a million tasks that is a few layers: what is sent, and when the scheduler has them.

use std::time::Instant;

use dask_benches::rows::Row;
use dask_benches::shapes::Shape;
use dask_benches::timing::{median, rounds};
use dask_core::layer::encode_layers;
use dask_core::wire::Encoder;
use dask_core::{Delayed, LayerGraph};

use crate::{Options, Outcome, two_workers};

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let layer = Shape::Tree.layer(1_000_000);
    let graph = LayerGraph::new([&layer])?;
    let mut out = Encoder::new();
    let mut n_functions = 0;
    encode_layers(&graph, &mut out, |_, _| {
        n_functions += 1;
        Ok(n_functions - 1)
    })?;
    let kilobytes = out.finish("").nbytes() as f64 / 1e3;
    let times = rounds("a million tasks", options.n_repeats, || {
        // A scheduler of its own: the last one is still at work.
        let cluster = two_workers().start()?;
        let client = cluster.client()?;
        let tree = Delayed::<u8>::from_layer(layer.clone());
        let start = Instant::now();
        let computation = client.compute(&tree)?;
        // Answered after the submission: messages are heard in order.
        client.workers().wait()?;
        let seconds = start.elapsed().as_secs_f64();
        drop(computation);
        Ok(seconds)
    })?;
    Ok(vec![
        Row::cost("a million tasks: kilobytes sent", "kB", kilobytes).to_reach(1000.0),
        Row::cost("a million tasks: until the scheduler has them", "s", median(times)).to_reach(0.5),
    ])
}

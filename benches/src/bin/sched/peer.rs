//! Dask's side: the same graphs, built and run by `benches/peers/sched.py`.

use dask_benches::peers;
use dask_benches::shapes::Shape;
use serde::Deserialize;

use crate::ours::Costs;

/// What the script reports.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) versions: serde_json::Value,
    pub(crate) costs: Costs,
}

pub(crate) fn measure(
    python: &str,
    shape: Shape,
    n: u32,
    n_repeats: usize,
) -> Result<Report, Box<dyn std::error::Error>> {
    peers::run(python, "sched.py", &[shape.name().to_owned(), n.to_string(), n_repeats.to_string()])
}

//! Dask's side: the same graphs, built and run by `benches/peers/sched.py`.

use std::path::Path;
use std::process::{Command, Stdio};

use dask_benches::shapes::Shape;
use serde::Deserialize;

use crate::ours::Costs;

/// What the script reports.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) versions: serde_json::Value,
    pub(crate) costs: Costs,
}

/// Runs the script in a process of its own.
pub(crate) fn measure(
    python: &str,
    shape: Shape,
    n: u32,
    n_repeats: usize,
) -> Result<Report, Box<dyn std::error::Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("sched.py");
    let output = Command::new(python)
        .arg(&script)
        .args([shape.name(), &n.to_string(), &n_repeats.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{python} could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{python} {} failed ({})", script.display(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

//! Dask's side: `benches/peers/dist.py`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

/// What the script reports: the same names as ours.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) versions: serde_json::Value,
    pub(crate) measures: BTreeMap<String, f64>,
}

/// Runs the script in a process of its own.
pub(crate) fn measure(python: &str, n: u32, n_repeats: usize) -> Result<Report, Box<dyn std::error::Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("dist.py");
    let output = Command::new(python)
        .arg(&script)
        .args([n.to_string(), n_repeats.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{python} could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{python} {} failed ({})", script.display(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

//! Other systems, measured by Python scripts in `peers/` that report as JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What a script reports.
#[derive(Debug, Deserialize)]
pub struct Report {
    /// Of Python and of what was measured.
    pub versions: serde_json::Value,
    /// Under the names that our side gives them.
    pub measures: BTreeMap<String, f64>,
}

/// Runs `peers/{script}` in a process of its own, and reads what it reports on standard output.
///
/// # Errors
/// If Python cannot be started, or the script fails or reports something else.
pub fn run<T: DeserializeOwned>(python: &str, script: &str, arguments: &[String]) -> Result<T, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let output = Command::new(python)
        .arg(&path)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{python} could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{python} {} failed ({})", path.display(), output.status).into());
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{}: what it reports: {error}", path.display()).into())
}

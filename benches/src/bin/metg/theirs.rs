//! Dask's side: `benches/peers/metg.py`, on the same edges, with the kernel from the same sources.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use dask_benches::peers;
use serde::{Deserialize, Serialize};

use crate::ours::Tasks;
use crate::sweep::Setting;

/// A graph that Dask runs, and with what work.
#[derive(Serialize)]
pub(crate) struct Job<'a> {
    name: String,
    dependencies: &'a [Vec<u32>],
    outputs: &'a [u32],
    /// Where a sweep begins; 0 for empty tasks alone.
    first_iterations: u64,
}

impl<'a> Job<'a> {
    pub(crate) fn new(name: String, tasks: &'a Tasks, first_iterations: u64) -> Self {
        Self { name, dependencies: &tasks.dependencies, outputs: &tasks.outputs, first_iterations }
    }
}

/// What the script reports: for each job and each number of iterations, the seconds of its runs.
#[derive(Deserialize)]
pub(crate) struct Theirs {
    pub(crate) versions: serde_json::Value,
    pub(crate) seconds: BTreeMap<String, Vec<(u64, Vec<f64>)>>,
}

/// The kernel as a library.
fn library() -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let name = format!("{}kernel{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let library = program.parent().unwrap_or(Path::new(".")).join("examples").join(name);
    if library.exists() {
        return Ok(library);
    }
    let how = "cargo build --release -p dask-benches --example kernel";
    Err(format!("{}: not there; make it with `{how}`", library.display()).into())
}

pub(crate) fn run(
    python: &str,
    scheduler: &str,
    setting: Setting,
    n_repeats: usize,
    jobs: &[Job<'_>],
) -> Result<Theirs, Box<dyn Error>> {
    let what = serde_json::json!({
        "library": library()?, "scheduler": scheduler, "n_repeats": n_repeats, "setting": setting, "jobs": jobs,
    });
    std::fs::create_dir_all("target/bench")?;
    let path = Path::new("target/bench/metg-jobs.json");
    std::fs::write(path, what.to_string())?;
    peers::run(python, "metg.py", &[path.display().to_string()])
}

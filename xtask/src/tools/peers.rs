//! A Python environment with the systems that we measure ourselves against, of pinned versions.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{Failure, root, works};

/// The Python of an environment under `target/tools/peers`, made from `benches/peers/requirements.txt` where it is
/// missing or was made from other requirements.
pub(crate) fn peers() -> Result<PathBuf, Failure> {
    let requirements = root().join("benches").join("peers").join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)
        .map_err(|error| Failure(format!("{}: {error}", requirements.display())))?;
    let folder = root().join("target").join("tools").join("peers");
    let python = folder.join("bin").join("python");
    let stamp = folder.join("made-from.txt");
    let is_ready = std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted)
        && works(Command::new(&python).args(["-c", "import dask, distributed, numpy, pandas, pyarrow"]));
    if is_ready {
        return Ok(python);
    }
    eprintln!("xtask: making {} with {}", folder.display(), wanted.trim().replace('\n', ", "));
    if !works(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)) {
        return Err(Failure(
            "no environment with Dask: `python3 -m venv` failed (Debian: apt-get install python3-venv), or give a \
             Python that has Dask with `--python PYTHON`"
                .to_owned(),
        ));
    }
    let output = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements)
        .output()
        .map_err(|error| Failure(format!("no environment with Dask: pip could not be started: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned();
        return Err(Failure(format!(
            "no environment with Dask: pip could not install {} ({last}); look whether the network is there, or give a \
             Python that has Dask with `--python PYTHON`",
            requirements.display()
        )));
    }
    std::fs::write(&stamp, wanted).map_err(|error| Failure(format!("{}: {error}", stamp.display())))?;
    Ok(python)
}

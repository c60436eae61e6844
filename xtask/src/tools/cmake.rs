//! cmake, without which the HDF5 library cannot be built from its sources.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{Failure, root, works};

/// The release of the `cmake` wheel that is fetched where there is no cmake.
const WHEEL: &str = "cmake>=3.26,<4";

/// Makes sure that the command finds a cmake: the one on the path, else the `cmake` wheel from PyPI, put under
/// `target/tools` once.
pub(crate) fn put_cmake_on_path(command: &mut Command) -> Result<(), Failure> {
    if works(Command::new("cmake").arg("--version")) {
        return Ok(());
    }
    let binaries = wheel()?;
    let mut path = vec![binaries];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let joined = std::env::join_paths(path).map_err(|error| Failure(format!("PATH: {error}")))?;
    command.env("PATH", joined);
    Ok(())
}

/// The folder with the wheel's cmake.
fn wheel() -> Result<PathBuf, Failure> {
    let tools = root().join("target").join("tools").join("cmake");
    let binaries = tools.join("bin");
    let ready = || works(Command::new(binaries.join("cmake")).arg("--version"));
    if ready() {
        return Ok(binaries);
    }
    eprintln!("xtask: no cmake on the path; fetching the wheel into {}", tools.display());
    let made = works(Command::new("python3").args(["-m", "venv"]).arg(&tools));
    let installed = made && works(Command::new(binaries.join("pip")).args(["install", "--quiet", WHEEL]));
    if installed && ready() {
        return Ok(binaries);
    }
    let way_out = "HDF5 is built from its sources, which needs cmake, and neither a cmake on the path nor the `cmake` \
                   wheel by python3 and pip could be had: install cmake (Debian: apt-get install cmake), or leave HDF5 \
                   out with `--without hdf5`";
    Err(Failure(way_out.to_owned()))
}

//! cmake, without which the HDF5 library cannot be built from its sources.

use std::path::PathBuf;
use std::process::Command;

use super::hdf5::prepend;
use crate::run::{Failure, root, said, works};

/// What HDF5's `CMakeLists.txt` asks for.
const OLDEST: (u32, u32, u32) = (3, 26, 0);

/// The release of the `cmake` wheel that is fetched where there is no cmake that is new enough.
const WHEEL: &str = "cmake>=3.26,<4";

/// Makes sure that the command finds a cmake that is new enough: the one on the path (or that `CMAKE` names), else the
/// `cmake` wheel from PyPI, put under `target/tools` once.
pub(crate) fn put_cmake_on_path(command: &mut Command) -> Result<(), Failure> {
    let program = std::env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    let there = said(Command::new(&program).arg("--version"));
    let why = match there.as_deref().map(version) {
        Some(version) if super::numbers(version) >= OLDEST => return Ok(()),
        Some(version) => format!("{} is {version}, and HDF5 needs 3.26", program.display()),
        None => "no cmake is on the path".to_owned(),
    };
    let binaries = wheel(&why)?;
    command.env_remove("CMAKE");
    prepend(command, "PATH", binaries)
}

/// The version in what `cmake --version` prints.
fn version(said: &str) -> &str {
    said.lines().next().and_then(|line| line.strip_prefix("cmake version ")).unwrap_or("of unknown version").trim()
}

/// The folder with the wheel's cmake; `why` it is needed.
fn wheel(why: &str) -> Result<PathBuf, Failure> {
    let tools = root().join("target").join("tools").join("cmake");
    let binaries = tools.join("bin");
    let ready = || works(Command::new(binaries.join("cmake")).arg("--version"));
    if ready() {
        return Ok(binaries);
    }
    eprintln!("xtask: {why}; fetching the wheel into {}", tools.display());
    let made = works(Command::new("python3").args(["-m", "venv"]).arg(&tools));
    let installed = made && works(Command::new(binaries.join("pip")).args(["install", "--quiet", WHEEL]));
    if installed && ready() {
        return Ok(binaries);
    }
    Err(Failure(format!(
        "HDF5 is to be built from its sources, but {why}, and the `cmake` wheel could not be had by python3 with venv and \
         pip; do one of these: install the HDF5 library (Debian: apt-get install libhdf5-dev pkg-config), install cmake \
         3.26 or later, install python3 with venv and pip (Debian: apt-get install python3-venv), or leave HDF5 out with \
         `--without hdf5`"
    )))
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, version};
    use crate::tools::numbers;

    #[test]
    fn versions_of_cmake_are_compared_as_numbers() {
        let is_new = |said: &str| numbers(version(said)) >= OLDEST;
        assert!(!is_new("cmake version 3.25.1\n\nCMake suite maintained and supported by Kitware"));
        assert!(!is_new("cmake version 3.9.6"));
        assert!(is_new("cmake version 3.26.0-rc2\n"));
        assert!(is_new("cmake version 4.1.2\n"));
        assert!(!is_new("something else"));
    }
}

//! Commands, and where the workspace is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::tools::Hdf5;

/// What went wrong, in a sentence.
pub(crate) struct Failure(pub(crate) String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

fn cargo_path() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Calls cargo in the workspace, with what the HDF5 library needs if it is part of the build.
pub(crate) fn cargo(arguments: &[&str], hdf5: &Hdf5) -> Result<(), Failure> {
    cargo_with(arguments, hdf5, &[])
}

/// As [`cargo`], with environment variables.
pub(crate) fn cargo_with(arguments: &[&str], hdf5: &Hdf5, environment: &[(&str, &str)]) -> Result<(), Failure> {
    let mut command = Command::new(cargo_path());
    command.args(arguments).current_dir(root()).envs(environment.iter().copied());
    hdf5.prepare(&mut command)?;
    eprintln!("$ cargo {}", arguments.join(" "));
    let status = command.status().map_err(|error| Failure(format!("cargo could not be started: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("cargo {} failed ({status})", arguments.join(" ")))) }
}

/// What cargo prints on standard output.
pub(crate) fn cargo_output(arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let output = Command::new(cargo_path()).args(arguments).current_dir(root()).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(Failure(format!("cargo {} failed ({})", arguments.join(" "), output.status))),
        Err(error) => Err(Failure(format!("cargo could not be started: {error}"))),
    }
}

/// Whether `cargo nextest` is there.
pub(crate) fn has_nextest() -> bool {
    works(Command::new(cargo_path()).args(["nextest", "--version"]))
}

/// Whether a command can be started and succeeds; what it prints is dropped.
pub(crate) fn works(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a command prints on standard output, if it can be started and succeeds.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

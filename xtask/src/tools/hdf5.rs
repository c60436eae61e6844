//! Which HDF5 library a build uses: the system's where it has one that fits, else one built from its sources.
//!
//! `hdf5-metno-sys` finds the system's by `HDF5_DIR` and pkg-config. This looks at what it would find beforehand, so
//! that a library that does not fit is passed over with a line that says why, and not with a panic of a build script.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cmake::put_cmake_on_path;
use crate::run::{Failure, said};

/// The oldest release that the bindings know.
const OLDEST: (u32, u32, u32) = (1, 8, 4);

/// What the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The system's library, else one built from its sources.
    Any,
    /// One built from its sources, whatever the system has.
    Static,
    /// None.
    Without,
}

/// The HDF5 library of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hdf5 {
    /// None: what needs it is left out.
    Without,
    /// The system's, below this folder if the bindings would not find it by themselves.
    System(Option<PathBuf>),
    /// Built from its sources, which needs cmake.
    Static,
}

impl Hdf5 {
    /// Looks at what the system has, and says what is taken.
    ///
    /// # Errors
    /// If `HDF5_DIR` names a library that does not fit: whoever sets it wants that one.
    pub(crate) fn choose(wish: Wish) -> Result<Self, Failure> {
        match wish {
            Wish::Without => Ok(Self::Without),
            Wish::Static => Ok(Self::Static),
            Wish::Any => look(std::env::var_os("HDF5_DIR"), by_pkg_config().into_iter().chain(by_h5cc())),
        }
    }

    /// The feature of a crate that switches this library on.
    pub(crate) fn feature(&self) -> Option<&'static str> {
        match self {
            Self::Without => None,
            Self::System(_) => Some("hdf5"),
            Self::Static => Some("hdf5-static"),
        }
    }

    /// Whether a build with this library can have a feature; `hdf5-static` implies `hdf5`.
    pub(crate) fn allows(&self, feature: &str) -> bool {
        match feature {
            "hdf5" => *self != Self::Without,
            "hdf5-static" => *self == Self::Static,
            _ => true,
        }
    }

    /// Lets a command of cargo find the library, or what it is built with.
    pub(crate) fn prepare(&self, command: &mut Command) -> Result<(), Failure> {
        match self {
            Self::Without | Self::System(None) => Ok(()),
            Self::System(Some(prefix)) => {
                command.env("HDF5_DIR", prefix);
                // Programs are run with it as well, and it may stand where the loader does not look.
                let name = if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
                prepend(command, name, prefix.join("lib"))
            }
            Self::Static => {
                // With it, the bindings would take that library in spite of the feature.
                command.env_remove("HDF5_DIR");
                put_cmake_on_path(command)
            }
        }
    }
}

/// Puts a folder before those that a variable lists.
pub(super) fn prepend(command: &mut Command, variable: &str, folder: PathBuf) -> Result<(), Failure> {
    let others = std::env::var_os(variable).unwrap_or_default();
    let others = std::env::split_paths(&others).filter(|path| !path.as_os_str().is_empty());
    let joined = std::env::join_paths(std::iter::once(folder).chain(others))
        .map_err(|error| Failure(format!("{variable}: {error}")))?;
    command.env(variable, joined);
    Ok(())
}

/// A library that somebody knows of.
struct Found {
    by: &'static str,
    headers: PathBuf,
    /// For the bindings, where they do not ask the one who knows.
    prefix: Option<PathBuf>,
}

/// The library that `HDF5_DIR` names, else the first of the others that fits, else one built from its sources.
fn look(hdf5_dir: Option<OsString>, others: impl IntoIterator<Item = Found>) -> Result<Hdf5, Failure> {
    if let Some(prefix) = hdf5_dir.map(PathBuf::from) {
        let version = version_that_fits(&prefix.join("include")).map_err(|why| {
            Failure(format!("HDF5_DIR is {}: {why}; unset it, or let it name another", prefix.display()))
        })?;
        eprintln!("xtask: HDF5 {version}, which HDF5_DIR names");
        return Ok(Hdf5::System(Some(prefix)));
    }
    let mut reasons = Vec::new();
    for found in others {
        match version_that_fits(&found.headers) {
            Ok(version) => {
                eprintln!("xtask: HDF5 {version} of the system, found by {}", found.by);
                return Ok(Hdf5::System(found.prefix));
            }
            Err(why) => reasons.push(format!("found by {}: {why}", found.by)),
        }
    }
    let why = if reasons.is_empty() {
        "neither pkg-config nor h5cc finds one on this system (Debian: apt-get install libhdf5-dev pkg-config)"
            .to_owned()
    } else {
        reasons.join("; ")
    };
    eprintln!("xtask: HDF5 is built from its sources: {why}");
    Ok(Hdf5::Static)
}

/// On macOS the bindings do not ask pkg-config.
fn by_pkg_config() -> Option<Found> {
    let program = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let mut command = Command::new(program);
    let flags = said(command.args(["--cflags-only-I", "hdf5"]).env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1"))?;
    let headers = headers_of(&flags)?;
    let prefix = if cfg!(target_os = "macos") { Some(headers.parent()?.to_path_buf()) } else { None };
    Some(Found { by: "pkg-config", headers, prefix })
}

/// The first folder of compiler flags that has headers of HDF5.
fn headers_of(flags: &str) -> Option<PathBuf> {
    let folders = flags.split_ascii_whitespace().filter_map(|flag| flag.strip_prefix("-I")).map(PathBuf::from);
    folders.into_iter().find(|folder| header(folder).is_some())
}

/// HDF5's own compiler script stands beside the library that it was installed with.
fn by_h5cc() -> Option<Found> {
    let path = std::env::var_os("PATH")?;
    let folder = std::env::split_paths(&path).find(|folder| folder.join("h5cc").is_file())?;
    let prefix = folder.parent()?.to_path_buf();
    let headers = prefix.join("include");
    header(&headers)?;
    Some(Found { by: "h5cc", headers, prefix: Some(prefix) })
}

/// What HDF5 says of how it was built, where the bindings look for it.
fn header(headers: &Path) -> Option<PathBuf> {
    ["H5pubconf.h", "H5pubconf-64.h"].map(|name| headers.join(name)).into_iter().find(|path| path.is_file())
}

/// The version of the library with these headers, or why it does not fit.
fn version_that_fits(headers: &Path) -> Result<String, String> {
    let path = header(headers).ok_or_else(|| format!("{} has no H5pubconf.h", headers.display()))?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    judge(&text).map_err(|why| format!("{}: {why}", path.display()))
}

/// The version that a `H5pubconf.h` tells, or why the library does not fit.
fn judge(text: &str) -> Result<String, String> {
    let defined = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("#define") && words.next() == Some(name)).then(|| words.next().unwrap_or("1"))
        })
    };
    let version = defined("H5_VERSION").ok_or("it tells no H5_VERSION")?.trim_matches('"');
    if !is_known(version) {
        return Err(format!("release {version}; the bindings know 1.8.4 and later, 1.10, 1.12, 1.14 and 2"));
    }
    if defined("H5_HAVE_FILTER_DEFLATE").is_none_or(|value| value == "0") {
        return Err(format!("release {version} was built without zlib, so that compressed datasets could not be read"));
    }
    if defined("H5_HAVE_PARALLEL").is_some_and(|value| value != "0") {
        return Err(format!("release {version} was built for MPI"));
    }
    Ok(version.to_owned())
}

fn is_known(version: &str) -> bool {
    let numbers = super::numbers(version);
    let known = matches!(numbers, (1, 8 | 10 | 12 | 14, _) | (2, _, _));
    known && numbers >= OLDEST
}

#[cfg(test)]
mod tests;

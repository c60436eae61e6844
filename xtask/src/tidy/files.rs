//! Files are small, and say what they hold.

use std::path::{Path, PathBuf};

use crate::run::{Failure, root};

/// Where a second thing lives in a file.
const LINES_MAX: usize = 800;

/// All files of the workspace, sorted; what is built or hidden is not of it.
pub(super) fn all() -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    collect(&root(), &mut files).map_err(|error| Failure(format!("listing the sources: {error}")))?;
    files.sort();
    Ok(files)
}

/// Those with Rust.
pub(super) fn rust(files: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
}

/// Files that are too long, or do not open with a line about what they hold.
pub(super) fn complaints(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for file in rust(files) {
        let text = std::fs::read_to_string(file).map_err(|error| Failure(format!("{}: {error}", file.display())))?;
        let name = file.strip_prefix(root()).unwrap_or(file).display();
        if text.lines().count() > LINES_MAX {
            complaints.push(format!("{name} has more than {LINES_MAX} lines: two things live in it"));
        }
        if !text.starts_with("//!") {
            complaints.push(format!("{name} does not open with a `//!` line about what it holds"));
        }
    }
    Ok(complaints)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}

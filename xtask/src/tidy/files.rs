//! Files are small, and say what they hold.

use std::path::{Path, PathBuf};

use crate::run::{Failure, root};

/// Where a second thing lives in a file.
const LINES_MAX: usize = 800;

/// Files that are too long, or do not open with a line about what they hold.
pub(crate) fn complaints() -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    collect(&root(), &mut files).map_err(|error| Failure(format!("listing the sources: {error}")))?;
    let mut complaints = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| Failure(format!("{}: {error}", file.display())))?;
        let name = file.strip_prefix(root()).unwrap_or(&file).display();
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
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

//! The map of ARCHITECTURE.md: what it names is there, and the folders that are there are named.

use std::path::{Path, PathBuf};

use super::page;
use crate::run::{Failure, root};

/// Files and folders that the page names and that are not there, and folders of sources that it does not name.
pub(super) fn complaints(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let page = page::read("ARCHITECTURE.md")?;
    let relative = |file: &PathBuf| file.strip_prefix(root()).unwrap_or(file).to_string_lossy().replace('\\', "/");
    Ok(compare(&page, &files.iter().map(relative).collect::<Vec<_>>()))
}

fn compare(page: &str, files: &[String]) -> Vec<String> {
    let named: Vec<&str> = page::quoted(page).filter(|name| name.ends_with(".rs") || name.ends_with('/')).collect();
    let missing = named.iter().filter(|name| !files.iter().any(|file| is_in(name, file)));
    let missing = missing.map(|name| format!("ARCHITECTURE.md names {name}, which is not there"));
    let mut folders: Vec<&str> = files.iter().filter_map(|file| folder(file)).collect();
    folders.dedup();
    let is_named = |folder: &str| named.iter().any(|name| name.split('/').any(|part| part == folder));
    let unnamed = folders
        .into_iter()
        .filter(|folder| !is_named(Path::new(folder).file_name().and_then(|n| n.to_str()).unwrap_or("")));
    missing.chain(unnamed.map(|folder| format!("the map in ARCHITECTURE.md does not name {folder}/"))).collect()
}

/// The module folder right below a crate's sources that a file opens.
fn folder(file: &str) -> Option<&str> {
    let folder = file.strip_suffix("/mod.rs")?;
    let (_, inner) = folder.split_once("/src/")?;
    (!inner.contains('/')).then_some(folder)
}

/// Whether some part of a file's path is the name: its end, or folders on the way.
fn is_in(name: &str, file: &str) -> bool {
    let parts: Vec<&str> = file.split('/').collect();
    let name: Vec<&str> = name.trim_end_matches('/').split('/').collect();
    parts.windows(name.len()).any(|window| window.iter().zip(&name).all(|(part, name)| page::matches(name, part)))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn what_is_named_is_there_and_what_is_there_is_named() {
        let files =
            ["a/src/lib.rs", "a/src/wire/mod.rs", "a/src/wire/codec.rs", "a/src/slot.rs", "a/src/table_read.rs"];
        let files = files.map(str::to_owned);
        assert!(compare("`a/src/`, `wire/`, `wire/codec.rs`, `table_*.rs`, `slot.rs` and `x`", &files).is_empty());
        let found = compare("`threaded/slot.rs`, `wire/`", &files);
        assert_eq!(found, ["ARCHITECTURE.md names threaded/slot.rs, which is not there"]);
        assert_eq!(compare("`slot.rs`", &files), ["the map in ARCHITECTURE.md does not name a/src/wire/"]);
    }
}

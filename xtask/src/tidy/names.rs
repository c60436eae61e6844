//! Names that one place alone may say.

use std::path::PathBuf;

use super::files;
use crate::run::{Failure, root};

/// A name, and the files or folders (ending in `/`) that may say it.
const PLACES: &[(&str, &[&str])] = &[
    ("bincode", &["dask-core/src/wire/codec.rs"]),
    ("TcpListener", &["dask-dist/src/transport/", "dask-dist/src/shell/", "dask-dist/src/dashboard/"]),
    ("TcpStream", &["dask-dist/src/transport/", "dask-dist/src/shell/", "dask-dist/src/dashboard/"]),
];

/// Sources that say a name which is another's; `files` are all of the workspace.
pub(super) fn complaints(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut complaints = Vec::new();
    for file in files::rust(files) {
        let name = file.strip_prefix(root()).unwrap_or(file).to_string_lossy().replace('\\', "/");
        // Not tests and measurements, and not this list.
        if !name.contains("/src/")
            || name.contains("/tests")
            || name.starts_with("xtask/")
            || name.starts_with("benches/")
        {
            continue;
        }
        let text = std::fs::read_to_string(file).map_err(|error| Failure(format!("{name}: {error}")))?;
        complaints.extend(in_file(&name, &text));
    }
    Ok(complaints)
}

fn in_file(file: &str, text: &str) -> Vec<String> {
    let is_theirs = |places: &[&str]| {
        places.iter().any(|&place| file == place || (place.ends_with('/') && file.starts_with(place)))
    };
    let strange = PLACES.iter().filter(|(name, places)| !is_theirs(places) && says(text, name));
    strange.map(|(name, places)| format!("{file} says {name}, which is left to {}", places.join(", "))).collect()
}

/// Whether a name stands in the code, as a word.
fn says(text: &str, name: &str) -> bool {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_')).any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::{PLACES, in_file, says};
    use crate::run::root;

    #[test]
    fn a_name_in_a_strange_place_is_named() {
        assert!(in_file("dask-core/src/wire/codec.rs", "use bincode::x;").is_empty());
        assert!(in_file("dask-core/src/wire/mod.rs", "// bincode\nlet not_bincode = 1;").is_empty());
        let found = in_file("dask-core/src/wire/mod.rs", "bincode::serde::encode()");
        assert_eq!(found, ["dask-core/src/wire/mod.rs says bincode, which is left to dask-core/src/wire/codec.rs"]);
        assert!(in_file("dask-dist/src/transport/tcp.rs", "TcpStream::connect").is_empty());
        assert_eq!(in_file("dask-dist/src/client/mod.rs", "TcpStream::connect").len(), 1);
    }

    #[test]
    fn the_places_of_names_are_there_and_say_them() {
        let file = root().join("dask-core/src/wire/codec.rs");
        assert!(says(&std::fs::read_to_string(file).unwrap(), "bincode"));
        for place in PLACES.iter().flat_map(|(_, places)| *places) {
            assert!(root().join(place).exists(), "{place}");
        }
    }
}

//! Which crate of the workspace may depend on which.

use serde_json::Value;

use crate::run::{Failure, cargo_output};

/// As in ARCHITECTURE.md: a crate, what it depends on, what it may depend on by a feature.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("dask-core", &[], &[]),
    ("dask-sched", &["dask-core"], &[]),
    ("dask-bag", &["dask-core"], &["dask-sched"]),
    ("dask-array", &["dask-core"], &["dask-sched"]),
    ("dask-frame", &["dask-core"], &["dask-sched", "dask-bag", "dask-array"]),
    ("dask-io", &["dask-core"], &["dask-bag", "dask-array", "dask-frame"]),
    ("dask-dist", &["dask-core", "dask-sched"], &["dask-bag", "dask-array", "dask-frame", "dask-io"]),
    ("dask-benches", &["dask-core", "dask-sched", "dask-bag", "dask-array", "dask-frame", "dask-io", "dask-dist"], &[]),
    ("xtask", &[], &[]),
];

/// Arrows that the table does not have, and default features that an inner crate asks for.
pub(crate) fn complaints() -> Result<Vec<String>, Failure> {
    let metadata: Value = serde_json::from_slice(&cargo_output(&["metadata", "--no-deps", "--format-version", "1"])?)
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    let mut complaints = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, always, by_feature)) = ARROWS.iter().find(|(known, _, _)| *known == name) else {
            complaints
                .push(format!("{name} is not in the table of crates (xtask/src/tidy/arrows.rs, ARCHITECTURE.md)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            if !ARROWS.iter().any(|(known, _, _)| *known == to) || dependency["kind"] == "dev" {
                continue;
            }
            let optional = dependency["optional"] == true;
            let allowed = always.contains(&to) || (optional && by_feature.contains(&to));
            if !allowed {
                complaints.push(format!("{name} must not depend on {to}: see the table of arrows in ARCHITECTURE.md"));
            }
            if dependency["uses_default_features"] == true {
                complaints.push(format!("{name} asks for the default features of {to}: write `workspace = true` only"));
            }
        }
    }
    Ok(complaints)
}

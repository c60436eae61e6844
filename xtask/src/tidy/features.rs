//! Every feature of every crate builds alone: a build of the whole workspace hides a missing `cfg`.

use serde_json::Value;

use crate::run::{Failure, cargo, cargo_output};

/// Checks each feature of each crate by itself, and each crate without any.
pub(crate) fn features(hdf5: bool) -> Result<(), Failure> {
    let metadata: Value = serde_json::from_slice(&cargo_output(&["metadata", "--no-deps", "--format-version", "1"])?)
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let features = package["features"].as_object().into_iter().flatten().map(|(feature, _)| feature.as_str());
        let features: Vec<&str> =
            features.filter(|&feature| feature != "default" && (hdf5 || feature != "hdf5")).collect();
        cargo(&["check", "--quiet", "-p", name, "--no-default-features"], hdf5)?;
        for feature in features {
            cargo(&["check", "--quiet", "-p", name, "--no-default-features", "--features", feature], hdf5)?;
        }
    }
    Ok(())
}

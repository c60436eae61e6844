//! Every feature of every crate builds alone: a build of the whole workspace hides a missing `cfg`.

use serde_json::Value;

use crate::run::{Failure, cargo, cargo_output};
use crate::tools::Hdf5;

/// Checks each feature of each crate by itself, and each crate without any.
pub(crate) fn features(hdf5: &Hdf5) -> Result<(), Failure> {
    for package in packages()? {
        let name = &package.name;
        let alone = ["check", "--quiet", "-p", name, "--no-default-features"];
        cargo(&alone, &Hdf5::Without)?;
        for feature in package.features.iter().filter(|feature| hdf5.allows(feature)) {
            // Alone, `hdf5` wants the system's library.
            let feature = if feature == "hdf5" { hdf5.feature().unwrap_or(feature) } else { feature };
            cargo(&[&alone[..], &["--features", feature]].concat(), hdf5)?;
        }
    }
    Ok(())
}

/// All features of all crates that a build with this HDF5 library can have, as cargo wants them.
pub(crate) fn all_features(hdf5: &Hdf5) -> Result<String, Failure> {
    let all = packages()?.into_iter().flat_map(|package| {
        let features = package.features.into_iter().filter(|feature| hdf5.allows(feature));
        features.map(move |feature| format!("{}/{feature}", package.name))
    });
    Ok(all.collect::<Vec<_>>().join(","))
}

struct Package {
    name: String,
    /// Without `default`.
    features: Vec<String>,
}

fn packages() -> Result<Vec<Package>, Failure> {
    let metadata: Value = serde_json::from_slice(&cargo_output(&["metadata", "--no-deps", "--format-version", "1"])?)
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    let package = |package: &Value| Package {
        name: package["name"].as_str().unwrap_or_default().to_owned(),
        features: package["features"]
            .as_object()
            .into_iter()
            .flat_map(|features| features.keys().filter(|&feature| feature != "default").cloned())
            .collect(),
    };
    Ok(metadata["packages"].as_array().into_iter().flatten().map(package).collect())
}

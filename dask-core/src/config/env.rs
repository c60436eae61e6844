//! The environment: `DASK_A__B_C=v` is `a.b-c = v`.

use std::ffi::OsString;

use super::merge::{Origin, Settings};

/// Variables of ours that are no configuration.
const OTHERS: [&str; 1] = ["DASK_CONFIG"];

pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>, settings: &mut Settings) {
    for (name, value) in variables {
        let (Some(name), value) = (name.to_str(), value.to_string_lossy()) else { continue };
        let Some(key) = name.strip_prefix("DASK_") else { continue };
        // An empty variable is how a shell says that there is none.
        if OTHERS.contains(&name) || name.starts_with("DASK_DIST_") || value.is_empty() {
            continue;
        }
        settings.insert(&key.replace("__", "."), value.into_owned(), Origin::Environment(name.to_owned()));
    }
}

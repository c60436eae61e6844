//! YAML files. One that cannot be read is told and passed over: a bad file must not stop a program that does not need it.

use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use super::merge::{Origin, Settings};

pub(super) fn read(settings: &mut Settings) {
    let folders = match std::env::var_os("DASK_CONFIG").filter(|path| !path.is_empty()) {
        Some(path) => vec![PathBuf::from(path)],
        None => {
            let home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
            let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
            std::iter::once(PathBuf::from("/etc/dask")).chain(home.map(|home| home.join("dask"))).collect()
        }
    };
    for path in folders.iter().flat_map(|path| files(path)) {
        if let Err(why) = read_file(&path, settings) {
            eprintln!("dask: configuration {} is passed over: {why}", path.display());
        }
    }
}

/// The YAML files of a folder, by name; or the file itself.
fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return if path.exists() { vec![path.to_owned()] } else { Vec::new() };
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let mut files: Vec<PathBuf> = entries.filter(is_yaml).collect();
    files.sort();
    files
}

fn read_file(path: &Path, settings: &mut Settings) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let documents = YamlLoader::load_from_str(&text).map_err(|error| error.to_string())?;
    documents.iter().try_for_each(|document| flatten("", document, path, settings))
}

/// `{a: {b: 1}}` is `a.b = 1`.
pub(super) fn flatten(prefix: &str, node: &Yaml, path: &Path, settings: &mut Settings) -> Result<(), String> {
    let value = match node {
        Yaml::Hash(entries) => {
            for (key, value) in entries {
                let key = scalar(key).ok_or_else(|| format!("a key below {prefix:?} is no text"))?;
                let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                flatten(&key, value, path, settings)?;
            }
            return Ok(());
        }
        Yaml::Null | Yaml::BadValue => return Ok(()),
        Yaml::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(scalar).collect();
            items.ok_or_else(|| format!("the list {prefix} holds more than numbers and texts"))?.join(",")
        }
        other => scalar(other).ok_or_else(|| format!("{prefix} is neither a number nor a text"))?,
    };
    if prefix.is_empty() {
        return Err("expected names with values, such as `scheduler: threads`".to_owned());
    }
    settings.insert(prefix, value, Origin::File(path.to_owned()));
    Ok(())
}

fn scalar(node: &Yaml) -> Option<String> {
    match node {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

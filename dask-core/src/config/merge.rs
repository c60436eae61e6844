//! Values by key, with where they come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::keys;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table of known keys.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// The program.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "the environment ({name})"),
            Self::Program => f.write_str("the program"),
        }
    }
}

/// A value as text, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// As it was written.
    pub value: String,
    /// Where.
    pub origin: Origin,
}

/// Values by normal key.
#[derive(Debug, Default)]
pub(crate) struct Settings(BTreeMap<String, Setting>);

impl Settings {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn of_program<K: AsRef<str>, V: ToString>(values: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut settings = Self::new();
        for (key, value) in values {
            settings.insert(key.as_ref(), value.to_string(), Origin::Program);
        }
        settings
    }

    pub(super) fn get(&self, key: &str) -> Option<Setting> {
        self.0.get(key).cloned()
    }

    pub(super) fn insert(&mut self, key: &str, value: String, origin: Origin) {
        self.0.insert(normal(key), Setting { value, origin });
    }

    /// The other's values win.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// A warning for each key that is not known.
    pub(super) fn unknown(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter(|(key, _)| !keys::is_known(key)).map(|(key, setting)| {
            let nearest = keys::nearest(key).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            format!("unknown configuration key {key} in {}{nearest}", setting.origin)
        })
    }
}

/// Lower case, hyphens for underscores.
pub(super) fn normal(key: &str) -> String {
    key.to_lowercase().replace('_', "-")
}

//! Configuration: defaults, below files, below the environment, below the program.
//!
//! A key is a path of names, `distributed.worker.memory.target`; hyphens and underscores are the same. Where a value
//! can come from, later ones winning:
//!
//! 1. the table of known keys ([`keys`]);
//! 2. YAML files, with the feature `config-files`: `/etc/dask/*.yaml`, then `~/.config/dask/*.yaml`, in the order of
//!    their names; or only what `DASK_CONFIG` names, a file or a folder;
//! 3. the environment: `DASK_SCHEDULER=sync`, `DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=0.5` (two underscores are a dot);
//! 4. the program: [`set_global`] for the process, [`set`] for this thread, and the tasks of what it computes, until
//!    its guard is dropped.
//!
//! Files and the environment are read once. A key that nobody knows is told once, with the nearest that is known.
//!
//! ```
//! use dask_core::config;
//! assert_eq!(config::number("distributed.worker.memory.target")?, Some(0.6));
//! let guard = config::set([("distributed.worker.memory.target", "0.5")]);
//! assert_eq!(config::number("distributed.worker.memory.target")?, Some(0.5));
//! drop(guard);
//! assert_eq!(config::number("distributed.worker.memory.target")?, Some(0.6));
//! # Ok::<(), config::ConfigError>(())
//! ```

mod env;
#[cfg(feature = "config-files")]
mod file;
mod keys;
mod merge;
mod typed;

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

pub use keys::{KeyDoc, keys};
pub use merge::{Origin, Setting};
pub use typed::{ConfigError, bytes, duration, flag, number, parse_bytes, parse_duration, parsed, text, whole};

pub(crate) use merge::Settings;
use merge::normal;

use crate::run_scope::{self, GuardId};

static GLOBAL: RwLock<Settings> = RwLock::new(Settings::new());

/// Files and environment, read when first needed.
fn outside() -> &'static Settings {
    static OUTSIDE: OnceLock<Settings> = OnceLock::new();
    OUTSIDE.get_or_init(|| {
        let mut settings = Settings::new();
        #[cfg(feature = "config-files")]
        file::read(&mut settings);
        env::read(std::env::vars_os(), &mut settings);
        for warning in settings.unknown() {
            eprintln!("dask: {warning}");
        }
        settings
    })
}

/// The value of a key, and where it comes from; none if nothing and nobody gives it one.
pub fn get(key: &str) -> Option<Setting> {
    let key = normal(key);
    let scoped = run_scope::read(|scope| scope.settings.iter().rev().find_map(|settings| settings.get(&key)));
    scoped
        .or_else(|| GLOBAL.read().unwrap_or_else(PoisonError::into_inner).get(&key))
        .or_else(|| outside().get(&key))
        .or_else(|| keys::default_of(&key))
}

/// Sets values for the whole process, from now on.
pub fn set_global<K: AsRef<str>, V: ToString>(values: impl IntoIterator<Item = (K, V)>) {
    let settings = Settings::of_program(values);
    settings.unknown().for_each(|warning| eprintln!("dask: {warning}"));
    GLOBAL.write().unwrap_or_else(PoisonError::into_inner).merge(settings);
}

/// Sets values for this thread, and for the tasks of what it computes, until the guard is dropped.
pub fn set<K: AsRef<str>, V: ToString>(values: impl IntoIterator<Item = (K, V)>) -> ConfigGuard {
    let settings = Settings::of_program(values);
    settings.unknown().for_each(|warning| eprintln!("dask: {warning}"));
    let id = run_scope::change(|scope| scope.settings.push(Arc::new(settings)));
    ConfigGuard { id, _not_send: std::marker::PhantomData }
}

/// Ends what [`set`] began when dropped.
#[must_use = "the values hold until the guard is dropped"]
#[derive(Debug)]
pub struct ConfigGuard {
    id: GuardId,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for ConfigGuard {
    fn drop(&mut self) {
        drop(run_scope::change(|scope| scope.settings.take_back(self.id)));
    }
}

#[cfg(test)]
mod tests;

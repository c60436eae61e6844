//! Names of functions by number: bounded in bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of a name; the rest is cut.
const NAME_BYTES_MAX: usize = 200;
/// What a name takes besides its bytes, about.
const ENTRY_BYTES: usize = 96;

/// Names of functions, numbered from zero on.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: BTreeMap<Arc<str>, u32>,
    all: Vec<Arc<str>>,
    nbytes: usize,
}

impl Names {
    /// The number of a name, cut if it is long; a new one if it was never heard, unless all take more than `nbytes_max`.
    pub(crate) fn number(&mut self, name: &str, nbytes_max: usize) -> Option<u32> {
        let name = cut(name);
        if let Some(&known) = self.numbers.get(&*name) {
            return Some(known);
        }
        if nbytes_max < self.nbytes + name.len() + ENTRY_BYTES {
            return None;
        }
        let number = u32::try_from(self.all.len()).ok()?;
        let name: Arc<str> = name.into();
        self.nbytes += name.len() + ENTRY_BYTES;
        self.all.push(name.clone());
        self.numbers.insert(name, number);
        Some(number)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<str>> {
        self.all.get(number as usize)
    }

    /// Bytes that they take, about.
    pub(crate) fn nbytes(&self) -> usize {
        self.nbytes
    }

    /// Forgets all but those used; what they are called from now on.
    pub(crate) fn keep(&mut self, used: &BTreeSet<u32>) -> BTreeMap<u32, u32> {
        let mut kept = Self::default();
        let names = used.iter().filter_map(|&old| Some((old, self.get(old)?)));
        let new = names.filter_map(|(old, name)| Some((old, kept.number(name, usize::MAX)?))).collect();
        *self = kept;
        new
    }
}

/// A name that ends with dots if it was cut.
fn cut(name: &str) -> std::borrow::Cow<'_, str> {
    if name.len() <= NAME_BYTES_MAX {
        return name.into();
    }
    let mut end = NAME_BYTES_MAX - "…".len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &name[..end]).into()
}

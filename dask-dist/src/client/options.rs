//! How submitted work is to be treated.

use crate::protocol::Restrictions;

/// How submitted work is to be treated: which goes first, where it may run, what it needs, how often it is tried.
///
/// ```
/// use dask_dist::{Client, Options};
/// let client = Client::local()?;
/// let urgent = client.with(Options::new().priority(10).retries(2));
/// assert_eq!(urgent.submit(|x: i64| x + 1, (1,))?.result()?, 2);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    pub(super) priority: i32,
    pub(super) retries: u32,
    pub(super) restrictions: Restrictions,
}

impl Options {
    /// Priority 0, no retries, anywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Larger is sooner; 0 by default.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// How often a task that fails is tried again; never by default.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Only on these workers, given by address or name.
    #[must_use]
    pub fn workers<S: Into<String>>(mut self, workers: impl IntoIterator<Item = S>) -> Self {
        self.restrictions.workers = workers.into_iter().map(Into::into).collect();
        self
    }

    /// Elsewhere too if none of the [workers](Options::workers) is there.
    #[must_use]
    pub fn allow_other_workers(mut self) -> Self {
        self.restrictions.allow_other = true;
        self
    }

    /// Takes so much of an abstract resource while it runs, such as `("GPU", 1.0)`; workers say what they have.
    #[must_use]
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.restrictions.resources.push((name.into(), amount));
        self
    }
}

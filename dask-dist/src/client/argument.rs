//! Futures and actors as arguments of calls, here and in delayed ones.

use dask_core::delayed::Lazy;
use dask_core::layer::Materialized;
use dask_core::{LayerRef, Name, Token, Value};

use super::{Actor, Future};

/// A future is given where its value is wanted, alone or in containers; the value stays where it is.
///
/// ```
/// use std::collections::BTreeMap;
/// use dask_dist::Client;
/// let client = Client::local()?;
/// let parts = client.map(|x: i64| x * x, 0..4)?;
/// let total = client.submit(|parts: Vec<i64>| parts.iter().sum::<i64>(), (&parts[..],))?;
/// assert_eq!(total.result()?, 14);
/// let by_name = BTreeMap::from([("all", parts)].map(|(name, parts)| (name.to_owned(), parts)));
/// let first = client.submit(|parts: BTreeMap<String, Vec<i64>>| parts["all"][0], (by_name,))?;
/// assert_eq!(first.result()?, 0);
/// # Ok::<(), dask_core::Error>(())
/// ```
impl<T> Lazy<T> for Future<T> {
    fn into_layer(self) -> LayerRef {
        self.layer()
    }
}

impl<T> Lazy<T> for &Future<T> {
    fn into_layer(self) -> LayerRef {
        self.layer()
    }
}

/// An actor given to a task by reference: the task gets a handle, and the actor lives while it runs.
impl<S: 'static> Lazy<Actor<S>> for &Actor<S> {
    fn into_layer(self) -> LayerRef {
        match self.kept_layer() {
            Some(layer) => layer.clone(),
            None => Materialized::values(Name::tokened("actor", Token::unique()), &[], [Value::new(self.clone())]),
        }
    }
}

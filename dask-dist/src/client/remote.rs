//! A result on the cluster as a value: collections that are persisted hold such values.

use std::sync::Arc;

use dask_core::{Remote, Result, Value};

use super::answer::block_on;
use super::gather::gather;
use super::wish::{Progress, Wish};

/// A value in the memory of the cluster's workers.
pub(super) struct RemoteFuture(pub(super) Arc<Wish>);

impl RemoteFuture {
    /// As a value that is fetched when somebody asks for it by type.
    pub(super) fn value(wish: &Arc<Wish>) -> Value {
        Value::remote(Arc::new(Self(wish.clone())))
    }
}

impl Remote for RemoteFuture {
    fn fetch(&self) -> Result<Value> {
        let values = block_on(gather(vec![self.0.clone()]))?;
        match values.into_iter().next() {
            Some(value) => Ok(value),
            None => Err(crate::DistError::NoAnswer { what: "a value" }.into()),
        }
    }

    fn nbytes(&self) -> usize {
        match self.0.progress() {
            Progress::Done { nbytes, .. } => usize::try_from(nbytes).unwrap_or(usize::MAX),
            _ => 0,
        }
    }
}

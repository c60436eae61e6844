//! A flag that stops a computation between two tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::run_scope::{self, GuardId};

/// Shared by whoever may cancel and whoever runs. Tasks that have started finish; others are dropped.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// One that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether both are one: cancelling either cancels both.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody asked to stop.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Every computation that this thread starts stops with `token`, until the guard is dropped; so do those that their
/// tasks start.
pub fn with_cancel(token: CancelToken) -> CancelGuard {
    let id = run_scope::change(|scope| scope.tokens.push(token));
    CancelGuard { id, _not_send: std::marker::PhantomData }
}

/// The innermost token of this thread, or a fresh one.
pub(crate) fn current_cancel() -> CancelToken {
    run_scope::read(|scope| scope.tokens.last().cloned().unwrap_or_default())
}

/// Ends the effect of [`with_cancel`] when dropped.
#[must_use = "the token has no effect once the guard is dropped"]
#[derive(Debug)]
pub struct CancelGuard {
    id: GuardId,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        drop(run_scope::change(|scope| scope.tokens.take_back(self.id)));
    }
}

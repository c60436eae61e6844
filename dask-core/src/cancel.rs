//! A flag that stops a computation between two tasks.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

thread_local! {
    static CURRENT: RefCell<Vec<CancelToken>> = const { RefCell::new(Vec::new()) };
}

/// Every computation that this thread starts stops with `token`, until the guard is dropped.
pub fn with_cancel(token: CancelToken) -> CancelGuard {
    CURRENT.with_borrow_mut(|current| current.push(token.clone()));
    CancelGuard { token, _not_send: std::marker::PhantomData }
}

/// The innermost token of this thread, or a fresh one.
pub(crate) fn current_cancel() -> CancelToken {
    CURRENT.with_borrow(|current| current.last().cloned().unwrap_or_default())
}

/// Ends the effect of [`with_cancel`] when dropped.
#[must_use = "the token has no effect once the guard is dropped"]
#[derive(Debug)]
pub struct CancelGuard {
    token: CancelToken,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| {
            if let Some(at) = current.iter().rposition(|known| known.is_same(&self.token)) {
                current.remove(at);
            }
        });
    }
}

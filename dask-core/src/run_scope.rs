//! What computations that a thread starts are told without being told: a token, observers, a scheduler, settings.
//!
//! Guards ([`with_cancel`](crate::with_cancel), [`with_observer`](crate::with_observer),
//! [`with_scheduler`](crate::with_scheduler), [`config::set`](crate::config::set)) change it for one thread. A task may
//! compute, too, and runs on any thread: schedulers that run tasks in this process [enter](RunScope::enter) the scope
//! of the run wherever they do, so that a computation inside a task is stopped, watched and configured as the one
//! around it.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cancel::CancelToken;
use crate::config::Settings;
use crate::observe::Observer;
use crate::run_context::RunContext;
use crate::scheduler::Scheduler;

/// What the tasks of a run inherit: token and observers of its [`RunContext`], and what the guards of the thread that
/// asked for it say of schedulers and settings.
///
/// ```
/// use dask_core::{CancelToken, RunContext, RunScope};
/// let token = CancelToken::new();
/// let scope = RunScope::of(&RunContext::default().with_cancel(token.clone()));
/// std::thread::spawn(move || {
///     let inside = scope.enter();
///     assert!(RunContext::current().cancel.is_same(&token));
///     drop(inside);
///     assert!(!RunContext::current().cancel.is_same(&token));
/// })
/// .join()
/// .unwrap();
/// ```
#[derive(Clone)]
pub struct RunScope(Option<Arc<Parts>>);

/// Each kind of guard has its own; the innermost is the last.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) tokens: Guarded<CancelToken>,
    pub(crate) observers: Guarded<Arc<dyn Observer>>,
    pub(crate) schedulers: Guarded<Arc<dyn Scheduler>>,
    pub(crate) settings: Guarded<Arc<Settings>>,
}

static NOTHING: Parts =
    Parts { tokens: Guarded::new(), observers: Guarded::new(), schedulers: Guarded::new(), settings: Guarded::new() };

thread_local! {
    static CURRENT: RefCell<RunScope> = const { RefCell::new(RunScope(None)) };
}

/// Looks at the scope of this thread.
pub(crate) fn read<T>(f: impl FnOnce(&Parts) -> T) -> T {
    CURRENT.with_borrow(|current| f(current.0.as_deref().unwrap_or(&NOTHING)))
}

/// Changes the scope of this thread alone: who inherited it keeps what there was.
pub(crate) fn change<T>(f: impl FnOnce(&mut Parts) -> T) -> T {
    CURRENT.with_borrow_mut(|current| f(Arc::make_mut(current.0.get_or_insert_with(|| Arc::new(NOTHING.clone())))))
}

impl RunScope {
    /// Of a run that this thread asks for.
    pub fn of(context: &RunContext) -> Self {
        let mut parts = read(Parts::clone);
        parts.tokens = [context.cancel.clone()].into_iter().collect();
        parts.observers = context.observers.iter().cloned().collect();
        Self(Some(Arc::new(parts)))
    }

    /// This thread is in the scope until the guard is dropped, and then again where it was before: in the scope of
    /// another run, say, one of whose tasks asked for this one.
    pub fn enter(&self) -> RunScopeGuard {
        RunScopeGuard { before: CURRENT.replace(self.clone()), _not_send: PhantomData }
    }
}

/// Leaves the scope when dropped.
#[must_use = "the scope is left when the guard is dropped"]
pub struct RunScopeGuard {
    before: RunScope,
    _not_send: PhantomData<*const ()>,
}

impl Drop for RunScopeGuard {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut self.before, RunScope(None));
        // What is left is dropped outside: an observer that goes with it may look at the scope.
        drop(CURRENT.replace(before));
    }
}

/// What guards have given and not taken back, in the order in which they were made.
#[derive(Clone)]
pub(crate) struct Guarded<T>(Vec<(GuardId, T)>);

/// No two guards of the process have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuardId(u64);

impl<T> Guarded<T> {
    const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds what the guard of this number takes back.
    pub(crate) fn push(&mut self, value: T) -> GuardId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = GuardId(NEXT.fetch_add(1, Ordering::Relaxed));
        self.0.push((id, value));
        id
    }

    /// What the guard gave; none if it was given in another scope.
    pub(crate) fn take_back(&mut self, id: GuardId) -> Option<T> {
        let at = self.0.iter().rposition(|(known, _)| *known == id)?;
        Some(self.0.remove(at).1)
    }

    /// From the outermost to the innermost.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The innermost.
    pub(crate) fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }
}

impl<T> FromIterator<T> for Guarded<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut guarded = Self::new();
        values.into_iter().for_each(|value| _ = guarded.push(value));
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{current_observers, with_cancel, with_observer};

    struct Watcher;
    impl Observer for Watcher {}

    #[test]
    fn scopes_nest_and_are_left_when_a_task_panics() {
        let (outer, inner) = (CancelToken::new(), CancelToken::new());
        let is_current = |token: &CancelToken| RunContext::current().cancel.is_same(token);
        let outer_scope = RunScope::of(&RunContext::default().with_cancel(outer.clone()));
        let inner_scope = RunScope::of(&RunContext::default().with_cancel(inner.clone()));
        let within = outer_scope.enter();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _within = inner_scope.enter();
            assert!(is_current(&inner));
            panic!("in the inner scope");
        }));
        assert!(panicked.is_err() && is_current(&outer));
        drop(within);
        assert!(!is_current(&outer) && !is_current(&inner));
    }

    #[test]
    fn guards_made_inside_end_with_the_scope_and_leave_the_outside_alone() {
        let watcher: Arc<dyn Observer> = Arc::new(Watcher);
        let _outside = with_observer(watcher.clone());
        let scope = RunScope::of(&RunContext::current());
        let within = scope.enter();
        let forgotten = with_observer(watcher.clone());
        assert_eq!(current_observers().len(), 2);
        drop(within);
        assert_eq!(current_observers().len(), 1);
        // Dropped too late, it takes nothing that another guard gave.
        drop(forgotten);
        assert_eq!(current_observers().len(), 1);
    }

    #[test]
    fn a_run_watches_and_stops_as_it_was_told_and_not_as_its_thread_was() {
        let (_watched, _cancelled) = (with_observer(Arc::new(Watcher)), with_cancel(CancelToken::new()));
        let context = RunContext::default();
        let _within = RunScope::of(&context).enter();
        assert!(current_observers().is_empty());
        assert!(RunContext::current().cancel.is_same(&context.cancel));
    }
}

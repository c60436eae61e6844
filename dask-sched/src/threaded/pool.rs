//! The threads that all runs of the process share: each waits for a run that wants help.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::worker::Run;

struct Pool {
    state: Mutex<State>,
    invited: Condvar,
}

struct State {
    /// Runs that want one more thread, once for each.
    invitations: VecDeque<Arc<Run>>,
    n_threads: usize,
}

static POOL: Pool =
    Pool { state: Mutex::new(State { invitations: VecDeque::new(), n_threads: 0 }), invited: Condvar::new() };

fn lock() -> MutexGuard<'static, State> {
    POOL.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks up to `n_helpers` threads to take part in `run`. Threads are started as long as there are fewer than that;
/// one that cannot be started is done without.
pub(super) fn invite(run: &Arc<Run>, n_helpers: usize) {
    let n_helpers = n_helpers.min(run.graph().n_tasks().saturating_sub(1));
    if n_helpers == 0 {
        return;
    }
    let mut state = lock();
    state.invitations.extend((0..n_helpers).map(|_| run.clone()));
    while state.n_threads < n_helpers {
        let name = format!("dask-{}", state.n_threads);
        if std::thread::Builder::new().name(name).spawn(serve).is_err() {
            break;
        }
        state.n_threads += 1;
    }
    drop(state);
    POOL.invited.notify_all();
}

/// Takes back the invitations that nobody followed.
pub(super) fn withdraw(run: &Arc<Run>) {
    lock().invitations.retain(|invited| !Arc::ptr_eq(invited, run));
}

fn serve() {
    let mut state = lock();
    loop {
        match state.invitations.pop_front() {
            Some(run) => {
                drop(state);
                run.participate();
                drop(run);
                state = lock();
            }
            None => state = POOL.invited.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

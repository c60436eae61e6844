//! Ctrl-C cancels the computations of a thread; pressed again, it ends the program.

use std::sync::{Mutex, OnceLock, PoisonError};

use dask_core::{CancelGuard, CancelToken, Error, with_cancel};

/// Those that the next Ctrl-C cancels.
static TOKENS: Mutex<Vec<CancelToken>> = Mutex::new(Vec::new());

/// The exit code of programs that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// While the guard lives, Ctrl-C cancels what this thread computes: `compute()` returns
/// [`Error::Cancelled`](dask_core::Error::Cancelled), and what it held is dropped. A second Ctrl-C, or one when no guard
/// lives, ends the program at once.
///
/// The handler is installed when first asked for, for the whole process.
///
/// # Errors
/// If the program has another handler already.
///
/// ```no_run
/// let _guard = dask_sched::cancel_on_ctrl_c()?;
/// // … compute …
/// # Ok::<(), dask_core::Error>(())
/// ```
pub fn cancel_on_ctrl_c() -> Result<CtrlCGuard, Error> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| ctrlc::set_handler(interrupted).map_err(|error| error.to_string()));
    if let Err(why) = installed {
        return Err(Error::other(format!("Ctrl-C cannot be handled: {why}")));
    }
    let token = CancelToken::new();
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).push(token.clone());
    Ok(CtrlCGuard { _scope: with_cancel(token.clone()), token })
}

fn interrupted() {
    let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    if tokens.iter().all(CancelToken::is_cancelled) {
        std::process::exit(INTERRUPTED);
    }
    tokens.iter().for_each(CancelToken::cancel);
}

/// Ends the effect of [`cancel_on_ctrl_c`] when dropped.
#[must_use = "Ctrl-C cancels only while the guard lives"]
#[derive(Debug)]
pub struct CtrlCGuard {
    token: CancelToken,
    _scope: CancelGuard,
}

impl CtrlCGuard {
    /// The token, for a [`RunContext`](dask_core::RunContext) made by hand.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }
}

impl Drop for CtrlCGuard {
    fn drop(&mut self) {
        TOKENS.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| !known.is_same(&self.token));
    }
}

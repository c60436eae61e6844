//! Every result that is wanted is made and right, or failed for a cause that is there.

use crate::protocol::Failure;

/// Whether a task may have ended so; `n_deaths` workers died.
pub(in crate::sim) fn check_value(made: Option<u64>, expected: Option<u64>) -> Result<(), String> {
    if made == expected { Ok(()) } else { Err(format!("a result is {made:?} and should be {expected:?}")) }
}

/// What has happened that a future may fail for.
pub(in crate::sim) struct Causes {
    /// Workers that died.
    pub(in crate::sim) n_deaths: u32,
    /// More deaths than these under one task are a cause.
    pub(in crate::sim) allowed: u32,
    /// Clients that cancelled something.
    pub(in crate::sim) n_cancels: u32,
    /// Times that the scheduler was started again.
    pub(in crate::sim) n_restarts: u32,
}

/// Whether a future may have failed so.
pub(in crate::sim) fn check_failure(failure: &Failure, expected: Option<u64>, causes: &Causes) -> Result<(), String> {
    let &Causes { n_deaths, allowed, n_cancels, n_restarts } = causes;
    match failure {
        Failure::Error { chain }
            if expected.is_none() && chain.first().is_some_and(|first| first == super::super::FAILS) =>
        {
            Ok(())
        }
        Failure::KilledWorker { deaths } if allowed < n_deaths && allowed < deaths.len() as u32 => Ok(()),
        Failure::Cancelled if n_cancels != 0 => Ok(()),
        // What was published before the scheduler was started again cannot be made again.
        Failure::LostScattered if n_restarts != 0 && n_deaths != 0 => Ok(()),
        _ => Err(format!("a future failed for no cause ({n_deaths} workers died): {failure}")),
    }
}

//! Every result that is wanted is made and right, or failed for a cause that is there.

use crate::protocol::Failure;

/// Whether a task may have ended so; `n_deaths` workers died.
pub(in crate::sim) fn check_value(made: Option<u64>, expected: Option<u64>) -> Result<(), String> {
    if made == expected { Ok(()) } else { Err(format!("a result is {made:?} and should be {expected:?}")) }
}

/// Whether a future may have failed so; `n_deaths` workers died, and more than `allowed` under one task is a cause.
pub(in crate::sim) fn check_failure(
    failure: &Failure,
    expected: Option<u64>,
    n_deaths: u32,
    allowed: u32,
) -> Result<(), String> {
    match failure {
        Failure::Error { chain }
            if expected.is_none() && chain.first().is_some_and(|first| first == super::super::FAILS) =>
        {
            Ok(())
        }
        Failure::KilledWorker { deaths } if allowed < n_deaths && allowed < deaths.len() as u32 => Ok(()),
        _ => Err(format!("a future failed for no cause ({n_deaths} workers died): {failure}")),
    }
}

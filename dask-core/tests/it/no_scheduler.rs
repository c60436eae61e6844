//! A program that has no scheduler.

use dask_core::{Collection, Delayed, Error, with_scheduler};
use std::sync::Arc;

use crate::run::Plain;

#[test]
fn a_program_without_a_scheduler_is_told_which_crate_to_add() {
    let lazy = Delayed::value(1i64);
    let error = lazy.compute().unwrap_err();
    assert!(matches!(error, Error::NoScheduler));
    assert!(error.to_string().contains("add the crate `dask-sched`"), "{error}");
    let _guard = with_scheduler(Arc::new(Plain));
    assert_eq!(lazy.compute().unwrap(), 1);
}

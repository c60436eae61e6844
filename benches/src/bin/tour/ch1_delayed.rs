//! 1: functions called later.

use dask_core::{Collection, Delayed, delayed};

use crate::step::{Outcome, chapter, check, run};

fn inc(x: i64) -> i64 {
    x + 1
}
fn add(x: i64, y: i64) -> i64 {
    x + y
}
fn sum(of: Vec<i64>) -> i64 {
    of.into_iter().sum()
}

pub(crate) fn chapter_1() -> Outcome {
    chapter("1. Delayed");
    let total = delayed!(add(delayed!(inc(1)), delayed!(inc(2))));
    // Installs the schedulers, as any collection does.
    dask_sched::install();
    let found = run("add(inc(1), inc(2)).compute()", || Ok(total.compute()?))?;
    check("add(inc(1), inc(2))", &found, &5)?;
    let parts: Vec<Delayed<i64>> = (0..1000).map(|i| delayed!(inc(i))).collect();
    let found = run("sum([inc(0), inc(1), …, inc(999)]).compute()", || Ok(delayed!(sum(parts)).compute()?))?;
    check("sum of 1000", &found, &500_500)
}

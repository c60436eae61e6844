//! 3: one graph on every scheduler that there is.

use dask_bag::Bag;
use dask_core::{Collection, RunContext, scheduler_named};

use crate::step::{Outcome, chapter, check, run};

pub(crate) fn chapter_3() -> Outcome {
    chapter("3. Schedulers");
    let words = Bag::range(200_000, 16).map(|x| format!("w{}", x * x % 1009)).frequencies().topk(5, |(_, n)| *n);
    dask_dist::install();
    let mut first = None;
    for name in ["sync", "threads", "rayon", "round-trip", "processes"] {
        let scheduler = scheduler_named(name)?;
        let found = run(name, || Ok(words.compute_with(&*scheduler, &RunContext::current())?))?;
        let expected = first.get_or_insert_with(|| found.clone());
        check(name, &found, expected)?;
    }
    Ok(())
}

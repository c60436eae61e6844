//! 3: one graph on every scheduler that there is, and on a cluster.

use std::collections::BTreeMap;

use dask_bag::{Bag, Item};
use dask_core::{Collection, RunContext, Scheduler, scheduler_named};
use dask_dist::{Client, LocalCluster};

use crate::step::{Outcome, chapter, check, run};

/// A word, and how often it comes.
type Count = (String, u64);

const N: i64 = 200_000;

fn word(x: i64) -> String {
    format!("w{}", x * x % 1009)
}

pub(crate) fn chapter_3() -> Outcome {
    chapter("3. Schedulers");
    let words = Bag::range(N, 16).map(word).frequencies().topk(5, |(word, n): &Count| (*n, word.clone()));
    let expected = plainly();
    dask_dist::install();
    for name in ["sync", "threads", "rayon", "round-trip", "processes"] {
        on(name, &words, &*scheduler_named(name)?, &expected)?;
    }
    let cluster = LocalCluster::builder().workers(2).processes(true).start()?;
    let client = Client::connect(&cluster.address().to_string())?;
    on("distributed", &words, &client, &expected)?;
    drop(client);
    cluster.close();
    Ok(())
}

fn on(name: &str, words: &Item<Vec<Count>>, scheduler: &dyn Scheduler, expected: &Vec<Count>) -> Outcome {
    let found = run(name, || Ok(words.compute_with(scheduler, &RunContext::current())?))?;
    check(name, &found, expected)
}

/// The five most frequent words; among equally frequent ones the last of the alphabet.
fn plainly() -> Vec<Count> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    (0..N).for_each(|x| *counts.entry(word(x)).or_default() += 1);
    let mut counts: Vec<Count> = counts.into_iter().collect();
    counts.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
    counts.truncate(5);
    counts
}

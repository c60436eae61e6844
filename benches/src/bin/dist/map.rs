//! Many calls at once: when the first is done, and when all are.

use std::time::{Duration, Instant};

use dask_benches::rows::Row;
use dask_benches::timing::{median, rounds};
use dask_dist::as_completed;

use crate::{Options, Outcome, two_workers};

fn inc(x: i64) -> i64 {
    x + 1
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let cluster = two_workers().start()?;
    let client = cluster.client()?;
    let mut rows = Vec::new();
    for n in [i64::from(options.n_peer_tasks), 100_000] {
        let found = rounds(&format!("map {n}"), options.n_repeats, || {
            std::thread::sleep(Duration::from_millis(100));
            let start = Instant::now();
            let roots = client.map(inc, 0..n)?;
            let first = as_completed(roots.clone()).next().map(|_| start.elapsed().as_secs_f64());
            client.wait(&roots).wait()?;
            let all = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let others = client.map(inc, &roots)?;
            client.wait(&others).wait()?;
            let on_roots = start.elapsed().as_secs_f64();
            let last = others.last().ok_or("no results")?.result()?;
            if last == n + 1 { Ok([first.ok_or("no result")?, all, on_roots]) } else { Err("wrong".into()) }
        })?;
        let names = ["roots, the first", "roots, all", "calls on their results, all"];
        for (at, name) in names.into_iter().enumerate() {
            rows.push(Row::cost(
                format!("map {n}: {name}"),
                "s",
                median(found.iter().map(|seconds| seconds[at]).collect()),
            ));
        }
    }
    Ok(rows)
}

//! 7: futures: calls that run at once on a cluster, here of two worker processes.

use std::collections::BTreeMap;
use std::path::Path;

use dask_dist::LocalCluster;
use dask_dist::client::Client;

use crate::ch5_frame::for_each_row;
use crate::step::{Outcome, chapter, check, run};

/// Number and sum of amounts of one file, or of all.
type Summary = (u64, i64);

fn load(file: String) -> Vec<i64> {
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    text.lines().skip(1).filter_map(|line| line.rsplit(',').next()?.parse().ok()).collect()
}

fn summarize(files: Vec<Vec<i64>>) -> Summary {
    files.iter().fold((0, 0), |(n, sum), amounts| (n + amounts.len() as u64, sum + amounts.iter().sum::<i64>()))
}

pub(crate) fn chapter_7(folder: &Path) -> Outcome {
    chapter("7. Futures");
    let cluster = LocalCluster::builder().workers(2).processes(true).start()?;
    let client = Client::connect(&cluster.address().to_string())?;
    run("client = Client::connect(LocalCluster of 2 processes)", || Ok(cluster.processes()))?;
    let files: Vec<String> =
        (0..3).map(|file| folder.join(format!("accounts.{file}.csv")).to_string_lossy().into_owned()).collect();
    let found = run("client.submit(load, file) for each file; submit(summarize, futures).result()", || {
        let loaded = files.iter().map(|file| client.submit(load, (file.clone(),))).collect::<Result<Vec<_>, _>>()?;
        Ok(client.submit(summarize, (loaded,))?.result()?)
    })?;
    let mut expected: Summary = (0, 0);
    for file in &files {
        for_each_row(Path::new(file), |fields| {
            expected = (expected.0 + 1, expected.1 + fields[2].parse().unwrap_or(i64::MIN));
        })?;
    }
    check("number and sum of amounts", &found, &expected)?;
    let squares = run("client.map(square, 0..10), gathered", || {
        let futures = client.map(|x: i64| x * x, 0..10)?;
        Ok(client.gather(&futures).wait()?)
    })?;
    check("squares", &squares, &(0..10).map(|x| x * x).collect())?;
    let by_worker: BTreeMap<String, u64> =
        client.workers().wait()?.into_iter().map(|worker| (worker.name, worker.n_held)).collect();
    println!("  values held: {by_worker:?}");
    drop(client);
    cluster.close();
    Ok(())
}

//! 7: futures: calls that run at once on a cluster, here of two worker processes; and a collection that computes there.

use std::path::Path;

use dask_core::{Collection, RunContext, TaskError};
use dask_dist::{Client, LocalCluster, Status, as_completed};

use crate::ch5_frame::mean_serials_lazily;
use crate::plain::{accounts_csv, for_each_account, mean_serials};
use crate::step::{Outcome, chapter, check, run};
use crate::table::{Rows, check_means};

/// Number and sum of amounts of one file, or of all.
type Summary = (u64, i64);

fn load(file: String) -> std::io::Result<Vec<i64>> {
    let text = std::fs::read_to_string(&file)?;
    Ok(text.lines().skip(1).filter_map(|line| line.rsplit(',').next()?.parse().ok()).collect())
}

fn summarize(files: Vec<Vec<i64>>) -> Summary {
    files.iter().fold((0, 0), |(n, sum), amounts| (n + amounts.len() as u64, sum + amounts.iter().sum::<i64>()))
}

fn busy(start: i64) -> i64 {
    (0..100_000).fold(start, |sum, i| sum.wrapping_mul(31).wrapping_add(i))
}

pub(crate) fn chapter_7(folder: &Path) -> Outcome {
    chapter("7. Futures");
    let cluster = LocalCluster::builder().workers(2).processes(true).start()?;
    let client = Client::connect(&cluster.address().to_string())?;
    run("client = Client::connect(LocalCluster of 2 processes)", || Ok(cluster.processes()))?;
    calls(&client, folder)?;
    errors(&client)?;

    let means = mean_serials_lazily(folder)?;
    let there = run("students.group_by(HID).agg(Serial_No.mean()), on the cluster", || {
        Ok(Rows(means.compute_with(&client, &RunContext::current())?))
    })?;
    check_means("mean serial number", &there, &mean_serials(folder)?)?;

    let numbers = client.map(busy, 0..200)?;
    let found = run("a worker process is killed; what it had is computed again", || {
        let victim = cluster.processes().first().copied().ok_or("no worker process")?;
        check("killed", &cluster.kill(victim), &true)?;
        Ok(client.gather(&numbers).wait()?.into_iter().fold(0, i64::wrapping_add))
    })?;
    check("sum after the loss of a worker", &found, &(0..200).map(busy).fold(0, i64::wrapping_add))?;
    drop((numbers, client));
    cluster.close();
    Ok(())
}

fn calls(client: &Client, folder: &Path) -> Outcome {
    let files: Vec<String> = accounts_csv(folder).map(|file| file.to_string_lossy().into_owned()).collect();
    let found = run("client.submit(load, file) for each file; submit(summarize, futures).result()", || {
        let loaded =
            files.iter().map(|file| client.try_submit(load, (file.clone(),))).collect::<Result<Vec<_>, _>>()?;
        Ok(client.submit(summarize, (loaded,))?.result()?)
    })?;
    let mut expected: Summary = (0, 0);
    for_each_account(folder, |_, _, amount| expected = (expected.0 + 1, expected.1 + amount))?;
    check("number and sum of amounts", &found, &expected)?;
    let squares = run("client.map(square, 0..10), gathered", || {
        let futures = client.map(|x: i64| x * x, 0..10)?;
        Ok(client.gather(&futures).wait()?)
    })?;
    check("squares", &squares, &(0..10).map(|x| x * x).collect())?;
    let mut found = run("as_completed(client.map(inc, 0..20))", || {
        as_completed(client.map(|x: i64| x + 1, 0..20)?).map(|future| Ok(future.result()?)).collect::<Outcome<Vec<_>>>()
    })?;
    found.sort_unstable();
    check("what has completed", &found, &(1..=20).collect())
}

fn errors(client: &Client) -> Outcome {
    let refused = client.try_submit(|x: i64| Err::<i64, TaskError>(format!("{x} is too much").into()), (7i64,))?;
    let error =
        run("client.try_submit(fails).exception()", || Ok(refused.exception().wait()?.map(|error| error.to_string())))?;
    check("the error names what went wrong", &error.is_some_and(|error| error.contains("7 is too much")), &true)?;
    check("status", &refused.status(), &Status::Error)
}

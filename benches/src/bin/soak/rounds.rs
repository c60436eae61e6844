//! What clients do, each part with an answer that is known.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dask_array::Array;
use dask_bag::Bag;
use dask_benches::steps;
use dask_core::{Collection, RunContext};
use dask_dist::{Actor, Client, Future, Options, as_completed};

use crate::Failure;

/// How long what nobody wants may stay on the cluster after a round.
const PATIENCE: Duration = Duration::from_secs(30);

/// What tasks say that panic.
pub(crate) const ON_PURPOSE: &str = "on purpose";

/// All of it once.
pub(crate) fn round(client: &Client, address: &str, seed: u64) -> Result<(), Failure> {
    calls(client, seed as i64 % 1000)?;
    collections(client, seed)?;
    data(client)?;
    failures(client)?;
    coordination(client)?;
    actors(client)?;
    visitors(address)
}

/// Waits until the cluster has forgotten what the round left.
pub(crate) fn nothing_left(client: &Client) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        let demand = client.demand().wait()?;
        let n_held: u64 = demand.workers.iter().map(|worker| worker.n_held).sum();
        if demand.n_tasks == 0 && n_held == 0 {
            return Ok(());
        }
        if PATIENCE < start.elapsed() {
            return Err(format!("{} tasks and {n_held} values are left that nobody wants", demand.n_tasks).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} where {expected:?} is right").into()) }
}

/// Single calls, maps, chains, results in the order in which they come.
fn calls(client: &Client, n: i64) -> Result<(), Failure> {
    let squares = client.map(|x: i64| x * x, n..n + 2000)?;
    let total = client.submit(|squares: Vec<i64>| squares.iter().sum::<i64>(), (squares,))?;
    same("sum of squares", &total.result()?, &(n..n + 2000).map(|x| x * x).sum())?;
    let mut last = client.submit(|x: i64| x + 1, (n,))?;
    for _ in 0..200 {
        last = client.submit(steps::next, (&last,))?;
    }
    same("a chain", &last.result()?, &(n + 201))?;
    let futures = client.map(|x: i64| -x, 0..100)?;
    let mut sum = 0;
    for future in as_completed(futures) {
        sum += future.result()?;
    }
    same("as they come", &sum, &-4950)
}

/// Graphs of layers: a tree, a shuffle, a transposition; persisted and published.
fn collections(client: &Client, seed: u64) -> Result<(), Failure> {
    let context = RunContext::default();
    let x = Array::<f64>::uniform(&[400, 400], 0.0, 1.0, &[100, 100][..], seed)?;
    let zero = (&x - &x.transpose().transpose()).sum(None, false)?.compute_with(client, &context)?;
    same("x - x", &zero.first(), &Some(&0.0))?;
    let kept = client.persist(&(&x + &x.transpose()))?;
    let asymmetry = (&kept - &kept.transpose()).sum(None, false)?.compute_with(client, &context)?;
    same("a symmetric sum", &asymmetry.first(), &Some(&0.0))?;
    let groups = Bag::range(20_000, 16).map(|x| (x % 7, x)).groupby(|pair| pair.0, 4);
    same("groups", &groups.compute_with(client, &context)?.len(), &7)?;
    same("odd numbers", &steps::sum_of_odd(100).compute_with(client, &context)?, &10_000)?;
    let futures = client.map(|x: i64| x + 1, 0..10)?;
    client.publish("soak", &futures).wait()?;
    drop(futures);
    let again: Vec<Future<i64>> = client.dataset("soak").wait()?;
    same("a dataset", &client.gather(&again).wait()?.iter().sum(), &55)?;
    Ok(client.unpublish("soak").wait()?)
}

/// Values sent, copied, moved and brought back.
fn data(client: &Client) -> Result<(), Failure> {
    let blocks = client.scatter_each((0..8u8).map(|i| vec![i; 1 << 20]))?;
    client.replicate(&blocks, 2).wait()?;
    client.rebalance().wait()?;
    let lengths = client.map(|block: Vec<u8>| block.len() as i64, &blocks)?;
    same("bytes of blocks", &client.gather(&lengths).wait()?.iter().sum(), &(8 << 20))?;
    let back: Vec<Vec<u8>> = client.gather(&blocks).wait()?;
    same("blocks", &back.iter().map(|block| block[0]).collect::<Vec<_>>(), &(0..8).collect())
}

/// Errors, panics, retries, cancelled work.
fn failures(client: &Client) -> Result<(), Failure> {
    let stubborn = client.with(Options::default().retries(2));
    let failed = stubborn.submit(|x: i64| if x < 0 { x } else { panic!("{ON_PURPOSE}") }, (1,))?;
    let dependent = client.submit(|x: i64| x + 1, (&failed,))?;
    same("an error passed on", &dependent.exception().wait()?.is_some(), &true)?;
    let never = client.map(|x: i64| x + 1, 0..500)?;
    never.iter().try_for_each(Future::cancel)?;
    client.submit(|x: i64| x, (1,))?.fire_and_forget()?;
    Ok(())
}

fn coordination(client: &Client) -> Result<(), Failure> {
    let lock = client.lock("soak");
    lock.acquire().wait()?.release().wait()?;
    let queue = client.queue("soak", 100);
    for i in 0..50i64 {
        queue.put(i).wait()?;
    }
    let mut sum = 0;
    for _ in 0..50 {
        sum += queue.get::<i64>().wait()?;
    }
    same("a queue", &sum, &1225)?;
    let variable = client.variable("soak");
    variable.set_future(&client.submit(|x: i64| x + 1, (1,))?).wait()?;
    same("a variable", &variable.get_future::<i64>().wait()?.result()?, &2)?;
    variable.delete().wait()?;
    let heard = client.subscribe("soak").wait()?;
    client.publisher("soak").send(7i64).wait()?;
    same("a topic", &heard.next::<i64>().wait()?, &7)?;
    client.event("soak").set().wait()?;
    Ok(client.event("soak").clear().wait()?)
}

fn actors(client: &Client) -> Result<(), Failure> {
    let counter: Actor<i64> = client.actor(|| 0i64, ()).wait()?;
    for by in 0..50i64 {
        counter.call(|count: &mut i64, by: i64| *count += by, (by,)).wait()?;
    }
    same("an actor", &counter.call(|count: &mut i64| *count, ()).wait()?, &1225)
}

/// Clients that come, leave work behind and go.
fn visitors(address: &str) -> Result<(), Failure> {
    for i in 0..5i64 {
        let visitor = Client::connect(address)?;
        let futures = visitor.map(|x: i64| x + 1, 0..100)?;
        same("a visitor's result", &futures[0].result()?, &1)?;
        if i % 2 == 0 {
            visitor.close();
        }
    }
    Ok(())
}

/// Somebody reads the metrics.
pub(crate) fn look(pages: &str) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(pages)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {pages}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.lines().next().unwrap_or_default();
    same("what the dashboard answers", &status.contains(" 200 "), &true)
}

//! Our side.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dask_benches::shapes::Shape;
use dask_core::layer::encode_layers;
use dask_core::wire::Encoder;
use dask_core::{Collection, LayerGraph, RunContext, Scheduler};
use dask_dist::client::{Client, Options as ClientOptions};
use dask_dist::{LocalCluster, ProcessScheduler};

use crate::{Options, Row};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Bytes of a value that is moved.
const BULK: usize = 256 << 20;

fn inc(x: i64) -> i64 {
    x + 1
}

fn first(bytes: Arc<Vec<u8>>) -> i64 {
    i64::from(bytes[0])
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Seconds that `f` takes: the median of some rounds after one that warms up.
fn seconds(n_repeats: usize, mut f: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut times = Vec::new();
    for round in 0..=n_repeats {
        // What the last round made is released by now: nothing is found done.
        std::thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        f()?;
        if round != 0 {
            times.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(median(times))
}

/// Seconds for a graph of a shape, computed anew in each round, and how many tasks it has.
fn graph(scheduler: &dyn Scheduler, shape: Shape, n: u32, n_repeats: usize) -> Outcome<(f64, f64)> {
    let layer = shape.layer(n);
    let keys = shape.outputs(&layer);
    let graph = LayerGraph::new([&layer])?;
    let n_tasks = dask_core::Plan::new(&graph, &keys)?.graph.n_tasks() as f64;
    // Only the last task's value is fetched where there is one; independent tasks are all outputs.
    let time = seconds(n_repeats, || {
        black_box(scheduler.run(&graph, &keys, &RunContext::default())?);
        Ok(())
    })?;
    Ok((time, n_tasks))
}

fn cost(measure: String, unit: &'static str, ours: f64, target: Option<f64>) -> Row {
    Row { measure, unit, ours, theirs: None, target, is_rate: false }
}

fn rate(measure: &str, ours: f64, target: f64) -> Row {
    Row { measure: measure.to_owned(), unit: "MB/s", ours, theirs: None, target: Some(target), is_rate: true }
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let mut builder = LocalCluster::builder().workers(2).processes(true);
    if options.dashboard {
        builder = builder.dashboard("127.0.0.1:0");
    }
    let cluster = builder.start()?;
    let _viewer = cluster.dashboard().map(|dashboard| watch(dashboard.address())).transpose()?;
    let client = cluster.client()?;
    for shape in Shape::ALL.into_iter().filter(|_| options.wants("tasks")) {
        eprintln!("cluster: {}", shape.name());
        let n = if shape == Shape::Chain { options.n_tasks / 10 } else { options.n_tasks };
        let (time, n_tasks) = graph(&client, shape, n.max(4), options.n_repeats)?;
        let target = match shape {
            Shape::Independent | Shape::Tree => Some(15.0),
            Shape::Chain => Some(60.0),
            Shape::Stencil | Shape::Shuffle => None,
        };
        rows.push(cost(format!("cluster, a task: {}", shape.name()), "µs", time * 1e6 / n_tasks, target));
    }
    if options.wants("trips") {
        rows.push(trips(&client)?);
    }
    if options.wants("bulk") {
        eprintln!("cluster: bytes");
        rows.extend(bulk(&client, options.n_repeats)?);
    }
    if options.wants("graph") {
        rows.extend(symbolic(&client)?);
    }
    drop(client);
    cluster.close();
    let processes = ProcessScheduler::new(2);
    for shape in [Shape::Independent, Shape::Tree, Shape::Chain].into_iter().filter(|_| options.wants("processes")) {
        eprintln!("processes: {}", shape.name());
        let n = if shape == Shape::Chain { options.n_tasks / 10 } else { options.n_tasks };
        let (time, n_tasks) = graph(&processes, shape, n.max(4), options.n_repeats)?;
        let target = (shape != Shape::Chain).then_some(15.0);
        rows.push(cost(format!("processes, a task: {}", shape.name()), "µs", time * 1e6 / n_tasks, target));
    }
    Ok(rows)
}

/// Somebody who looks at the dashboard all the time.
fn watch(address: SocketAddr) -> Outcome<JoinHandle<()>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    Ok(std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while stream.read(&mut piece).is_ok_and(|n| n != 0) {}
    }))
}

fn trips(client: &Client) -> Outcome<Row> {
    eprintln!("cluster: round trips");
    let mut trips = Vec::new();
    for i in 0..500i64 {
        let start = Instant::now();
        black_box(client.submit(inc, (i,))?.result()?);
        trips.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(cost("submit to result".to_owned(), "µs", median(trips), Some(150.0)))
}

/// A virtual machine gets memory that was not used lately from its host, which is slower than any network: what is to
/// be measured is not that.
fn warm_memory() {
    black_box(vec![1u8; 5 * BULK]);
}

/// Values to workers, from workers, between workers.
fn bulk(client: &Client, n_repeats: usize) -> Outcome<Vec<Row>> {
    let megabytes = BULK as f64 / 1e6;
    let value = vec![7u8; BULK];
    let (mut scattered, mut gathered, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=n_repeats {
        warm_memory();
        let copy = value.clone();
        let start = Instant::now();
        let future = client.scatter(copy)?;
        client.wait([&future]).wait()?;
        let scatter = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let back = future.result()?;
        let gather = start.elapsed().as_secs_f64();
        if back.len() != BULK {
            return Err("what came back is not what was sent".into());
        }
        drop(back);
        // On both workers: one of them has to fetch it.
        let start = Instant::now();
        for name in ["worker-0", "worker-1"] {
            let there = client.with(ClientOptions::default().workers([name]));
            black_box(there.submit(first, (&future,))?.result()?);
        }
        let between = start.elapsed().as_secs_f64();
        if round != 0 {
            scattered.push(megabytes / scatter);
            gathered.push(megabytes / gather);
            moved.push(megabytes / between);
        }
        drop(future);
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(vec![
        rate("scatter 256 MiB", median(scattered), 1500.0),
        rate("gather 256 MiB", median(gathered), 1500.0),
        rate("worker to worker 256 MiB, used", median(moved), 1500.0),
    ])
}

/// A million tasks that are a few layers.
fn symbolic(client: &Client) -> Outcome<Vec<Row>> {
    let layer = Shape::Tree.layer(1_000_000);
    let graph = LayerGraph::new([&layer])?;
    let mut out = Encoder::new();
    let mut n_functions = 0;
    encode_layers(&graph, &mut out, |_, _| {
        n_functions += 1;
        Ok(n_functions - 1)
    })?;
    let kilobytes = out.finish("").nbytes() as f64 / 1e3;
    let tree = dask_core::Delayed::<u8>::from_layer(layer);
    let start = Instant::now();
    let computation = client.compute(&tree)?;
    // Answered after the submission: messages are heard in order.
    client.workers().wait()?;
    let submitted = start.elapsed().as_secs_f64();
    drop(computation);
    let _ = tree.keys();
    Ok(vec![
        cost("a million tasks: kilobytes sent".to_owned(), "kB", kilobytes, Some(1000.0)),
        cost("a million tasks: until the scheduler has them".to_owned(), "s", submitted, Some(0.5)),
    ])
}

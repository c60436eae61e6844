//! How fast a client is on a cluster of processes over loopback TCP: submit to result, scatter, gather, a symbolic
//! graph of a million tasks. `cargo run --release -p dask-dist --example client_speed`

use std::sync::Arc;
use std::time::Instant;

use dask_core::delayed::Closure;
use dask_core::layer::{BlockInput, Blockwise, Reduce};
use dask_core::{Delayed, LayerRef, Name, Value};
use dask_dist::LocalCluster;

fn inc(x: i64) -> i64 {
    x + 1
}

fn main() -> dask_core::Result<()> {
    for processes in [true, false] {
        let cluster = LocalCluster::builder().workers(2).processes(processes).start()?;
        let client = cluster.client()?;
        println!("workers are {}", if processes { "processes (tcp)" } else { "threads (in process)" });

        let mut micros = Vec::new();
        for i in 0..3000 {
            let start = Instant::now();
            assert_eq!(client.submit(inc, (i,))?.result()?, i + 1);
            micros.push(start.elapsed().as_secs_f64() * 1e6);
        }
        micros.sort_by(f64::total_cmp);
        println!(
            "  submit to result: median {:.0} us, 99th percentile {:.0} us",
            micros[micros.len() / 2],
            micros[micros.len() * 99 / 100]
        );

        let n = 20_000;
        let start = Instant::now();
        let futures = client.map(inc, 0..n)?;
        let sent = start.elapsed();
        assert_eq!(client.gather(&futures).wait()?.len(), n as usize);
        println!(
            "  map of {n}: sent in {:.1} us a call, gathered after {:.1} us a call",
            sent.as_secs_f64() * 1e6 / n as f64,
            start.elapsed().as_secs_f64() * 1e6 / n as f64
        );
        drop(futures);

        for megabytes in [8, 64, 512] {
            let data: Vec<u8> = vec![7; megabytes << 20];
            let start = Instant::now();
            let future = client.scatter(data)?;
            client.wait([&future]).wait()?;
            let scattered = start.elapsed().as_secs_f64();
            let start = Instant::now();
            assert_eq!(future.result()?.len(), megabytes << 20);
            let gathered = start.elapsed().as_secs_f64();
            let rate = |seconds: f64| megabytes as f64 * 1.048_576 / seconds;
            println!("  {megabytes} MiB: scatter {:.0} MB/s, gather {:.0} MB/s", rate(scattered), rate(gathered));
        }

        let one = Closure::new("one", |_: &mut dask_core::Call<'_>| Ok(Value::new(1i64)));
        let sum = Closure::new("sum", |call: &mut dask_core::Call<'_>| {
            let parts: Result<i64, _> = call.drain().map(Value::take::<i64>).sum();
            Ok(Value::new(parts?))
        });
        let ones = Blockwise::new(Name::tokened("one", dask_core::Token::unique()), &[500_000], vec![], Arc::new(one));
        let ones = LayerRef::new(ones, vec![]);
        let next = Closure::new("next", |call: &mut dask_core::Call<'_>| Ok(Value::new(call.take::<i64>(0)? + 1)));
        let input = BlockInput::aligned(ones.name().clone(), &[500_000]);
        let next =
            Blockwise::new(Name::tokened("next", dask_core::Token::unique()), &[500_000], vec![input], Arc::new(next));
        let next = LayerRef::new(next, vec![ones]);
        let name = Name::tokened("sum", dask_core::Token::unique());
        let tree = Reduce::new(name, next.name().clone(), &[500_000], &[1000], Arc::new(sum));
        let tree = LayerRef::new(tree, vec![next]);
        let start = Instant::now();
        let future = client.submit_delayed(&Delayed::<i64>::from_layer(tree))?;
        println!("  a symbolic graph of 1,000,500 tasks: submitted in {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
        future.cancel()?;
        let start = Instant::now();
        client.workers().wait()?;
        println!("  the scheduler answers {:.0} ms later", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

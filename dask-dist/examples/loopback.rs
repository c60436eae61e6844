//! How fast are connections over loopback? `cargo run --release -p dask-dist --example loopback`
//!
//! Two threads, as two processes would be: each its own runtime. Beside each figure stands what bare sockets do.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use dask_core::Value;
use dask_core::wire::{Buffer, Parcel};
use dask_dist::DistError;
use dask_dist::protocol::Batch;
use dask_dist::transport::{Address, CommSettings, Hello, Link, Listener, Role, connect};

const BULK: usize = 64 << 20;
const N_BULK: u32 = 64;
/// Values under way at a time, as a worker that fetches would have it.
const AHEAD: u32 = 3;
const N_PINGS: u32 = 30_000;
const N_SMALL: u32 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (to_us, bound) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || runtime()?.block_on(serve(to_us)));
    let address = bound.recv()?;
    runtime()?.block_on(measure(&address))?;
    match server.join() {
        Ok(ended) => ended?,
        Err(_) => return Err("the serving thread panicked".into()),
    }
    bare()?;
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, DistError> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| DistError::io("starting a runtime", error))
}

/// Answers every batch that says so with the number in it.
async fn serve(bound: std::sync::mpsc::Sender<Address>) -> Result<(), DistError> {
    let settings = CommSettings::default();
    let any = Address::Tcp("127.0.0.1:0".into());
    let mut listener = Listener::bind(&any, Hello::new(Role::Worker), &settings).await?;
    drop(bound.send(listener.address()));
    let Some(incoming) = listener.accept().await else { return Ok(()) };
    let mut link: Link<u64, (u64, bool)> = incoming.link()?;
    while let Some(batch) = link.inbox.recv().await? {
        for (number, answer) in batch.messages {
            if answer && link.outbox.send(Batch::one(number)).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn measure(address: &Address) -> Result<(), Box<dyn std::error::Error>> {
    let mut link: Link<(u64, bool), u64> = connect(address, Hello::new(Role::Peer), &CommSettings::default()).await?;

    let content = Buffer::new(vec![7_u8; BULK]);
    let value = || Value::encoded(Parcel::from_parts("bulk", Vec::new(), vec![content.clone()]));
    let bulk = || Batch { messages: vec![(1, true)], attachments: vec![value()] };
    for (n, name) in [(4, "warm up"), (N_BULK, "values of 64 MiB")] {
        let start = Instant::now();
        for sent in 0..n + AHEAD {
            if sent < n {
                link.outbox.send(bulk())?;
            }
            if AHEAD <= sent {
                link.inbox.recv().await?;
            }
        }
        println!("{name}: {:.2} GB/s", gigabytes(n, start.elapsed()));
    }

    let mut pings = Vec::new();
    for number in 0..N_PINGS {
        let start = Instant::now();
        link.outbox.send(Batch::one((number.into(), true)))?;
        link.inbox.recv().await?;
        pings.push(start.elapsed());
    }
    println!("a small message and its answer: {}", quantiles(&mut pings));

    let start = Instant::now();
    for number in 0..N_SMALL {
        link.outbox.send(Batch::one((number.into(), number + 1 == N_SMALL)))?;
        if number % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    link.inbox.recv().await?;
    println!("batches of one small message: {:.0} ns each", start.elapsed().as_nanos() as f64 / f64::from(N_SMALL));
    // The runtime ends with this function, and the farewell would be lost.
    link.outbox.close();
    link.outbox.closed().await;
    Ok(())
}

fn gigabytes(n: u32, elapsed: Duration) -> f64 {
    f64::from(n) * BULK as f64 / 1e9 / elapsed.as_secs_f64()
}

fn quantiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |q: usize| times[times.len() * q / 100].as_nanos() as f64 / 1e3;
    format!("median {:.1} µs, 99 % {:.1} µs", at(50), at(99))
}

/// The same with blocking sockets and one reused buffer: what the system gives at best.
fn bare() -> std::io::Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut small = [0; 16];
        for _ in 0..N_PINGS {
            socket.read_exact(&mut small)?;
            socket.write_all(&small)?;
        }
        let mut bulk = vec![0; BULK];
        for _ in 0..N_BULK {
            socket.read_exact(&mut bulk)?;
        }
        socket.write_all(&small)
    });
    let mut socket = std::net::TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let (mut small, bulk) = ([1; 16], vec![7; BULK]);
    let mut pings = Vec::new();
    for _ in 0..N_PINGS {
        let start = Instant::now();
        socket.write_all(&small)?;
        socket.read_exact(&mut small)?;
        pings.push(start.elapsed());
    }
    let start = Instant::now();
    for _ in 0..N_BULK {
        socket.write_all(&bulk)?;
    }
    socket.read_exact(&mut small)?;
    println!("bare sockets: {:.2} GB/s, {}", gigabytes(N_BULK, start.elapsed()), quantiles(&mut pings));
    match server.join() {
        Ok(ended) => ended,
        Err(_) => Err(std::io::Error::other("the serving thread panicked")),
    }
}

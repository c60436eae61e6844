//! What a dashboard says, asked for as a browser or a collector of metrics would.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The body of a page.
///
/// # Errors
/// Nobody there, or an answer that is none.
pub fn page(at: SocketAddr, path: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(at)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(format!("{path}: {text}").into()),
    }
}

/// The number that a line of the metrics gives for `name`, with its labels.
///
/// # Errors
/// As [`page`]; no such line.
pub fn metric(at: SocketAddr, name: &str) -> Result<f64, Box<dyn Error>> {
    let text = page(at, "/metrics")?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.ok_or_else(|| format!("there is no metric {name}").into())
}

/// A turn of the scheduler's loop that 99 of 100 do not exceed: milliseconds.
///
/// # Errors
/// As [`metric`].
pub fn loop_p99_ms(at: SocketAddr) -> Result<f64, Box<dyn Error>> {
    Ok(metric(at, "dask_scheduler_tick_duration_seconds{quantile=\"0.99\"}")? * 1e3)
}

/// The longest turn of the scheduler's loop in the last minute: milliseconds.
///
/// # Errors
/// As [`metric`].
pub fn loop_longest_ms(at: SocketAddr) -> Result<f64, Box<dyn Error>> {
    Ok(metric(at, "dask_scheduler_tick_duration_maximum_seconds")? * 1e3)
}

/// Somebody who looks all the time, and counts bytes; until the dashboard ends.
pub struct Viewer {
    nbytes: Arc<AtomicU64>,
    _reads: JoinHandle<()>,
}

impl Viewer {
    /// Begins to look.
    ///
    /// # Errors
    /// Nobody there.
    pub fn look(at: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut stream = TcpStream::connect(at)?;
        stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let nbytes = Arc::new(AtomicU64::new(0));
        let count = nbytes.clone();
        let reads = std::thread::spawn(move || {
            let mut piece = vec![0; 1 << 16];
            while let Ok(n @ 1..) = stream.read(&mut piece) {
                count.fetch_add(n as u64, Ordering::Relaxed);
            }
        });
        Ok(Self { nbytes, _reads: reads })
    }

    /// What it was sent so far.
    #[must_use]
    pub fn nbytes(&self) -> u64 {
        self.nbytes.load(Ordering::Relaxed)
    }
}

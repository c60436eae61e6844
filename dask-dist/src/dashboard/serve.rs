//! Connections of those who look: so many at a time, and none that dawdles. Whoever has not shown a token yet can take no
//! more than that.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At a time; others wait.
    pub(super) n_connections: usize,
    /// A request's head has come within this time, also the next on the same connection.
    pub(super) head: Duration,
    /// Bytes of a head.
    pub(super) head_nbytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { n_connections: 256, head: Duration::from_secs(10), head_nbytes: 16 << 10 }
    }
}

/// After a connection could not be taken, for want of handles perhaps.
const PAUSE: Duration = Duration::from_millis(100);

/// Does not end.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits) {
    let seats = Arc::new(Semaphore::new(limits.n_connections));
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.head_nbytes);
    loop {
        // The semaphore is never closed.
        let Ok(seat) = seats.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                crate::log::warn("dashboard", error);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            // Whoever goes in the middle of an answer is no news.
            let _ = connection.await;
            drop(seat);
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn served(limits: Limits) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Router::new().route("/", get(|| async { "here" })), limits));
        address
    }

    async fn answer(address: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn those_who_say_nothing_make_room_for_others() {
        let limits = Limits { n_connections: 2, head: Duration::from_millis(50), ..Limits::default() };
        let address = served(limits).await;
        let mut silent = Vec::new();
        for i in 0..6 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if i % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
            }
            silent.push(stream);
        }
        let text = answer(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("here"), "{text}");
        // They were cut, in the middle of what they said.
        for mut stream in silent {
            let mut text = Vec::new();
            let _ = stream.read_to_end(&mut text).await;
            assert!(!String::from_utf8_lossy(&text).contains("here"));
        }
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let address = served(Limits { head_nbytes: 8 << 10, ..Limits::default() }).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(64 << 10));
        // It may be cut before all was said.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        let text = String::from_utf8_lossy(&text);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    }
}

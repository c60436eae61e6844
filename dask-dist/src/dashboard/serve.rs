//! Connections of those who look: so many at a time, and none that dawdles. Whoever has not shown a token yet can take no
//! more than that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONNECTION};
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::tls::{Encrypted, Tls};

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At a time; others wait.
    pub(super) n_connections: usize,
    /// A request's head has come within this time, also the next on the same connection; the handshake of TLS before it
    /// has within as much.
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

/// A connection that was opened where pages are encrypted.
pub(super) enum Opened {
    /// By whoever does not know that.
    Plain(TcpStream),
    /// As it is to be.
    Encrypted { stream: Box<Encrypted>, has_certificate: bool },
}

/// Of a request: whoever asks has shown a certificate of the right authority.
#[derive(Clone, Copy, Debug)]
pub(super) struct HasCertificate;

/// What whoever has come is served.
struct Door {
    builder: http1::Builder,
    pages: TowerToHyperService<Router>,
    /// For those who ask without encryption where there is some.
    wrong_scheme: TowerToHyperService<Router>,
    tls: Option<Arc<Tls>>,
    handshake: Duration,
}

impl Door {
    fn new(router: Router, tls: Option<Arc<Tls>>, limits: &Limits) -> Self {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.head_nbytes);
        let why = "these pages are encrypted: ask for them with https:// in place of http://\n";
        let headers = [(CONNECTION, "close"), (CACHE_CONTROL, "no-store")];
        let wrong_scheme = Router::new().fallback(async move || (StatusCode::BAD_REQUEST, headers, why));
        let [pages, wrong_scheme] = [router, wrong_scheme].map(TowerToHyperService::new);
        Self { builder, pages, wrong_scheme, tls, handshake: limits.head }
    }

    /// Ends with the connection. Whoever goes in the middle of an answer is no news.
    async fn receive(&self, stream: TcpStream, from: SocketAddr) {
        let Some(tls) = &self.tls else {
            let _ = self.builder.serve_connection(TokioIo::new(stream), self.pages.clone()).await;
            return;
        };
        match tokio::time::timeout(self.handshake, tls.open(stream, from)).await {
            Ok(Some(Opened::Encrypted { stream, has_certificate })) => {
                let pages = self.pages.clone();
                let pages = service_fn(move |mut request: Request<Incoming>| {
                    if has_certificate {
                        request.extensions_mut().insert(HasCertificate);
                    }
                    pages.call(request)
                });
                let _ = self.builder.serve_connection(TokioIo::new(stream), pages).await;
            }
            Ok(Some(Opened::Plain(stream))) => {
                let _ = self.builder.serve_connection(TokioIo::new(stream), self.wrong_scheme.clone()).await;
            }
            // It has gone, is not trusted, or says nothing.
            Ok(None) | Err(_) => {}
        }
    }
}

/// Does not end.
pub(super) async fn serve(listener: TcpListener, router: Router, tls: Option<Arc<Tls>>, limits: Limits) {
    let seats = Arc::new(Semaphore::new(limits.n_connections));
    let door = Arc::new(Door::new(router, tls, &limits));
    loop {
        // The semaphore is never closed.
        let Ok(seat) = seats.clone().acquire_owned().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                crate::log::warn("dashboard", error);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let door = door.clone();
        tokio::spawn(async move {
            door.receive(stream, from).await;
            drop(seat);
        });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

    use super::*;

    async fn served(limits: Limits) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Router::new().route("/", get(|| async { "here" })), None, limits));
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
        sends_a_head_without_end(TcpStream::connect(address).await.unwrap()).await;
    }

    /// It is refused, encrypted or not.
    pub(in crate::dashboard) async fn sends_a_head_without_end(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(64 << 10));
        // It may be cut before all was said.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        let text = String::from_utf8_lossy(&text);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    }
}

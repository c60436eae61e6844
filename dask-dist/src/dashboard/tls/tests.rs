//! Handshakes that dawdle, or never end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rcgen::generate_simple_self_signed;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::super::serve::tests::sends_a_head_without_end;
use super::super::serve::{Limits, serve};
use super::*;

/// A server that is encrypted, and who believes it.
async fn served(limits: Limits) -> (SocketAddr, TlsConnector) {
    let made = generate_simple_self_signed(vec!["dask".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let tls = Tls::load(&DashboardTls { cert, key, ca_file: None }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(|| async { "here" }));
    tokio::spawn(serve(listener, router, Some(Arc::new(tls)), limits));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (address, TlsConnector::from(Arc::new(config)))
}

async fn connect(address: SocketAddr, connector: &TlsConnector) -> tokio_rustls::client::TlsStream<TcpStream> {
    let name = ServerName::try_from("dask").unwrap();
    connector.connect(name, TcpStream::connect(address).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn handshakes_that_do_not_end_make_room_for_others() {
    let limits = Limits { n_connections: 2, head: Duration::from_millis(200), ..Limits::default() };
    let (address, connector) = served(limits).await;
    let mut silent = Vec::new();
    for said in [&b""[..], &[HANDSHAKE], &[HANDSHAKE, 3, 1, 0x40, 0, 1, 0, 0x3f], b"G", b"GET / HTTP/1.1\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    // Who has shaken hands must go on to ask.
    let mut shaken = connect(address, &connector).await;
    let mut stream = connect(address, &connector).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("here"), "{text}");
    let mut said = Vec::new();
    let _ = shaken.read_to_end(&mut said).await;
    for mut stream in silent {
        let _ = stream.read_to_end(&mut said).await;
    }
    assert!(!String::from_utf8_lossy(&said).contains("here"));
}

#[tokio::test]
async fn a_handshake_that_dribbles_is_cut_when_its_time_is_over() {
    let limits = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let (address, _) = served(limits).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A record of 16 KB, a byte at a time.
    stream.write_all(&[HANDSHAKE, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]).await.unwrap();
    let start = tokio::time::Instant::now();
    while stream.write_all(&[0]).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody cuts it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(limits.head / 2 < start.elapsed());
}

#[tokio::test]
async fn a_handshake_without_end_is_refused() {
    let (address, _) = served(Limits { head: Duration::from_secs(600), ..Limits::default() }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A first message of 16 MB less one, in records that are full.
    let mut record = vec![0; 5 + 0x4000];
    record[..9].copy_from_slice(&[HANDSHAKE, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]);
    let mut sent = 0;
    while stream.write_all(&record).await.is_ok() {
        record[5..9].fill(0);
        sent += record.len();
        assert!(sent < 15 << 20, "all of it is kept");
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused_inside_too() {
    let (address, connector) = served(Limits { head_nbytes: 8 << 10, ..Limits::default() }).await;
    sends_a_head_without_end(connect(address, &connector).await).await;
}

//! Pages that are encrypted, through a client that checks the certificate as browsers do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dask_dist::dashboard::{Dashboard, DashboardOptions, DashboardTls};
use dask_dist::{DistError, LocalCluster, Security};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::authority::{Authority, DAY};

/// A certificate and its key.
type Files = (PathBuf, PathBuf);

/// A certificate that is still good.
fn good(authority: &Authority, name: &str) -> Files {
    authority.sign(name, DAY, Duration::ZERO)
}

fn served(files: &Files, ca_file: Option<PathBuf>) -> DashboardOptions {
    let tls = DashboardTls { cert: files.0.clone(), key: files.1.clone(), ca_file };
    DashboardOptions { tls: Some(tls), ..DashboardOptions::default() }
}

fn watched(options: DashboardOptions) -> (LocalCluster, SocketAddr) {
    let cluster = LocalCluster::builder().workers(1).dashboard_with("127.0.0.1:0", options).start().unwrap();
    let address = cluster.dashboard().unwrap().address();
    (cluster, address)
}

/// Somebody who believes an authority (its certificate is `ca`), and may have a certificate too.
fn connect(address: SocketAddr, ca: &Path, shown: Option<&Files>) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some((cert, key)) => {
            let cert = CertificateDer::from_pem_file(cert).unwrap();
            config.with_client_auth_cert(vec![cert], PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connection = ClientConnection::new(Arc::new(config), "dask".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

/// All that is answered to a request.
fn ask(stream: &mut (impl Read + Write), path: &str, rest: &str) -> std::io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\n{rest}\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Status and body.
pub(crate) fn get(address: SocketAddr, ca: &Path, shown: Option<&Files>, path: &str) -> (u16, String) {
    try_get(address, ca, shown, path).unwrap()
}

/// As [`get`], where the connection may be refused.
pub(crate) fn try_get(
    address: SocketAddr,
    ca: &Path,
    shown: Option<&Files>,
    path: &str,
) -> std::io::Result<(u16, String)> {
    let text = ask(&mut connect(address, ca, shown), path, "Host: dask\r\n")?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Ok((head[9..12].parse().unwrap(), body.to_owned()))
}

#[test]
fn pages_api_and_pushes_are_served_encrypted() {
    let authority = Authority::new();
    let (cluster, address) = watched(served(&good(&authority, "site"), None));
    assert_eq!(cluster.dashboard().unwrap().url(), format!("https://{address}/"));
    let get = |path: &str| get(address, &authority.ca(), None, path);
    assert_eq!(get("/health"), (200, "ok\n".to_owned()));
    let (status, page) = get("/");
    assert!(status == 200 && page.contains("Task stream"), "{page}");
    let (status, metrics) = get("/metrics");
    assert!(status == 200 && metrics.contains("dask_scheduler_workers"), "{metrics}");
    let (status, counts) = get("/api/v1/status");
    let counts: Value = serde_json::from_str(&counts).unwrap();
    assert_eq!((status, &counts["workers"]), (200, &Value::from(1)));
    let mut stream = connect(address, &authority.ca(), None);
    write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: dask\r\n\r\n").unwrap();
    let mut pushes = BufReader::new(stream).lines().map_while(Result::ok).filter(|line| line.starts_with("data:"));
    for _ in 0..3 {
        let push: Value = serde_json::from_str(&pushes.next().unwrap()["data:".len()..]).unwrap();
        assert_eq!(push["status"]["workers"], 1);
    }
    // The certificate is for `dask`, and for nobody else's name.
    for (host, status) in [("dask:8787", "200"), ("DASK", "200"), ("localhost", "200"), ("evil.example", "403")] {
        let text = ask(&mut connect(address, &authority.ca(), None), "/", &format!("Host: {host}\r\n")).unwrap();
        assert_eq!(&text[9..12], status, "{host}");
    }
}

#[test]
fn one_connection_serves_several_requests() {
    let authority = Authority::new();
    let (_cluster, address) = watched(served(&good(&authority, "site"), None));
    let mut stream = connect(address, &authority.ca(), None);
    for _ in 0..3 {
        write!(stream, "GET /health HTTP/1.1\r\nHost: dask\r\n\r\n").unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\nok\n") {
            let mut piece = [0; 512];
            let n = stream.read(&mut piece).unwrap();
            assert!(n != 0);
            text.extend(&piece[..n]);
        }
    }
}

#[test]
fn who_shows_no_certificate_where_one_is_asked_for_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (reader, stranger) = (good(&ours, "reader"), good(&theirs, "stranger"));
    let site = good(&ours, "site");
    let (_cluster, address) = watched(served(&site, Some(ours.ca())));
    for path in ["/", "/metrics", "/api/v1/status", "/api/v1/stream", "/nowhere"] {
        let (status, text) = get(address, &ours.ca(), None, path);
        assert!(status == 403 && text.contains("show a certificate"), "{path}: {text}");
    }
    assert_eq!(get(address, &ours.ca(), None, "/health").0, 200);
    assert_eq!(get(address, &ours.ca(), Some(&reader), "/").0, 200);
    assert_eq!(get(address, &ours.ca(), Some(&reader), "/metrics").0, 200);
    let refused = try_get(address, &ours.ca(), Some(&stranger), "/health");
    assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("received fatal alert")), "{refused:?}");
    let old = ours.sign("old", Duration::ZERO, DAY);
    let refused = try_get(address, &ours.ca(), Some(&old), "/");
    assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("CertificateExpired")), "{refused:?}");
    // With a token, both.
    let readers = Security::default().token("a token of the readers").unwrap();
    let (_cluster, address) = watched(DashboardOptions { readers, ..served(&site, Some(ours.ca())) });
    let bearer = "Host: dask\r\nAuthorization: Bearer a token of the readers\r\n";
    for (shown, rest, status) in
        [(None, bearer, "403"), (Some(&reader), "Host: dask\r\n", "401"), (Some(&reader), bearer, "200")]
    {
        let text = ask(&mut connect(address, &ours.ca(), shown), "/", rest).unwrap();
        assert_eq!(&text[9..12], status);
    }
}

#[test]
fn pages_that_others_can_reach_need_more_than_encryption() {
    let authority = Authority::new();
    let site = good(&authority, "site");
    let error = Dashboard::start_with("0.0.0.0:0", served(&site, None)).err().unwrap().to_string();
    assert!(error.contains("encrypted or not") && error.contains("--dashboard-tls-ca-file"), "{error}");
    assert!(Dashboard::start_with("0.0.0.0:0", served(&site, Some(authority.ca()))).is_ok());
    let readers = Security::random().unwrap();
    assert!(Dashboard::start_with("0.0.0.0:0", DashboardOptions { readers, ..served(&site, None) }).is_ok());
}

#[test]
fn who_talks_past_the_encryption_is_told() {
    let authority = Authority::new();
    let (_cluster, address) = watched(served(&good(&authority, "site"), None));
    for path in ["/", "/health", "/api/v1/status"] {
        let text = ask(&mut TcpStream::connect(address).unwrap(), path, "Host: localhost\r\n").unwrap();
        assert!(text.starts_with("HTTP/1.1 400") && text.contains("https://"), "{text}");
        assert!(text.to_ascii_lowercase().contains("content-type: text/plain"), "{text}");
    }
    // Nonsense that is neither.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"\x01\x02\x03\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    // The other way round, at once: what curl calls a wrong version number.
    let (_cluster, address) = watched(DashboardOptions::default());
    let start = Instant::now();
    let refused = ask(&mut connect(address, &authority.ca(), None), "/", "Host: localhost\r\n");
    assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("corrupt message")), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn files_that_are_of_no_use_are_named_with_what_is_wrong() {
    let authority = Authority::new();
    let (cert, key) = good(&authority, "site");
    let why = |cert: &Path, key: &Path, ca: Option<PathBuf>| {
        let started = Dashboard::start_with("127.0.0.1:0", served(&(cert.to_path_buf(), key.to_path_buf()), ca));
        let error = started.err().unwrap();
        assert!(matches!(error, DistError::BadSecurity { .. }));
        error.to_string()
    };
    let none = authority.path().join("none.pem");
    for error in [why(&none, &key, None), why(&cert, &none, None), why(&cert, &key, Some(none.clone()))] {
        assert!(error.contains("none.pem: No such file"), "{error}");
    }
    let error = why(&key, &key, None);
    assert!(error.contains("site-key.pem: there is no certificate in it"), "{error}");
    let error = why(&cert, &cert, None);
    assert!(error.contains("site.pem") && error.contains("private key"), "{error}");
    let error = why(&cert, &key, Some(key.clone()));
    assert!(error.contains("site-key.pem: there is no certificate in it"), "{error}");
    let (old, old_key) = authority.sign("old", Duration::ZERO, DAY);
    let error = why(&cert, &old_key, None);
    assert!(error.contains("old-key.pem: it is not the key of the certificate"), "{error}");
    let error = why(&old, &old_key, None);
    let date = error.split("expired on ").nth(1).unwrap_or_default();
    assert!(error.contains("old.pem") && date.starts_with("20") && date.contains("UTC"), "{error}");
    let garbled = authority.path().join("garbled.pem");
    std::fs::write(&garbled, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let error = why(&garbled, &key, None);
    assert!(error.contains("garbled.pem"), "{error}");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let error = why(&cert, &key, None);
    assert!(error.contains("everybody on this machine can read this private key"), "{error}");
}

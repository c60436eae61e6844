//! A dashboard with a certificate.

use std::net::SocketAddr;
use std::path::Path;

use super::*;
use crate::dashboard::https;

/// Where the pages are that a line tells of.
fn pages(line: &str) -> SocketAddr {
    let (_, url) = line.split_once("dashboard at https://").unwrap_or_else(|| panic!("{line}"));
    url.split('/').next().unwrap().parse().unwrap()
}

#[test]
fn a_dashboard_with_a_certificate_is_announced_and_served_as_https() {
    let folder = tempfile::tempdir().unwrap();
    let file = keys(folder.path());
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let given = ["--dashboard-tls-cert", &cert, "--dashboard-tls-key", &key];
    let configured = [
        ("DASK_DISTRIBUTED__SCHEDULER__DASHBOARD__TLS__CERT", &*cert),
        ("DASK_DISTRIBUTED__SCHEDULER__DASHBOARD__TLS__KEY", &*key),
    ];
    let scheduler = ["scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0"];
    let cluster = ["cluster", "--workers", "1", "--port", "0", "--dashboard-address", "127.0.0.1:0"];
    for what in [&scheduler[..], &cluster] {
        for (arguments, environment) in [(&given[..], &[][..]), (&["--json"], &configured)] {
            let process = Running::start_with(&[what, arguments].concat(), environment);
            let address = pages(&process.line("dashboard at"));
            assert_eq!(https::get(address, Path::new(&ca), None, "/health"), (200, "ok\n".to_owned()));
            assert_eq!(https::get(address, Path::new(&ca), None, "/").0, 200);
        }
    }
    // Open to others, for those with a certificate.
    let open = ["scheduler", "--port", "0", "--dashboard-address", "0.0.0.0:0"];
    let (code, text) = call(&[&open[..], &given].concat());
    assert!(code == Some(1) && text.contains("--dashboard-tls-ca-file"), "{text}");
    let process = Running::start(&[&open[..], &given, &["--dashboard-tls-ca-file", &ca]].concat());
    let address = SocketAddr::from(([127, 0, 0, 1], pages(&process.line("dashboard at")).port()));
    let shown = (cert.clone().into(), key.clone().into());
    assert_eq!(https::get(address, Path::new(&ca), Some(&shown), "/api/v1/status").0, 200);
    assert_eq!(https::get(address, Path::new(&ca), None, "/api/v1/status").0, 403);
    // Who shows another authority's is refused, and the operator is told why.
    let other = tempfile::tempdir().unwrap();
    let theirs = keys(other.path());
    let shown = (theirs("cert.pem").into(), theirs("key.pem").into());
    assert!(https::try_get(address, Path::new(&ca), Some(&shown), "/health").is_err());
    let line = process.line("refused");
    assert!(line.contains("not signed by our authority"), "{line}");
}

#[test]
fn certificates_of_a_dashboard_that_are_of_no_use_are_named() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, theirs) = (keys(folder.path()), keys(other.path()));
    let (cert, key, their_key) = (file("cert.pem"), file("key.pem"), theirs("key.pem"));
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--dashboard-tls-cert", &cert], &["dashboard.tls.key", "go together"]),
        (&["--dashboard-tls-key", &key], &["dashboard.tls.cert", "go together"]),
        (&["--dashboard-tls-ca-file", &cert], &["dashboard.tls.cert", "go together"]),
        (&["--dashboard-tls-cert", &cert, "--dashboard-tls-key", &their_key], &[&their_key, "not the key of", &cert]),
        (&["--dashboard-tls-cert", "/none.pem", "--dashboard-tls-key", &key], &["/none.pem", "No such file"]),
    ];
    for (given, parts) in cases {
        for what in [&["scheduler", "--port", "0"][..], &["cluster", "--workers", "1", "--port", "0"]] {
            let (code, text) = call(&[what, given].concat());
            assert_eq!(code, Some(1), "{given:?}: {text}");
            assert!(parts.iter().all(|part| text.contains(part)), "{given:?}: {text}");
        }
    }
}

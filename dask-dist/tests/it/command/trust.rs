//! Who is kept out, and what both sides are told.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::*;

/// Files that somebody shows.
fn shown(folder: &Path, which: &[(&str, &str)]) -> Vec<String> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    which.iter().flat_map(|(option, name)| [(*option).to_owned(), path(name)]).collect()
}

fn token(folder: &Path) -> Vec<String> {
    shown(folder, &[("--token-file", "token")])
}

fn certificates(folder: &Path) -> Vec<String> {
    shown(folder, &[("--tls-ca-file", "ca.pem"), ("--tls-cert", "cert.pem"), ("--tls-key", "key.pem")])
}

fn with<'a>(what: &[&'a str], shown: &'a [String]) -> Vec<&'a str> {
    what.iter().copied().chain(shown.iter().map(String::as_str)).collect()
}

/// A folder with keys of its own.
fn made(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    let _ = keys(&folder);
    folder
}

#[test]
fn who_shows_something_else_is_told_what_is_wrong_and_so_is_the_operator() {
    let root = tempfile::tempdir().unwrap();
    let (ours, theirs) = (made(root.path(), "ours"), made(root.path(), "theirs"));
    let nothing = Vec::new();
    // What the scheduler shows, and what somebody else does; what he is told, and what the operator is.
    let cases: [(Vec<String>, Vec<String>, &str, &str); 6] = [
        (token(&ours), token(&theirs), "the token is another", "the token is another"),
        (token(&ours), nothing.clone(), "a token is needed", "a token is needed"),
        (nothing.clone(), token(&ours), "the other has none", "the other has none"),
        (certificates(&ours), certificates(&theirs), "not signed by our authority", "refused"),
        (certificates(&ours), nothing.clone(), "does not speak TLS", "does not speak TLS"),
        (nothing, certificates(&ours), "does not speak TLS", "it speaks TLS"),
    ];
    for (here, there, told, said) in &cases {
        let scheduler = ["scheduler", "--port", "0", "--dashboard-address", "none"];
        let scheduler = Running::start(&with(&scheduler, here));
        let address = scheduler.address();
        // As it is, whatever the one who calls shows.
        let host = address.split_once("://").unwrap().1;
        // A nanny does not start one again that is not wanted.
        for what in [&["info", host][..], &["worker", host, "--nthreads", "1", "--memory-limit", "0"]] {
            let (code, text) = call(&with(what, there));
            assert!(code == Some(1) && text.contains(told), "{here:?} {there:?}: {text}");
        }
        let line = scheduler.line("refused");
        assert!(line.contains(said), "{here:?} {there:?}: {line}");
        // Whoever shows the same is let in as before.
        assert_eq!(call(&with(&["info", host], here)).0, Some(0));
    }
}

#[test]
fn a_certificate_that_has_expired_is_named_with_its_date() {
    let root = tempfile::tempdir().unwrap();
    let ours = root.path().join("ours");
    std::fs::create_dir(&ours).unwrap();
    let (authority, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(ours.join("ca.pem"), ca.self_signed(&authority).unwrap().pem()).unwrap();
    let issuer = Issuer::from_params(&ca, &authority);
    let mut params = CertificateParams::new(vec!["dask".to_owned()]).unwrap();
    let day = Duration::from_secs(86_400);
    params.not_before = (SystemTime::now() - 9 * day).into();
    params.not_after = (SystemTime::now() - day).into();
    std::fs::write(ours.join("cert.pem"), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(ours.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(ours.join("key.pem"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let shown = certificates(&ours);
    for what in [&["scheduler", "--port", "0"][..], &["worker", "127.0.0.1:1"], &["info", "127.0.0.1:1"]] {
        let (code, text) = call(&with(what, &shown));
        assert_eq!(code, Some(1), "{text}");
        let date = text.split("expired on ").nth(1).unwrap_or_default();
        assert!(text.contains("ours/cert.pem") && date.starts_with("20") && date.contains("UTC"), "{text}");
    }
}

//! Who may ask: with a token, whoever has it; with authorities, whoever shows a certificate of theirs; without a token, no
//! page of another site, by whatever name it calls this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderValue, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::serve::HasCertificate;
use super::tls::Tls;
use crate::security::Security;

/// What the page may load: what it came from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Who is let in.
#[derive(Default)]
pub(super) struct Guard {
    /// The token that they must give, if there is one. A browser keeps it for the names under which it was typed: no
    /// other site can make it send the token, so that the name matters no more.
    pub(super) readers: Security,
    /// Names of this machine, besides its own, in lower case.
    pub(super) hosts: Vec<String>,
    /// If pages are encrypted: names that the certificate is for are this machine's too, and certificates may be asked for.
    pub(super) tls: Option<Arc<Tls>>,
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.refusal(&request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // What is told is of this moment, and not for others.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Guard {
    /// Whether nobody is let in without showing something. That all of it is encrypted is not enough.
    pub(super) fn keeps_strangers_out(&self) -> bool {
        self.readers.has_token() || self.asks_for_certificates()
    }

    fn asks_for_certificates(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.asks())
    }

    /// What to answer to a request that is not let in.
    fn refusal(&self, request: &Request) -> Option<Response> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Some((StatusCode::METHOD_NOT_ALLOWED, "these pages are read only: GET or HEAD").into_response());
        }
        if request.uri().path() == "/health" {
            return None;
        }
        if self.asks_for_certificates() && request.extensions().get::<HasCertificate>().is_none() {
            let why = "show a certificate, of an authority that this dashboard was given (--dashboard-tls-ca-file)";
            return Some((StatusCode::FORBIDDEN, why).into_response());
        }
        if self.readers.has_token() {
            let ask = [(WWW_AUTHENTICATE, "Basic realm=\"dask\", charset=\"UTF-8\"")];
            let why = "give the dashboard's token: as the password, of any user, or as a bearer token";
            let is_in = is_reader(&self.readers, request.headers());
            return (!is_in).then(|| (StatusCode::UNAUTHORIZED, ask, why).into_response());
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let why = "this name is not known here: use the machine's address, its host name or localhost, start the scheduler with --dashboard-host NAME, or guard the pages with a token";
        (!self.is_ours(host)).then(|| (StatusCode::FORBIDDEN, why).into_response())
    }

    /// Addresses, localhost, this machine's name, those given and those that the certificate is for: a name that a stranger
    /// made point here is none of these.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || (!name.is_empty() && name.eq_ignore_ascii_case(this_machine().trim()))
            || self.hosts.iter().any(|ours| name.eq_ignore_ascii_case(ours))
            || self.tls.as_ref().is_some_and(|tls| tls.is_for(name))
    }
}

/// Whether the token is there, as a password or as a bearer token.
fn is_reader(readers: &Security, headers: &HeaderMap) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    match given.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => readers.is_token(token.trim().as_bytes()),
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") => {
            let pair = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, pair.trim()).unwrap_or_default();
            pair.iter().position(|&byte| byte == b':').is_some_and(|colon| readers.is_token(&pair[colon + 1..]))
        }
        _ => false,
    }
}

fn this_machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_names_are_refused() {
        let guard = Guard::default();
        for host in ["127.0.0.1:8787", "localhost:1", "LOCALHOST", "[::1]:80", "10.0.0.3"] {
            assert!(guard.is_ours(host), "{host}");
        }
        for host in ["evil.example:8787", "localhost.evil.example", "", "127.0.0.1.evil.example:80", "[x]:1"] {
            assert!(!guard.is_ours(host), "{host}");
        }
        let guard = Guard { hosts: vec!["dask.example.org".to_owned()], ..Guard::default() };
        for host in ["dask.example.org", "Dask.Example.org:8787", "dask.example.org.:80", "localhost"] {
            assert!(guard.is_ours(host), "{host}");
        }
        assert!(!guard.is_ours("example.org") && !guard.is_ours("other.dask.example.org"));
    }
}

//! Who may ask: no page of another site, by whatever name it calls this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderValue, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::security::Security;

/// What the page may load: what it came from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn check(State(readers): State<Arc<Security>>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, "these pages are read only: GET or HEAD").into_response();
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    if !is_ours(host) {
        let why = "this name is not known here: use the machine's address, its host name or localhost";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    if readers.has_token() && request.uri().path() != "/health" && !is_reader(&readers, request.headers()) {
        let ask = [(WWW_AUTHENTICATE, "Basic realm=\"dask\", charset=\"UTF-8\"")];
        let why = "give the dashboard's token: as the password, of any user, or as a bearer token";
        return (StatusCode::UNAUTHORIZED, ask, why).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
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

/// Addresses, localhost and this machine's name: a name that a stranger made point here is none of these.
fn is_ours(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || (!name.is_empty() && name.eq_ignore_ascii_case(this_machine().trim()))
}

fn this_machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_names_are_refused() {
        for host in ["127.0.0.1:8787", "localhost:1", "LOCALHOST", "[::1]:80", "10.0.0.3"] {
            assert!(is_ours(host), "{host}");
        }
        for host in ["evil.example:8787", "localhost.evil.example", "", "127.0.0.1.evil.example:80", "[x]:1"] {
            assert!(!is_ours(host), "{host}");
        }
    }
}

//! The first words on a connection.

use std::time::Duration;

use dask_dist::DistError;
use dask_dist::transport::{Address, CommSettings, Hello, Listener, Role, connect};
use dask_dist::wire::handshake::{PROTOCOL, greet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn settings() -> CommSettings {
    CommSettings { handshake_timeout: Duration::from_millis(300), ..CommSettings::default() }
}

async fn listener() -> (Listener, String) {
    let listener =
        Listener::bind(&Address::Tcp("127.0.0.1:0".into()), Hello::new(Role::Scheduler), &settings()).await.unwrap();
    let Address::Tcp(host) = listener.address() else { panic!("bound to TCP") };
    (listener, host)
}

/// What a listener answers to these bytes, until it closes.
async fn answer_to(bytes: &[u8]) -> Vec<u8> {
    let (_listener, host) = listener().await;
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    drop(socket.read_to_end(&mut answer).await);
    answer
}

fn start(protocol: u32, length: u32) -> Vec<u8> {
    let mut bytes = b"dask-rs\n".to_vec();
    bytes.extend(protocol.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes
}

#[tokio::test]
async fn another_protocol_is_refused_and_both_numbers_are_named() {
    let answer = String::from_utf8_lossy(&answer_to(&start(77, 0)).await).into_owned();
    assert!(answer.contains("protocol 77"), "{answer}");
    assert!(answer.contains(&format!("this program {PROTOCOL}")), "{answer}");
}

#[tokio::test]
async fn a_browser_is_told_that_this_is_no_web_page() {
    let answer = String::from_utf8_lossy(&answer_to(b"GET / HTTP/1.1\r\n\r\n").await).into_owned();
    assert!(answer.starts_with("HTTP/1.0 400") && answer.contains("not HTTP"), "{answer}");
}

#[tokio::test]
async fn a_greeting_that_is_too_long_is_refused_before_it_is_read() {
    let answer = String::from_utf8_lossy(&answer_to(&start(PROTOCOL, u32::MAX)).await).into_owned();
    assert!(answer.contains("4294967295") && answer.contains("exceeds the limit"), "{answer}");
}

#[tokio::test]
async fn garbage_and_silence_are_let_go() {
    // Each returns only because the listener closes the connection.
    answer_to(&[0; 64]).await;
    answer_to(&[0xff; 3]).await;
    answer_to(&start(PROTOCOL, 1000)).await;
    answer_to(b"").await;
    let mut malformed = start(PROTOCOL, 8);
    malformed.extend([0xee; 8]);
    answer_to(&malformed).await;
}

#[tokio::test]
async fn who_is_slow_to_introduce_himself_holds_nobody_up() {
    let (mut listener, host) = listener().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(&host).await.unwrap());
    }
    let address = Address::Tcp(host);
    let slow = CommSettings::default();
    for _ in 0..20 {
        let (near, far) = tokio::join!(connect::<u8, u8>(&address, Hello::new(Role::Client), &slow), listener.accept());
        near.unwrap();
        assert_eq!(far.unwrap().peer.role, Role::Client);
    }
    drop(silent);
}

#[tokio::test]
async fn a_listener_that_says_nothing_is_given_up() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(server.local_addr().unwrap().to_string());
    let link = connect::<u8, u8>(&address, Hello::new(Role::Client), &settings()).await;
    let error = link.err().unwrap();
    assert!(matches!(error, DistError::Timeout { what: "the handshake", .. }), "{error}");
}

#[tokio::test]
async fn more_may_be_said_with_the_greeting() {
    let (mut listener, host) = listener().await;
    let hello = Hello::new(Role::Worker).with_about(&("alice".to_owned(), 4_u32)).unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let slow = CommSettings::default();
    let (greeted, incoming) = tokio::join!(greet(&mut socket, hello, &slow, "test"), listener.accept());
    assert_eq!(greeted.unwrap().role, Role::Scheduler);
    let peer = incoming.unwrap().peer;
    assert_eq!(peer.about::<(String, u32)>("test").unwrap(), ("alice".to_owned(), 4));
    assert!(matches!(peer.about::<u8>("test"), Err(DistError::Malformed { .. })));
}

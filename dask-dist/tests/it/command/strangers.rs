//! What somebody who has shown nothing yet can make a process take.

use std::net::TcpStream;

use dask_dist::shell::process::own_bytes;
use dask_dist::wire::handshake::PROTOCOL;

use super::*;

/// Who connects, begins a greeting of so many bytes, and says no more.
fn begins(address: &str, length: u32, said: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address.split_once("://").unwrap().1).unwrap();
    let mut bytes = b"dask-rs\n".to_vec();
    bytes.extend(PROTOCOL.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(vec![0x55; said]);
    // One that was refused already takes nothing more.
    let _ = stream.write_all(&bytes);
    stream
}

#[test]
fn strangers_make_a_scheduler_take_little() {
    const N: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let file = keys(folder.path());
    let token = ["--token-file".to_owned(), file("token")];
    for shown in [&token[..], &[]] {
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        let plain = ["scheduler", "--port", "0", "--dashboard-address", "none"];
        let scheduler = Running::start(&[&plain[..], &shown].concat());
        let address = scheduler.address();
        let info = || assert_eq!(call(&[&["info", &address][..], &shown].concat()).0, Some(0));
        info();
        let process = scheduler.id();
        let before = own_bytes(process);
        // Lengths that are forged, just too long, and as long as may be.
        let lengths = [u32::MAX, 1 << 30, (1 << 20) + 1, 1 << 20, 257, 256];
        let strangers: Vec<TcpStream> = (0..N).map(|i| begins(&address, lengths[i % lengths.len()], 100)).collect();
        // All of them were heard before this one is.
        info();
        let taken = own_bytes(process).saturating_sub(before);
        let each = taken / N as u64;
        assert!(each < 32 << 10, "{each} bytes for each of {N} strangers");
        drop(strangers);
    }
}

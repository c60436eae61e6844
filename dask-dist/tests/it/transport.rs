//! Connections: what is sent arrives, in order, and whoever misbehaves is told apart.

use std::time::Duration;

use dask_core::wire::{Buffer, Parcel};
use dask_core::{Token, Value};
use dask_dist::DistError;
use dask_dist::protocol::Batch;
use dask_dist::transport::{Address, CommSettings, Hello, Inbox, Link, Listener, Outbox, Role, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Pair = (Link<String, String>, Link<String, String>);

fn tcp() -> Address {
    Address::Tcp("127.0.0.1:0".into())
}

fn settings() -> CommSettings {
    CommSettings { stall_timeout: Duration::from_millis(200), ..CommSettings::default() }
}

/// A client's end and a scheduler's end.
async fn pair_with(address: &Address, ours: &CommSettings, theirs: &CommSettings) -> Pair {
    let mut listener = Listener::bind(address, Hello::new(Role::Scheduler), theirs).await.unwrap();
    let address = listener.address();
    let (near, far) = tokio::join!(connect(&address, Hello::new(Role::Client), ours), listener.accept());
    (near.unwrap(), far.unwrap().link().unwrap())
}

async fn pair(address: &Address) -> Pair {
    pair_with(address, &settings(), &settings()).await
}

fn text(n: usize) -> Batch<String> {
    Batch::one(format!("message {n}"))
}

/// One that sends raw bytes after a true greeting, and the other end.
async fn raw(settings: &CommSettings) -> (TcpStream, Link<String, String>) {
    let mut listener = Listener::bind(&tcp(), Hello::new(Role::Scheduler), settings).await.unwrap();
    let Address::Tcp(host) = listener.address() else { panic!("bound to TCP") };
    let mut socket = TcpStream::connect(host).await.unwrap();
    let mine = Hello::new(Role::Worker);
    let (greeted, far) =
        tokio::join!(dask_dist::wire::handshake::greet(&mut socket, mine, settings, "test"), listener.accept());
    greeted.unwrap();
    (socket, far.unwrap().link().unwrap())
}

async fn both(check: impl AsyncFn(Pair)) {
    check(pair(&tcp()).await).await;
    check(pair(&Address::InProc(format!("pair-{}", Token::unique()))).await).await;
}

async fn received(inbox: &mut Inbox<String>) -> Vec<String> {
    inbox.recv().await.unwrap().expect("a batch, not the end").messages
}

#[tokio::test]
async fn each_side_learns_who_the_other_is() {
    both(async |(near, far)| {
        assert_eq!((near.peer.role, far.peer.role), (Role::Scheduler, Role::Client));
        assert_eq!(far.peer.build, dask_core::wire::local::build_id());
    })
    .await;
}

#[tokio::test]
async fn batches_arrive_in_order_in_both_directions() {
    both(async |(mut near, mut far)| {
        for n in 0..10_000 {
            near.outbox.send(text(n)).unwrap();
            far.outbox.send(text(n + 1)).unwrap();
        }
        for n in 0..10_000 {
            assert_eq!(received(&mut far.inbox).await, [format!("message {n}")]);
            assert_eq!(received(&mut near.inbox).await, [format!("message {}", n + 1)]);
        }
        assert!(near.inbox.try_recv().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_empty_batch_is_a_batch() {
    both(async |(near, mut far)| {
        near.outbox.send(Batch::default()).unwrap();
        let batch = far.inbox.recv().await.unwrap().unwrap();
        assert!(batch.is_empty() && batch.attachments.is_empty());
    })
    .await;
}

#[tokio::test]
async fn values_travel_beside_messages_whatever_their_sizes() {
    both(async |(near, mut far)| {
        let sizes = [0, 1, 4095, 4096, 4097, 65_536, 1_000_003];
        let value = |n: usize| Value::new((0..n).map(|i| (i * 7) as u8).collect::<Vec<u8>>());
        for n in sizes {
            let attachments = vec![value(n), Value::new(format!("{n} bytes"))];
            near.outbox.send(Batch { messages: vec!["values".to_owned(); 3], attachments }).unwrap();
        }
        for n in sizes {
            let batch = far.inbox.recv().await.unwrap().unwrap();
            assert_eq!(batch.messages.len(), 3);
            assert_eq!(batch.attachments[0].get::<Vec<u8>>().unwrap(), value(n).get::<Vec<u8>>().unwrap());
            assert_eq!(batch.attachments[1].get::<String>().unwrap(), &format!("{n} bytes"));
        }
    })
    .await;
}

#[tokio::test]
async fn buffers_arrive_aligned_and_whole() {
    let (near, mut far) = pair(&tcp()).await;
    let sizes = [0_usize, 1, 63, 5000, 100_000, 67_200_000];
    let content = |n: usize| (0..n).map(|i| (i / 3) as u8).collect::<Vec<u8>>();
    let buffers = sizes.iter().map(|&n| Buffer::new(content(n))).collect();
    let parcel = Parcel::from_parts("test.buffers", vec![1, 2, 3], buffers);
    near.outbox.send(Batch { messages: vec![], attachments: vec![Value::encoded(parcel)] }).unwrap();
    let batch = far.inbox.recv().await.unwrap().unwrap();
    let parcel = batch.attachments[0].to_parcel().unwrap();
    assert_eq!((parcel.type_name(), parcel.bytes()), ("test.buffers", &[1, 2, 3][..]));
    for (buffer, n) in parcel.buffers().iter().zip(sizes) {
        assert!(buffer.as_slice() == content(n), "{n} bytes");
        assert_eq!(buffer.as_slice().as_ptr().addr() % 64, 0);
    }
}

#[tokio::test]
async fn what_was_sent_before_the_end_arrives_and_then_the_end() {
    both(async |(near, mut far)| {
        near.outbox
            .send(Batch { messages: vec!["last".to_owned()], attachments: vec![Value::new(vec![7_u8; 5_000_000])] })
            .unwrap();
        drop(near);
        let batch = far.inbox.recv().await.unwrap().unwrap();
        assert_eq!((batch.messages, batch.attachments.len()), (vec!["last".to_owned()], 1));
        assert!(far.inbox.recv().await.unwrap().is_none());
        assert!(far.inbox.recv().await.unwrap().is_none(), "the end stays the end");
    })
    .await;
}

#[tokio::test]
async fn closing_ends_it_for_all_clones() {
    both(async |(mut near, mut far)| {
        let clone = near.outbox.clone();
        near.outbox.send(text(0)).unwrap();
        near.outbox.close();
        assert!(clone.is_closed() && clone.send(text(1)).is_err());
        clone.closed().await;
        assert_eq!(clone.queued_nbytes(), 0);
        assert_eq!(received(&mut far.inbox).await, ["message 0"]);
        assert!(far.inbox.recv().await.unwrap().is_none());
        // The other direction goes on.
        far.outbox.send(text(2)).unwrap();
        assert_eq!(received(&mut near.inbox).await, ["message 2"]);
    })
    .await;
}

#[tokio::test]
async fn a_clone_keeps_the_connection() {
    both(async |(near, mut far)| {
        let clone = near.outbox.clone();
        drop(near.outbox);
        clone.send(text(3)).unwrap();
        assert_eq!(received(&mut far.inbox).await, ["message 3"]);
    })
    .await;
}

#[tokio::test]
async fn a_connection_without_farewell_was_cut() {
    let (socket, mut far) = raw(&settings()).await;
    drop(socket);
    let error = far.inbox.recv().await.unwrap_err();
    assert!(matches!(error, DistError::Cut { .. }), "{error}");
    assert!(error.to_string().contains("without a farewell"), "{error}");
    assert!(far.inbox.recv().await.unwrap().is_none());
    assert!(far.outbox.is_closed() && far.outbox.send(text(0)).is_err());
}

/// What the far end says after these bytes, and then the end of the connection if `cut`, or silence.
async fn after(bytes: &[u8], cut: bool) -> DistError {
    let (mut socket, mut far) = raw(&settings()).await;
    socket.write_all(bytes).await.unwrap();
    if cut {
        socket.shutdown().await.unwrap();
    }
    loop {
        match far.inbox.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("no farewell was said"),
            Err(error) => return error,
        }
    }
}

fn lengths(head: u32, table: u32) -> Vec<u8> {
    [head.to_le_bytes(), table.to_le_bytes()].concat()
}

#[tokio::test]
async fn hostile_bytes_end_their_connection_only() {
    let mut truncated = lengths(100, 0);
    truncated.extend([0; 50]);
    let error = after(&truncated, true).await;
    assert!(matches!(error, DistError::Cut { .. }), "{error}");

    let error = after(&truncated, false).await;
    assert!(matches!(error, DistError::Timeout { .. }), "half a frame, then silence: {error}");

    let error = after(&lengths(u32::MAX, 0), false).await;
    assert!(matches!(error, DistError::Limit { found: 4_294_967_295, .. }), "{error}");

    let error = after(&[0xff; 4096], true).await;
    assert!(matches!(error, DistError::Limit { .. }), "{error}");

    let mut garbage = lengths(64, 0);
    garbage.extend([0xfe; 64]);
    let error = after(&garbage, false).await;
    assert!(matches!(error, DistError::Malformed { .. }), "{error}");

    let error = after(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n", true).await;
    assert!(matches!(error, DistError::Limit { .. }), "{error}");
}

#[tokio::test]
async fn a_forged_length_of_an_attachment_takes_no_memory() {
    for align in [8_u8, 64, 0, 77] {
        a_forged_length_takes_no_memory(align).await;
    }
}

/// One attachment of 2^37 bytes, of which 10 arrive.
async fn a_forged_length_takes_no_memory(align: u8) {
    let mut table = dask_core::wire::Encoder::new();
    table.serde(&vec![("x".to_owned(), 0_u64, vec![(1_u64 << 37, align)])]).unwrap();
    let table = table.finish("");
    let mut bytes = lengths(1, table.bytes().len() as u32);
    bytes.push(0);
    bytes.extend_from_slice(table.bytes());
    bytes.extend([1; 10]);
    let error = after(&bytes, true).await;
    assert!(matches!(error, DistError::Cut { .. }), "{error}");

    let small = CommSettings { attachment_bytes_max: 1 << 20, ..settings() };
    let (mut socket, mut far) = raw(&small).await;
    socket.write_all(&bytes).await.unwrap();
    let error = far.inbox.recv().await.unwrap_err();
    assert!(matches!(error, DistError::Limit { found, limit: 1_048_576, .. } if found == 1 << 37), "{error}");
}

#[tokio::test]
async fn a_peer_that_trickles_is_cut() {
    let (mut socket, mut far) = raw(&settings()).await;
    let trickle = async {
        let mut bytes = lengths(1000, 0);
        bytes.extend([0; 500]);
        for byte in bytes {
            if socket.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        received = far.inbox.recv() => received.unwrap_err(),
        () = trickle => unreachable!("it never ends"),
    };
    assert!(matches!(error, DistError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn silence_between_frames_is_no_fault() {
    let patient = CommSettings { stall_timeout: Duration::from_millis(20), ..CommSettings::default() };
    let (near, mut far) = pair_with(&tcp(), &patient, &patient).await;
    for n in 0..3 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        near.outbox.send(text(n)).unwrap();
        assert_eq!(received(&mut far.inbox).await, [format!("message {n}")]);
    }
}

/// More than the buffers of the system take.
const BULK: usize = 16 << 20;

fn bulky() -> Batch<String> {
    let parcel = Parcel::from_parts("test.bulk", vec![], vec![Buffer::new(vec![1_u8; BULK])]);
    Batch { messages: vec![], attachments: vec![Value::encoded(parcel)] }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut() {
    let (socket, mut far) = raw(&settings()).await;
    far.outbox.send(bulky()).unwrap();
    far.outbox.send(bulky()).unwrap();
    assert!(0 < far.outbox.queued_nbytes());
    let error = far.inbox.recv().await.unwrap_err();
    assert!(matches!(error, DistError::Timeout { what: "taking what it was sent", .. }), "{error}");
    assert!(far.outbox.is_closed());
    assert_eq!(far.outbox.queued_nbytes(), 0);
    drop(socket);
}

#[tokio::test]
async fn who_sends_on_after_a_farewell_that_it_does_not_read_is_cut() {
    let deaf = CommSettings { unread_bytes_max: 4096, ..settings() };
    let (near, far) = pair_with(&tcp(), &deaf, &settings()).await;
    // More than is read ahead: the farewell stays where it is.
    (0..100).for_each(|n| far.outbox.send(text(n)).unwrap());
    let Link { outbox, mut inbox, .. } = far;
    outbox.close();
    let reader = tokio::spawn(async move {
        loop {
            match inbox.recv().await {
                Ok(Some(_)) => {}
                ended => return ended.map(drop),
            }
        }
    });
    while !near.outbox.is_closed() {
        let _ = near.outbox.send(text(0));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let error = reader.await.unwrap().unwrap_err();
    assert!(matches!(error, DistError::Timeout { what: "closing the connection", .. }), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_at_once_whatever_waits() {
    let patient = CommSettings { stall_timeout: Duration::from_secs(3600), ..settings() };
    let (mut socket, mut far) = raw(&patient).await;
    far.outbox.send(bulky()).unwrap();
    far.outbox.send(bulky()).unwrap();
    far.outbox.cut("it is too slow");
    assert!(far.outbox.is_closed());
    assert_eq!(far.outbox.queued_nbytes(), 0);
    let error = far.inbox.recv().await.unwrap_err();
    assert!(error.to_string().contains("it is too slow"), "{error}");
    let mut bytes = vec![0; 1 << 20];
    while let Ok(n) = socket.read(&mut bytes).await
        && n != 0
    {}
}

#[tokio::test]
async fn an_outbox_is_flushed_when_the_peer_has_read_or_is_cut() {
    let patient = CommSettings { stall_timeout: Duration::from_secs(3600), ..settings() };
    let (mut socket, far) = raw(&patient).await;
    far.outbox.flushed().await;
    far.outbox.send(bulky()).unwrap();
    let mut waits = {
        let outbox = far.outbox.clone();
        tokio::spawn(async move { outbox.flushed().await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waits.is_finished(), "more than the system takes waits");
    let mut bytes = vec![0; 1 << 20];
    loop {
        tokio::select! {
            n = socket.read(&mut bytes) => assert_ne!(n.unwrap(), 0),
            flushed = &mut waits => break flushed.unwrap(),
        }
    }
    assert_eq!(far.outbox.queued_nbytes(), 0);
    far.outbox.send(bulky()).unwrap();
    let (outbox, cut) = (far.outbox.clone(), far.outbox.clone());
    let waits = tokio::spawn(async move { outbox.flushed().await });
    tokio::task::yield_now().await;
    cut.cut("enough");
    waits.await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_peer_is_limited() {
    let narrow = CommSettings { queued_bytes_max: 40 << 20, ..CommSettings::default() };
    let (socket, mut far) = raw(&narrow).await;
    let sent = (0..100).take_while(|_| far.outbox.send(bulky()).is_ok()).count();
    assert_eq!(sent, 2, "two of 16 MiB fit into 40 MiB");
    let error = far.inbox.recv().await.unwrap_err();
    assert!(matches!(error, DistError::Limit { limit: 41_943_040, .. }), "{error}");
    assert!(error.to_string().contains("does not read"), "{error}");
    drop(socket);
}

#[tokio::test]
async fn who_does_not_take_what_arrived_stops_the_sender_and_loses_nothing() {
    let narrow = CommSettings { unread_bytes_max: 1 << 20, stall_timeout: Duration::from_secs(600), ..settings() };
    let (near, mut far) = pair_with(&tcp(), &narrow, &narrow).await;
    let n = 20;
    (0..n).for_each(|_| near.outbox.send(bulky()).unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!((n - 4) * (BULK as u64) < near.outbox.queued_nbytes(), "hardly anything is read ahead");
    for _ in 0..n {
        let batch = far.inbox.recv().await.unwrap().unwrap();
        assert_eq!(batch.attachments[0].nbytes(), BULK);
    }
    assert_eq!(near.outbox.queued_nbytes(), 0);
}

#[tokio::test]
async fn a_value_that_cannot_travel_ends_the_connection_with_the_reason() {
    struct Opaque;
    impl dask_core::Data for Opaque {}
    let (mut near, _far) = pair(&tcp()).await;
    let batch = Batch { messages: vec![], attachments: vec![Value::new(Opaque)] };
    assert!(near.outbox.send(batch).is_err());
    let error = near.inbox.recv().await.unwrap_err().to_string();
    assert!(error.contains("Opaque") && error.contains("cannot leave this process"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_or_void_is_said_so() {
    for address in [tcp(), Address::InProc("taken".into())] {
        let hello = || Hello::new(Role::Scheduler);
        let listener = Listener::bind(&address, hello(), &settings()).await.unwrap();
        let bound = listener.address();
        let again = Listener::bind(&bound, hello(), &settings()).await;
        assert!(matches!(again.err(), Some(DistError::Listen { .. })));
        drop(listener);
        tokio::task::yield_now().await;
        let nobody = connect::<String, String>(&bound, Hello::new(Role::Client), &settings()).await;
        let error = nobody.err().unwrap();
        assert!(matches!(error, DistError::Connect { .. }), "{error}");
        assert!(error.to_string().contains(&bound.to_string()), "{error}");
    }
}

#[tokio::test]
async fn within_a_process_both_sides_speak_of_the_same() {
    let address = Address::InProc("types".into());
    let mut listener = Listener::bind(&address, Hello::new(Role::Scheduler), &settings()).await.unwrap();
    let near = connect::<String, String>(&address, Hello::new(Role::Client), &settings()).await.unwrap();
    let far = listener.accept().await.unwrap().link::<u64, u64>();
    assert!(matches!(far.err(), Some(DistError::NotDask { .. })));
    assert!(near.outbox.send(text(0)).is_err());
}

#[tokio::test]
async fn an_outbox_may_be_used_from_any_thread() {
    let (near, mut far) = pair(&tcp()).await;
    let senders: Vec<_> = (0..4)
        .map(|s| {
            let outbox: Outbox<String> = near.outbox.clone();
            std::thread::spawn(move || (0..500).for_each(|n| outbox.send(Batch::one(format!("{s} {n}"))).unwrap()))
        })
        .collect();
    drop(near);
    let mut next = [0; 4];
    while let Some(batch) = far.inbox.recv().await.unwrap() {
        for message in batch.messages {
            let (sender, n) = message.split_once(' ').unwrap();
            let sender: usize = sender.parse().unwrap();
            assert_eq!(n, next[sender].to_string(), "in the order of sender {sender}");
            next[sender] += 1;
        }
    }
    assert_eq!(next, [500; 4]);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

#[tokio::test]
async fn connections_end_while_a_listener_speaks_nonsense() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(server.local_addr().unwrap().to_string());
    let nonsense = async {
        let (mut socket, _) = server.accept().await.unwrap();
        socket.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
        let mut rest = Vec::new();
        drop(socket.read_to_end(&mut rest).await);
    };
    let settings = settings();
    let connecting = connect::<String, String>(&address, Hello::new(Role::Client), &settings);
    let (link, ()) = tokio::join!(connecting, nonsense);
    let error = link.err().unwrap();
    assert!(matches!(error, DistError::NotDask { .. }), "{error}");
}

//! Over TCP: a task that reads frames, and one that writes whatever has gathered, at once and together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{Address, CommSettings, Hello, Inbox, Link, Message, Outbox, Receiver};
use crate::error::DistError;
use crate::protocol::Batch;
use crate::wire::frame::{self, Outgoing};
use crate::wire::handshake::{answer, greet};

/// Batches that were read and not taken; beyond it, reading pauses, and so does the other side.
const INBOX: usize = 64;
/// What is written together: until so many bytes have gathered.
const TOGETHER: u64 = 256 << 10;
const READ_BUFFER: usize = 64 << 10;

pub(super) async fn connect<Out: Message, In: Message>(
    host: &str,
    hello: Hello,
    settings: &CommSettings,
) -> Result<Link<Out, In>, DistError> {
    let address = format!("tcp://{host}");
    let after = settings.connect_timeout;
    let attempt = async {
        let mut pause = Duration::from_millis(10);
        loop {
            // A scheduler that has just been started may not listen yet.
            match TcpStream::connect(host).await {
                Err(error)
                    if error.kind() == std::io::ErrorKind::ConnectionRefused && pause < Duration::from_secs(1) =>
                {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
    };
    let mut socket = tokio::time::timeout(after, attempt)
        .await
        .map_err(|_| DistError::Timeout { address: address.clone(), what: "the connection", after })?
        .map_err(|source| DistError::Connect { address: address.clone(), source: Arc::new(source) })?;
    let cut = |error: std::io::Error| DistError::Cut { address: address.clone(), why: error.to_string() };
    socket.set_nodelay(true).map_err(cut)?;
    let peer = greet(&mut socket, hello, settings, &address).await?;
    Ok(start(socket, peer, address, settings.clone()))
}

/// Reads and writes from now on.
fn start<Out: Message, In: Message>(
    socket: TcpStream,
    peer: Hello,
    address: String,
    settings: CommSettings,
) -> Link<Out, In> {
    let (read, write) = socket.into_split();
    let (to_write, queue) = mpsc::unbounded_channel();
    let (to_inbox, from) = mpsc::channel(INBOX);
    let queued = Arc::new(AtomicU64::new(0));
    tokio::spawn(write_all::<Out>(write, queue, queued.clone(), settings.clone(), address.clone()));
    tokio::spawn(read_all::<In>(read, to_inbox, settings, address.clone()));
    Link { outbox: Outbox { to: to_write, queued }, inbox: Inbox { from: Receiver::Tcp(from) }, peer, address }
}

async fn read_all<M: Message>(
    socket: OwnedReadHalf,
    to: mpsc::Sender<Result<Batch<M>, DistError>>,
    settings: CommSettings,
    address: String,
) {
    let mut socket = BufReader::with_capacity(READ_BUFFER, socket);
    loop {
        let next = tokio::select! {
            next = frame::read(&mut socket, &settings, &address) => next,
            () = to.closed() => return,
        };
        let last = !matches!(next, Ok(Some(_)));
        if let Some(item) = next.transpose()
            && to.send(item).await.is_err()
        {
            return;
        }
        if last {
            return;
        }
    }
}

async fn write_all<M: Message>(
    mut socket: OwnedWriteHalf,
    mut queue: mpsc::UnboundedReceiver<Batch<M>>,
    queued: Arc<AtomicU64>,
    settings: CommSettings,
    address: String,
) {
    while let Some(first) = queue.recv().await {
        let mut outgoing = Outgoing::default();
        let mut next = Some(first);
        while let Some(batch) = next {
            if let Err(error) = outgoing.frame(&batch) {
                // Whoever attaches values has made sure that they can travel.
                eprintln!("dask: a message to {address} was dropped: {error}");
            }
            next = if outgoing.nbytes < TOGETHER { queue.try_recv().ok() } else { None };
        }
        queued.store(outgoing.nbytes, Ordering::Relaxed);
        if outgoing.write(&mut socket, settings.stall_timeout).await.is_err() {
            return;
        }
        queued.store(0, Ordering::Relaxed);
    }
    let mut outgoing = Outgoing::default();
    outgoing.farewell();
    if outgoing.write(&mut socket, settings.stall_timeout).await.is_ok() {
        drop(socket.shutdown().await);
    }
}

pub(super) struct Listener {
    address: String,
    accepted: mpsc::Receiver<Incoming>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Listener {
    pub(super) async fn bind(host: &str, hello: Hello, settings: &CommSettings) -> Result<Self, DistError> {
        let failed =
            |source: std::io::Error| DistError::Listen { address: format!("tcp://{host}"), source: Arc::new(source) };
        let listener = TcpListener::bind(host).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        let (to, accepted) = mpsc::channel(INBOX);
        let accepting = tokio::spawn(accept_all(listener, hello, settings.clone(), to));
        Ok(Self { address, accepted, accepting })
    }

    pub(super) fn address(&self) -> Address {
        Address::Tcp(self.address.clone())
    }

    pub(super) async fn accept(&mut self) -> Option<Incoming> {
        self.accepted.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(listener: TcpListener, hello: Hello, settings: CommSettings, to: mpsc::Sender<Incoming>) {
    loop {
        let Ok((mut socket, from)) = listener.accept().await else {
            // Out of file descriptors, say: others may close theirs.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (hello, settings, to) = (hello.clone(), settings.clone(), to.clone());
        tokio::spawn(async move {
            let address = format!("tcp://{from}");
            if socket.set_nodelay(true).is_ok()
                && let Ok(hello) = answer(&mut socket, hello, &settings, &address).await
            {
                drop(to.send(Incoming { hello, socket, address, settings }).await);
            }
        });
    }
}

pub(super) struct Incoming {
    pub(super) hello: Hello,
    socket: TcpStream,
    address: String,
    settings: CommSettings,
}

impl Incoming {
    pub(super) fn link<Out: Message, In: Message>(self) -> Link<Out, In> {
        start(self.socket, self.hello, self.address, self.settings)
    }
}

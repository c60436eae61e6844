//! Over TCP: a task that reads frames, and one that writes whatever has gathered, at once and together.

use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::direct::{Direct, SharedWrite};
use super::outbox::Outbox;
use super::queue::{Next, Queue};
use super::refused::Refused;
use super::stream::Stream;
use super::{Address, CommSettings, Hello, Inbox, Link, Message, Receiver};
use crate::error::DistError;
use crate::wire::frame::{Frame, FrameReader};
use crate::wire::outgoing::Outgoing;

/// Connections that have introduced themselves and nobody has taken.
const ACCEPTED: usize = 64;
/// Connections that introduce themselves at a time; others wait for them, which is [not for
/// long](CommSettings::handshake_timeout).
const GREETING: usize = 4096;
/// Unread bytes are counted in these, at least one for each frame.
const UNIT: u64 = 4096;

pub(super) async fn connect<Out: Message, In: Message>(
    host: &str,
    hello: Hello,
    settings: &CommSettings,
) -> Result<Link<Out, In>, DistError> {
    let address = address_of(host, settings).to_string();
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
    let socket = tokio::time::timeout(after, attempt)
        .await
        .map_err(|_| DistError::Timeout { address: address.clone(), what: "the connection", after })?
        .map_err(|source| DistError::Connect { address: address.clone(), source: Arc::new(source) })?;
    tune(&socket, settings).map_err(|error| DistError::Cut { address: address.clone(), why: error.to_string() })?;
    let mut stream = Stream::to(socket, settings, &address).await?;
    let peer = stream.greet(hello, settings, &address).await?;
    Ok(start(stream, peer, address, settings))
}

/// Who has certificates encrypts everything.
fn address_of(host: &str, settings: &CommSettings) -> Address {
    match settings.security.encrypts() {
        true => Address::Tls(host.to_owned()),
        false => Address::Tcp(host.to_owned()),
    }
}

/// Small messages go at once; a machine that has vanished is noticed.
fn tune(socket: &TcpStream, settings: &CommSettings) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(settings.keepalive).with_interval(settings.keepalive).with_retries(3);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)?;
    // While data is under way no probes are sent: the same patience, for those who do not acknowledge it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(socket).set_tcp_user_timeout(Some(4 * settings.keepalive))?;
    Ok(())
}

/// Reads and writes from now on.
fn start<Out: Message, In: Message>(
    stream: Stream,
    peer: Hello,
    address: String,
    settings: &CommSettings,
) -> Link<Out, In> {
    match stream {
        Stream::Plain(socket) => {
            let (read, write) = socket.into_split();
            let write = SharedWrite::new(write);
            let direct: Arc<dyn Direct> = Arc::new(write.clone());
            start_halves(read, write, Some(direct), peer, address, settings)
        }
        #[cfg(feature = "tls")]
        Stream::Tls(socket) => {
            let (read, write) = tokio::io::split(*socket);
            start_halves(read, write, None, peer, address, settings)
        }
    }
}

fn start_halves<Out: Message, In: Message>(
    read: impl AsyncRead + Unpin + Send + 'static,
    write: impl AsyncWrite + Unpin + Send + 'static,
    direct: Option<Arc<dyn Direct>>,
    peer: Hello,
    address: String,
    settings: &CommSettings,
) -> Link<Out, In> {
    let queue = Arc::new(Queue::new(settings.queued_bytes_max, address.clone(), direct));
    let (to_inbox, from) = mpsc::unbounded_channel();
    let unread = Unread::new(settings.unread_bytes_max);
    tokio::spawn(write_all(write, queue.clone(), settings.stall_timeout, address.clone()));
    let reader = FrameReader::new(read, settings.clone(), address.clone());
    tokio::spawn(read_all(reader, to_inbox, unread.clone(), queue.clone(), (settings.stall_timeout, address.clone())));
    let inbox = Inbox { from: Receiver::Tcp(from, unread) };
    Link { outbox: Outbox::tcp(queue), inbox, peer, address }
}

/// Room for batches that were read and not taken yet.
#[derive(Clone)]
pub(super) struct Unread {
    room: Arc<Semaphore>,
    all: u32,
}

impl Unread {
    fn new(nbytes: u64) -> Self {
        let all = u32::try_from(nbytes / UNIT).unwrap_or(u32::MAX).clamp(1, Semaphore::MAX_PERMITS.min(1 << 28) as u32);
        Self { room: Arc::new(Semaphore::new(all as usize)), all }
    }

    fn units(&self, nbytes: u64) -> u32 {
        u32::try_from(nbytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.all)
    }

    async fn take(&self, nbytes: u64) {
        // The semaphore is never closed.
        if let Ok(permits) = self.room.acquire_many(self.units(nbytes)).await {
            permits.forget();
        }
    }

    pub(super) fn give_back(&self, nbytes: u64) {
        self.room.add_permits(self.units(nbytes) as usize);
    }
}

pub(super) type Item<M> = Result<Frame<M>, DistError>;

async fn read_all<M: Message, R: AsyncRead + Unpin>(
    mut reader: FrameReader<R>,
    to: mpsc::UnboundedSender<Item<M>>,
    unread: Unread,
    queue: Arc<Queue>,
    (linger, address): (Duration, String),
) {
    let all = async {
        loop {
            match reader.next().await {
                Ok(Some((batch, nbytes))) => {
                    let weight = nbytes + (batch.messages.len() * size_of::<M>()) as u64;
                    unread.take(weight).await;
                    if to.send(Ok((batch, weight))).is_err() {
                        return Ok(());
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    let ended = tokio::select! {
        // What has arrived is delivered before a failure of the writing side is.
        biased;
        ended = all => ended,
        () = to.closed() => return,
        error = queue.failed() => Err(error),
        // This side has said farewell: the other may finish what it sends, but not go on for ever.
        () = async { queue.ended().await; tokio::time::sleep(linger).await } => {
            Err(DistError::Timeout { address, what: "closing the connection", after: linger })
        }
    };
    if let Err(error) = ended {
        queue.fail(error.clone());
        drop(to.send(Err(error)));
    }
}

async fn write_all<W: AsyncWrite + Unpin>(mut socket: W, queue: Arc<Queue>, stall: Duration, address: String) {
    let written = |nbytes| queue.written(nbytes);
    loop {
        let last = match queue.next() {
            Next::Wait => {
                queue.work().await;
                continue;
            }
            Next::Stop => break,
            Next::Write(outgoing) => tokio::select! {
                biased;
                result = outgoing.write(&mut socket, stall, written) => result.map(|()| false),
                () = queue.stopped() => break,
            },
            Next::Farewell => Outgoing::farewell().write(&mut socket, stall, |_| ()).await.map(|()| true),
        };
        match last {
            Ok(false) => {}
            Ok(true) => {
                drop(socket.shutdown().await);
                break;
            }
            Err(error) => {
                queue.fail(match error.kind() {
                    std::io::ErrorKind::TimedOut => {
                        DistError::Timeout { address, what: "taking what it was sent", after: stall }
                    }
                    _ => DistError::Cut { address, why: error.to_string() },
                });
                break;
            }
        }
    }
    queue.end();
}

fn unguarded(host: &str) -> DistError {
    let why = "others than this machine can connect there, and could run programs here: give a token or certificates \
               (`--token-file`, `distributed.comm`, `Security`), listen at 127.0.0.1, or say that the network is trusted \
               (`--insecure`, `Security::insecure`)";
    DistError::BadSecurity { what: format!("tcp://{host}"), why: why.to_owned() }
}

pub(super) struct Listener {
    address: Address,
    accepted: mpsc::Receiver<Incoming>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Listener {
    pub(super) async fn bind(host: &str, hello: Hello, settings: &CommSettings) -> Result<Self, DistError> {
        let failed =
            |source: std::io::Error| DistError::Listen { address: format!("tcp://{host}"), source: Arc::new(source) };
        let listener = TcpListener::bind(host).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        if !settings.security.lets_others_reach(settings.security.is_guarded(), local) {
            return Err(unguarded(host));
        }
        let address = address_of(&local.to_string(), settings);
        let (to, accepted) = mpsc::channel(ACCEPTED);
        let accepting = tokio::spawn(accept_all(listener, hello, settings.clone(), to));
        Ok(Self { address, accepted, accepting })
    }

    pub(super) fn address(&self) -> Address {
        self.address.clone()
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
    let refused = Arc::new(Refused::new("listener"));
    let greeting = Arc::new(Semaphore::new(GREETING));
    loop {
        // The semaphore is never closed.
        let Ok(turn) = greeting.clone().acquire_owned().await else { return };
        let Ok((socket, from)) = listener.accept().await else {
            // Out of file descriptors, say: others may close theirs.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (hello, settings, to, refused) = (hello.clone(), settings.clone(), to.clone(), refused.clone());
        tokio::spawn(async move {
            let address = address_of(&from.to_string(), &settings).to_string();
            if tune(&socket, &settings).is_err() {
                return;
            }
            let met = async {
                let mut stream = Stream::from(socket, &settings, &address).await?;
                Ok((stream.answer(hello, &settings, &address).await?, stream))
            };
            let met = met.await;
            drop(turn);
            match met {
                Ok((hello, stream)) => drop(to.send(Incoming { hello, stream, address, settings }).await),
                Err(error) => refused.tell(&error),
            }
        });
    }
}

pub(super) struct Incoming {
    pub(super) hello: Hello,
    stream: Stream,
    address: String,
    settings: CommSettings,
}

impl Incoming {
    pub(super) fn link<Out: Message, In: Message>(self) -> Link<Out, In> {
        start(self.stream, self.hello, self.address, &self.settings)
    }
}

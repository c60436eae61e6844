//! Connections that carry batches: within a process as they are, over TCP as frames.

mod address;
mod direct;
mod inproc;
mod outbox;
mod queue;
mod refused; // news of those who were not let in
mod stream;
mod tcp;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

pub use crate::wire::handshake::{Hello, Role};
pub use crate::wire::limits::CommSettings;
pub use address::Address;
pub use outbox::Outbox;
#[cfg(all(feature = "dashboard", feature = "tls"))]
pub(crate) use refused::Refused;

use crate::error::DistError;
use crate::protocol::Batch;

/// What may be said: any serde type.
pub trait Message: Serialize + DeserializeOwned + Send + 'static {}

impl<M: Serialize + DeserializeOwned + Send + 'static> Message for M {}

/// The other side is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

/// The receiving side of a connection.
pub struct Inbox<M> {
    from: Receiver<M>,
}

enum Receiver<M> {
    InProc(mpsc::UnboundedReceiver<Batch<M>>),
    Tcp(mpsc::UnboundedReceiver<tcp::Item<M>>, tcp::Unread),
}

impl<M> Inbox<M> {
    /// The next batch; none if the other side has ended the connection in order. May be dropped and called again.
    ///
    /// # Errors
    /// A cut, a limit exceeded, malformed bytes; after that, none.
    pub async fn recv(&mut self) -> Result<Option<Batch<M>>, DistError> {
        match &mut self.from {
            Receiver::InProc(from) => Ok(from.recv().await),
            Receiver::Tcp(from, unread) => match from.recv().await {
                Some(item) => taken(item, unread).map(Some),
                None => Ok(None),
            },
        }
    }

    /// A batch that is there already.
    pub fn try_recv(&mut self) -> Option<Result<Batch<M>, DistError>> {
        match &mut self.from {
            Receiver::InProc(from) => from.try_recv().ok().map(Ok),
            Receiver::Tcp(from, unread) => from.try_recv().ok().map(|item| taken(item, unread)),
        }
    }
}

fn taken<M>(item: tcp::Item<M>, unread: &tcp::Unread) -> Result<Batch<M>, DistError> {
    let (batch, nbytes) = item?;
    unread.give_back(nbytes);
    Ok(batch)
}

/// A connection.
pub struct Link<Out, In> {
    /// To the other side.
    pub outbox: Outbox<Out>,
    /// From the other side.
    pub inbox: Inbox<In>,
    /// Who is there.
    pub peer: Hello,
    /// Where it is, for people.
    pub address: String,
}

/// Connects, and introduces this process. Who has certificates encrypts all that leaves the process, whatever the
/// address says.
///
/// # Errors
/// Nobody there, another protocol, a refusal, silence.
pub async fn connect<Out: Message, In: Message>(
    address: &Address,
    hello: Hello,
    settings: &CommSettings,
) -> Result<Link<Out, In>, DistError> {
    match address {
        Address::InProc(name) => inproc::connect(name, hello),
        Address::Tls(_) if !settings.security.encrypts() => Err(without_certificates(address)),
        Address::Tcp(host) | Address::Tls(host) => tcp::connect(host, hello, settings).await,
    }
}

fn without_certificates(address: &Address) -> DistError {
    let why = "certificates are needed for it: give `--tls-ca-file`, `--tls-cert` and `--tls-key`, \
               `distributed.comm.tls` or `Security::tls`";
    DistError::BadSecurity { what: address.to_string(), why: why.to_owned() }
}

/// Where others connect.
pub struct Listener(Kind);

enum Kind {
    InProc(inproc::Listener),
    Tcp(tcp::Listener),
}

impl Listener {
    /// Listens. Port 0 is any that is free. To be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address is in use, or not of this machine; if others than this machine can connect there, and neither token
    /// nor certificates keep strangers out, unless it is said that [nobody is to](crate::Security::insecure).
    pub async fn bind(address: &Address, hello: Hello, settings: &CommSettings) -> Result<Self, DistError> {
        Ok(Self(match address {
            Address::InProc(name) => Kind::InProc(inproc::Listener::bind(name, hello)?),
            Address::Tls(_) if !settings.security.encrypts() => return Err(without_certificates(address)),
            Address::Tcp(host) | Address::Tls(host) => Kind::Tcp(tcp::Listener::bind(host, hello, settings).await?),
        }))
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> Address {
        match &self.0 {
            Kind::InProc(listener) => listener.address(),
            Kind::Tcp(listener) => listener.address(),
        }
    }

    /// The next who has introduced itself. Those who are slow to do so hold nobody up.
    pub async fn accept(&mut self) -> Option<Incoming> {
        match &mut self.0 {
            Kind::InProc(listener) => {
                listener.accept().await.map(|i| Incoming { peer: i.hello.clone(), from: From::InProc(i) })
            }
            Kind::Tcp(listener) => {
                listener.accept().await.map(|i| Incoming { peer: i.hello.clone(), from: From::Tcp(i) })
            }
        }
    }
}

/// Somebody who has introduced itself; by its role, the messages are chosen.
pub struct Incoming {
    /// Who it is.
    pub peer: Hello,
    from: From,
}

enum From {
    InProc(inproc::Incoming),
    Tcp(tcp::Incoming),
}

impl Incoming {
    /// The connection.
    ///
    /// # Errors
    /// Within a process: if the other side speaks other types.
    pub fn link<Out: Message, In: Message>(self) -> Result<Link<Out, In>, DistError> {
        match self.from {
            From::InProc(incoming) => incoming.link(),
            From::Tcp(incoming) => Ok(incoming.link()),
        }
    }
}

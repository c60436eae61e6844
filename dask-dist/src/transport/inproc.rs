//! Within a process: channels, and a table of names.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::mpsc;

use super::{Address, Hello, Inbox, Link, Message, Outbox, Receiver};
use crate::error::DistError;
use crate::protocol::Batch;

struct Entry {
    hello: Hello,
    to: mpsc::UnboundedSender<Incoming>,
}

fn names() -> &'static Mutex<HashMap<String, Entry>> {
    static NAMES: OnceLock<Mutex<HashMap<String, Entry>>> = OnceLock::new();
    NAMES.get_or_init(Mutex::default)
}

fn io_error(kind: std::io::ErrorKind) -> Arc<std::io::Error> {
    Arc::new(kind.into())
}

/// What the listening side needs of a connection: it sends `Theirs` and receives `Ours`.
type Ends<Ours, Theirs> = (mpsc::UnboundedReceiver<Batch<Ours>>, mpsc::UnboundedSender<Batch<Theirs>>);

pub(super) fn connect<Out: Message, In: Message>(name: &str, hello: Hello) -> Result<Link<Out, In>, DistError> {
    let address = format!("inproc://{name}");
    let nobody = || DistError::Connect { address: address.clone(), source: io_error(std::io::ErrorKind::NotFound) };
    let (to_them, from_us) = mpsc::unbounded_channel::<Batch<Out>>();
    let (to_us, from_them) = mpsc::unbounded_channel::<Batch<In>>();
    let ends: Ends<Out, In> = (from_us, to_us);
    let peer = {
        let names = names().lock().unwrap_or_else(PoisonError::into_inner);
        let entry = names.get(name).ok_or_else(nobody)?;
        entry.to.send(Incoming { hello, ends: Box::new(ends), name: name.to_owned() }).map_err(|_| nobody())?;
        entry.hello.clone()
    };
    let inbox = Inbox { from: Receiver::InProc(from_them) };
    Ok(Link { outbox: Outbox::in_process(to_them), inbox, peer, address })
}

pub(super) struct Listener {
    name: String,
    from: mpsc::UnboundedReceiver<Incoming>,
}

impl Listener {
    pub(super) fn bind(name: &str, hello: Hello) -> Result<Self, DistError> {
        let (to, from) = mpsc::unbounded_channel();
        let mut names = names().lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains_key(name) {
            let address = format!("inproc://{name}");
            return Err(DistError::Listen { address, source: io_error(std::io::ErrorKind::AddrInUse) });
        }
        names.insert(name.to_owned(), Entry { hello, to });
        Ok(Self { name: name.to_owned(), from })
    }

    pub(super) fn address(&self) -> Address {
        Address::InProc(self.name.clone())
    }

    pub(super) async fn accept(&mut self) -> Option<Incoming> {
        self.from.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        names().lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

pub(super) struct Incoming {
    pub(super) hello: Hello,
    ends: Box<dyn Any + Send>,
    name: String,
}

impl Incoming {
    pub(super) fn link<Out: Message, In: Message>(self) -> Result<Link<Out, In>, DistError> {
        let address = format!("inproc://{}", self.name);
        match self.ends.downcast::<Ends<In, Out>>() {
            Ok(ends) => {
                let (from, to) = *ends;
                let outbox = Outbox::in_process(to);
                Ok(Link { outbox, inbox: Inbox { from: Receiver::InProc(from) }, peer: self.hello, address })
            }
            Err(_) => Err(DistError::NotDask { address, found: "it speaks of other things".to_owned() }),
        }
    }
}

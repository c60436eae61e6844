//! The sending side of a connection.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::queue::Queue;
use super::{Closed, Message};
use crate::error::DistError;
use crate::protocol::Batch;
use crate::wire::outgoing::Outgoing;

/// The sending side of a connection; clones send to the same one. When the last is dropped, or one is
/// [closed](Outbox::close), what was sent is delivered and the connection ends in order.
pub struct Outbox<M>(To<M>);

enum To<M> {
    /// None once closed; the other side sees the end when the sender is gone.
    InProc(Arc<Mutex<Option<mpsc::UnboundedSender<Batch<M>>>>>),
    Tcp {
        sender: Arc<Sender>,
        frame: fn(&Batch<M>) -> Result<Outgoing, dask_core::wire::WireError>,
    },
}

/// Shared by clones only, not by the tasks behind them: its end is the end of all senders.
struct Sender(Arc<Queue>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<M> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            To::InProc(to) => To::InProc(to.clone()),
            To::Tcp { sender, frame } => To::Tcp { sender: sender.clone(), frame: *frame },
        })
    }
}

impl<M> Outbox<M> {
    pub(super) fn in_process(to: mpsc::UnboundedSender<Batch<M>>) -> Self {
        Self(To::InProc(Arc::new(Mutex::new(Some(to)))))
    }

    pub(super) fn tcp(queue: Arc<Queue>) -> Self
    where
        M: Message,
    {
        Self(To::Tcp { sender: Arc::new(Sender(queue)), frame: Outgoing::frame::<M> })
    }

    /// Sends a batch. Never waits for the other side: over TCP the batch is encoded here and written by a task of its
    /// own. More than [`queued_bytes_max`](super::CommSettings::queued_bytes_max) waiting, or a value that cannot
    /// travel (whoever attaches values makes sure of that before), ends the connection; the [`Inbox`](super::Inbox)
    /// says why.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn send(&self, batch: Batch<M>) -> Result<(), Closed> {
        match &self.0 {
            To::InProc(to) => {
                let to = to.lock().unwrap_or_else(PoisonError::into_inner);
                to.as_ref().ok_or(Closed)?.send(batch).map_err(|_| Closed)
            }
            To::Tcp { sender, .. } if !sender.0.is_open() => Err(Closed),
            To::Tcp { sender, frame } => match frame(&batch) {
                Ok(frame) => sender.0.push(frame),
                Err(error) => {
                    // Leaving it out would make somebody wait for ever.
                    sender.0.fail(DistError::Other(format!("a message could not be sent: {error}")));
                    Err(Closed)
                }
            },
        }
    }

    /// Bytes that were sent and are not with the system yet; 0 within a process.
    pub fn queued_nbytes(&self) -> u64 {
        match &self.0 {
            To::InProc(_) => 0,
            To::Tcp { sender, .. } => sender.0.nbytes(),
        }
    }

    /// Until all that was sent is with the system, or the connection has ended; at once within a process.
    pub async fn flushed(&self) {
        if let To::Tcp { sender, .. } = &self.0 {
            sender.0.flushed().await;
        }
    }

    /// Nothing more will be sent, by no clone: what was sent is delivered, and the other side sees an orderly end.
    pub fn close(&self) {
        match &self.0 {
            To::InProc(to) => drop(to.lock().unwrap_or_else(PoisonError::into_inner).take()),
            To::Tcp { sender, .. } => sender.0.close(),
        }
    }

    /// Ends the connection at once, whatever waits: for a peer that does not read, which would not read a farewell either.
    pub fn cut(&self, why: &str) {
        match &self.0 {
            To::InProc(_) => self.close(),
            To::Tcp { sender, .. } => sender.0.fail(DistError::Other(why.to_owned())),
        }
    }

    /// Whether sending fails: because this side was closed, or the other one is gone.
    pub fn is_closed(&self) -> bool {
        match &self.0 {
            To::InProc(to) => {
                to.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(mpsc::UnboundedSender::is_closed)
            }
            To::Tcp { sender, .. } => !sender.0.is_open(),
        }
    }

    /// Until all that was sent is with the system and the end was said, or the connection has failed. To be called
    /// after [`close`](Outbox::close), by a process that is about to exit; else it waits for whoever closes.
    pub async fn closed(&self) {
        if let To::Tcp { sender, .. } = &self.0 {
            sender.0.ended().await;
        }
    }
}

//! Answering peers and clients: values out, values in, functions beside the tasks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dask_core::{Call, Value};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::actors::Actors;
use super::asks::Asks;
use super::context::WorkerContext;
use super::executor::{Function, run_caught};
use super::store::Store;
use super::worker::Heard;
use crate::protocol::{Batch, Failure, PeerReply, PeerRequest, TaskRef};
use crate::transport::{Incoming, Link, Outbox, Role};
use crate::worker::Event;

/// Bytes in one answer; a request for more is answered in parts.
const PART: u64 = 32 << 20;
/// How long a peer that is sent a large value may take until the next is sent one too.
const PATIENCE: Duration = Duration::from_secs(5);
/// Values that one request may wait for; the others are missing.
const LATER_MAX: usize = 1024;
/// Encoding or reading more than this does not happen on the loop.
const SMALL: u64 = 64 << 10;

/// Whoever asks this worker for something.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) store: Arc<Store>,
    pub(super) events: Heard,
    pub(super) sent: Arc<AtomicU64>,
    pub(super) actors: Arc<Actors>,
    pub(super) context: Arc<WorkerContext>,
    pub(super) asks: Asks,
}

impl Server {
    /// Answers until the connection ends.
    pub(super) async fn serve(self, incoming: Incoming) {
        if incoming.peer.role != Role::Peer {
            return;
        }
        let Ok(Link { outbox, mut inbox, address, .. }) = incoming.link::<PeerReply, PeerRequest>() else { return };
        let is_local = address.starts_with("inproc://");
        while let Ok(Some(batch)) = inbox.recv().await {
            let mut attachments = batch.attachments.into_iter();
            for message in batch.messages {
                match message {
                    PeerRequest::Get { request, tasks, turns } => {
                        let missing = self.give(&outbox, request, (tasks, &turns), is_local).await;
                        if !missing.is_empty() {
                            // Other requests do not wait for it.
                            tokio::spawn(self.clone().give_later(outbox.clone(), request, missing, is_local));
                        }
                    }
                    PeerRequest::Put { request, tasks } => {
                        let came: Vec<(TaskRef, Value)> = tasks.into_iter().zip(attachments.by_ref()).collect();
                        let kept = came.iter().map(|(task, value)| (*task, value.nbytes() as u64)).collect();
                        drop(self.events.send((Event::Put(kept), came)));
                        let _ = outbox.send(Batch::one(PeerReply::Kept { request }));
                    }
                    PeerRequest::Run { request } => {
                        let body = attachments.next();
                        let outbox = outbox.clone();
                        tokio::spawn(async move {
                            let ran = tokio::task::spawn_blocking(move || run_beside(body, is_local)).await;
                            let ran =
                                ran.unwrap_or_else(|error| Err(Failure::Error { chain: vec![error.to_string()] }));
                            let _ = outbox.send(ran_reply(request, ran));
                        });
                    }
                    PeerRequest::Call { request, actor } => {
                        let call = (actor, attachments.next(), attachments.next());
                        let outbox = outbox.clone();
                        self.actors.call(call, &self.context, &Handle::current(), move |result| {
                            let result = result.and_then(|value| leaving(value, is_local));
                            // Who is gone does not wait for it.
                            let _ = outbox.send(ran_reply(request, result));
                        });
                    }
                }
            }
        }
    }

    /// Gives what is here. What may come is returned, with the turn of the peer: the request is not answered then.
    async fn give(
        &self,
        outbox: &Outbox<PeerReply>,
        request: u64,
        (tasks, turns): (Vec<TaskRef>, &[u64]),
        is_local: bool,
    ) -> Vec<(TaskRef, u64)> {
        let (mut part, mut later) = (Part::default(), Vec::new());
        let turns = turns.iter().copied().chain(std::iter::repeat(0));
        for (task, turn) in tasks.into_iter().zip(turns) {
            let is_small = || self.store.get(task).is_some_and(|value| value.nbytes() as u64 <= SMALL);
            if turn != 0 && later.len() < LATER_MAX && !is_small() {
                later.push((task, turn));
                continue;
            }
            part.add(task, self.find(task, is_local).await);
            if PART <= part.nbytes {
                self.send(outbox, request, std::mem::take(&mut part), false);
            }
        }
        if later.is_empty() || !part.is_empty() {
            self.send(outbox, request, part, later.is_empty());
        }
        later
    }

    /// Gives values as they come, until they have come or will not.
    async fn give_later(self, outbox: Outbox<PeerReply>, request: u64, wanted: Vec<(TaskRef, u64)>, is_local: bool) {
        let (tell, mut told) = mpsc::unbounded_channel();
        let enter = |(task, turn)| {
            let ask = self.asks.enter(&tell);
            drop(self.events.send((Event::Asked { ask, task, turn }, Vec::new())));
            (ask, task)
        };
        let mut asked: HashMap<u64, TaskRef> = wanted.into_iter().map(enter).collect();
        drop(tell);
        // None: the worker has ended, and with it the connection.
        while !asked.is_empty()
            && let Some((ask, here)) = told.recv().await
        {
            let Some(task) = asked.remove(&ask) else { continue };
            let found = if here && !outbox.is_closed() { self.find(task, is_local).await } else { None };
            let mut part = Part::default();
            part.add(task, found);
            self.send(&outbox, request, part, asked.is_empty());
            if here {
                // Whoever takes it slowly does not hold up the others.
                let _ = tokio::time::timeout(PATIENCE, outbox.flushed()).await;
                drop(self.events.send((Event::Sent { ask }, Vec::new())));
            }
        }
    }

    /// A value as it will travel, or why it cannot; nothing if it is not here.
    async fn find(&self, task: TaskRef, is_local: bool) -> Option<Result<Value, String>> {
        let small = self.store.get(task).filter(|value| is_local || value.nbytes() as u64 <= SMALL);
        match small {
            Some(value) if is_local => Some(Ok(value)),
            Some(value) => Some(ready(&value)),
            None => {
                let store = self.store.clone();
                let read = tokio::task::spawn_blocking(move || {
                    let value = store.get_or_read(task)?;
                    Some(if is_local { Ok(value) } else { ready(&value) })
                });
                read.await.unwrap_or(None)
            }
        }
    }

    fn send(&self, outbox: &Outbox<PeerReply>, request: u64, part: Part, last: bool) {
        self.sent.fetch_add(part.nbytes, Ordering::Relaxed);
        let Part { found, missing, refused, values, .. } = part;
        let messages = vec![PeerReply::Data { request, found, missing, refused, last }];
        // Who is gone does not wait for it.
        let _ = outbox.send(Batch { messages, attachments: values });
    }
}

#[derive(Default)]
struct Part {
    found: Vec<TaskRef>,
    missing: Vec<TaskRef>,
    refused: Vec<(TaskRef, String)>,
    values: Vec<Value>,
    nbytes: u64,
}

impl Part {
    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.missing.is_empty() && self.refused.is_empty()
    }

    /// A value, or that there is none.
    fn add(&mut self, task: TaskRef, found: Option<Result<Value, String>>) {
        match found {
            Some(Ok(value)) => {
                self.nbytes += value.nbytes() as u64;
                self.found.push(task);
                self.values.push(value);
            }
            Some(Err(why)) => self.refused.push((task, why)),
            None => self.missing.push(task),
        }
    }
}

/// The value as it will travel, or why it cannot.
fn ready(value: &Value) -> Result<Value, String> {
    value.to_parcel().map(Value::encoded).map_err(|error| error.to_string())
}

fn run_beside(body: Option<Value>, is_local: bool) -> Result<Value, Failure> {
    let body = body.ok_or_else(|| Failure::Malformed { why: "the function did not come".to_owned() })?;
    let function = Function::new(None, body);
    let value = run_caught(&**function.decoded()?, Call::new(&[], &mut []))?;
    leaving(value, is_local)
}

/// A result as it leaves this worker.
fn leaving(value: Value, is_local: bool) -> Result<Value, Failure> {
    if is_local { Ok(value) } else { ready(&value).map_err(|why| Failure::Malformed { why }) }
}

fn ran_reply(request: u64, result: Result<Value, Failure>) -> Batch<PeerReply> {
    let (failure, attachments) = match result {
        Ok(value) => (None, vec![value]),
        Err(failure) => (Some(failure), Vec::new()),
    };
    Batch { messages: vec![PeerReply::Ran { request, failure }], attachments }
}

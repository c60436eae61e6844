//! Asking other workers for values: one connection each, opened when needed.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::worker::Heard;
use crate::protocol::{Batch, PeerReply, PeerRequest, TaskRef, WorkerId};
use crate::transport::{Address, CommSettings, Hello, Role, connect};
use crate::worker::Event;

type Request = (u64, Vec<TaskRef>);

/// Connections to peers.
pub(super) struct Peers {
    addresses: HashMap<WorkerId, String>,
    open: HashMap<WorkerId, mpsc::UnboundedSender<Request>>,
    events: Heard,
    comm: CommSettings,
    received: Arc<AtomicU64>,
    runtime: Handle,
}

impl Peers {
    pub(super) fn new(events: Heard, comm: CommSettings, runtime: Handle) -> Self {
        Self { addresses: HashMap::new(), open: HashMap::new(), events, comm, received: Arc::default(), runtime }
    }

    pub(super) fn learn(&mut self, peers: Vec<(WorkerId, String)>) {
        self.addresses.extend(peers);
    }

    /// Nothing more comes from these: what they were asked for has failed, and so does whatever they would be asked for.
    pub(super) fn give_up(&mut self, peers: &[WorkerId]) {
        for peer in peers {
            self.addresses.remove(peer);
            // Without a sender the connection ends.
            self.open.remove(peer);
        }
    }

    /// Bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Asks; the answer comes as an event.
    pub(super) fn ask(&mut self, from: WorkerId, request: u64, tasks: Vec<TaskRef>) {
        let sent = self.open.get(&from).map(|to| to.send((request, tasks.clone())));
        if matches!(sent, Some(Ok(()))) {
            return;
        }
        let address = self.addresses.get(&from).and_then(|address| address.parse::<Address>().ok());
        let Some(address) = address else {
            // Whoever waits for it hears that nobody has it.
            drop(self.events.send((Event::FetchFailed { request }, Vec::new())));
            return;
        };
        let (to, requests) = mpsc::unbounded_channel();
        drop(to.send((request, tasks)));
        self.open.insert(from, to);
        let peer = Peer { events: self.events.clone(), received: self.received.clone() };
        self.runtime.spawn(peer.talk(address, self.comm.clone(), requests));
    }
}

struct Peer {
    events: Heard,
    received: Arc<AtomicU64>,
}

impl Peer {
    /// Sends requests and passes answers on, until the connection ends; what is open then has failed.
    async fn talk(self, address: Address, comm: CommSettings, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut open: Vec<u64> = Vec::new();
        let mut early: Vec<Request> = Vec::new();
        let mut connecting = pin!(connect::<PeerRequest, PeerReply>(&address, Hello::new(Role::Peer), &comm));
        let link = loop {
            tokio::select! {
                link = &mut connecting => break link.ok(),
                request = requests.recv() => match request {
                    Some(request) => early.push(request),
                    None => break None,
                },
            }
        };
        if let Some(mut link) = link {
            for (request, tasks) in early.drain(..) {
                open.push(request);
                // If it is closed already, the first look at the other side tells.
                let _ = link.outbox.send(Batch::one(PeerRequest::Get { request, tasks }));
            }
            loop {
                tokio::select! {
                    request = requests.recv() => {
                        let Some((request, tasks)) = request else { break };
                        open.push(request);
                        if link.outbox.send(Batch::one(PeerRequest::Get { request, tasks })).is_err() {
                            break;
                        }
                    }
                    batch = link.inbox.recv() => {
                        let Ok(Some(batch)) = batch else { break };
                        self.take(batch, &mut open);
                    }
                }
            }
        }
        open.extend(early.into_iter().map(|(request, _)| request));
        requests.close();
        while let Some((request, _)) = requests.recv().await {
            open.push(request);
        }
        for request in open {
            drop(self.events.send((Event::FetchFailed { request }, Vec::new())));
        }
    }

    fn take(&self, batch: Batch<PeerReply>, open: &mut Vec<u64>) {
        let mut values = batch.attachments.into_iter();
        for reply in batch.messages {
            let PeerReply::Data { request, found, missing, refused, last } = reply else { continue };
            let mut came = Vec::new();
            let found: Vec<(TaskRef, u64)> = found
                .into_iter()
                .zip(values.by_ref())
                .map(|(task, value)| {
                    let nbytes = value.nbytes() as u64;
                    self.received.fetch_add(nbytes, Ordering::Relaxed);
                    came.push((task, value));
                    (task, nbytes)
                })
                .collect();
            if last {
                open.retain(|known| *known != request);
            }
            drop(self.events.send((Event::Fetched { request, found, missing, refused, last }, came)));
        }
    }
}

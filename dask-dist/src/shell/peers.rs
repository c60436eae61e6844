//! Asking other workers for values: one connection each, opened when needed.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::worker::Heard;
use crate::protocol::{Batch, PeerReply, PeerRequest, TaskRef, Transfer, WorkerId};
use crate::transport::{Address, CommSettings, Hello, Role, connect};
use crate::worker::Event;

/// Its number, for what, and the turns of those that may be waited for.
type Request = (u64, Vec<TaskRef>, Vec<u64>);

/// Connections to peers.
pub(super) struct Peers {
    addresses: HashMap<WorkerId, String>,
    open: HashMap<WorkerId, mpsc::UnboundedSender<Request>>,
    events: Heard,
    comm: CommSettings,
    received: Arc<AtomicU64>,
    moved: Came,
    runtime: Handle,
}

/// What came from whom since it was last told.
type Came = Arc<Mutex<HashMap<WorkerId, Transfer>>>;

/// Peers told of at a time, at most; the others are told of the next time.
const TRANSFERS_MAX: usize = 256;

impl Peers {
    pub(super) fn new(events: Heard, comm: CommSettings, runtime: Handle) -> Self {
        Self {
            addresses: HashMap::new(),
            open: HashMap::new(),
            events,
            comm,
            received: Arc::default(),
            moved: Arc::default(),
            runtime,
        }
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

    /// What came from whom since this was last asked.
    pub(super) fn transfers(&self) -> Vec<Transfer> {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let some: Vec<WorkerId> = moved.keys().copied().take(TRANSFERS_MAX).collect();
        some.iter().filter_map(|from| moved.remove(from)).collect()
    }

    /// Asks; the answer comes as an event.
    pub(super) fn ask(&mut self, from: WorkerId, (request, tasks, turns): Request) {
        let mut asked = (request, tasks, turns);
        if let Some(to) = self.open.get(&from) {
            match to.send(asked) {
                Ok(()) => return,
                Err(mpsc::error::SendError(back)) => asked = back,
            }
        }
        let address = self.addresses.get(&from).and_then(|address| address.parse::<Address>().ok());
        let Some(address) = address else {
            // Whoever waits for it hears that nobody has it.
            drop(self.events.send((Event::FetchFailed { request }, Vec::new())));
            return;
        };
        let (to, requests) = mpsc::unbounded_channel();
        drop(to.send(asked));
        self.open.insert(from, to);
        let (events, received, moved) = (self.events.clone(), self.received.clone(), self.moved.clone());
        let peer = Peer { id: from, events, received, moved };
        self.runtime.spawn(peer.talk(address, self.comm.clone(), requests));
    }
}

struct Peer {
    id: WorkerId,
    events: Heard,
    received: Arc<AtomicU64>,
    moved: Came,
}

impl Peer {
    /// Sends requests and passes answers on, until the connection ends; what is open then has failed.
    async fn talk(self, address: Address, comm: CommSettings, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut open: Vec<(u64, Instant)> = Vec::new();
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
            for (request, tasks, turns) in early.drain(..) {
                open.push((request, Instant::now()));
                // If it is closed already, the first look at the other side tells.
                let _ = link.outbox.send(Batch::one(PeerRequest::Get { request, tasks, turns }));
            }
            loop {
                tokio::select! {
                    request = requests.recv() => {
                        let Some((request, tasks, turns)) = request else { break };
                        open.push((request, Instant::now()));
                        if link.outbox.send(Batch::one(PeerRequest::Get { request, tasks, turns })).is_err() {
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
        let mut open: Vec<u64> = open.into_iter().map(|(request, _)| request).collect();
        open.extend(early.into_iter().map(|(request, ..)| request));
        requests.close();
        while let Some((request, ..)) = requests.recv().await {
            open.push(request);
        }
        for request in open {
            drop(self.events.send((Event::FetchFailed { request }, Vec::new())));
        }
    }

    fn take(&self, batch: Batch<PeerReply>, open: &mut Vec<(u64, Instant)>) {
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
            let asked = open.iter().position(|(known, _)| *known == request);
            let took = asked.filter(|_| last).map(|at| open.swap_remove(at).1.elapsed());
            self.note(found.iter().map(|(_, nbytes)| nbytes).sum(), took);
            drop(self.events.send((Event::Fetched { request, found, missing, refused, last }, came)));
        }
    }

    /// Something came; if it was the end of an answer, that took so long.
    fn note(&self, nbytes: u64, took: Option<Duration>) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let all = moved.entry(self.id).or_insert(Transfer { from: self.id, n: 0, nbytes: 0, nanos: 0 });
        all.nbytes += nbytes;
        if let Some(took) = took {
            all.n += 1;
            all.nanos += took.as_nanos() as u64;
        }
    }
}

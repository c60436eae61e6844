//! What is to be said, by receiver, in order; many small sayings become one message.

use std::collections::BTreeMap;

use dask_core::Value;

use super::journal::Record;
use crate::protocol::{
    Batch, ClientId, ComputeTask, Dependency, FunctionId, RunId, TaskRef, ToClient, ToWorker, WorkerId,
};

/// What the shell is asked to do.
#[derive(Debug)]
pub enum Action {
    /// Send to a worker.
    Worker(WorkerId, Batch<ToWorker>),
    /// Send to a client.
    Client(ClientId, Batch<ToClient>),
    /// Cut a worker's connection: it is taken for dead.
    Cut(WorkerId),
    /// Forget a client's connection.
    CutClient(ClientId),
    /// Write this down, so that it outlives the scheduler.
    Record(Record),
    /// Tell the operator.
    Warn(String),
}

#[derive(Default)]
struct ForWorker {
    /// Before everything else of a batch: what the rest refers to.
    peers: Vec<(WorkerId, String)>,
    gone: Vec<WorkerId>,
    functions: Vec<(FunctionId, u32)>,
    attachments: Vec<Value>,
    messages: Vec<ToWorker>,
    listed: bool,
}

#[derive(Default)]
struct ForClient {
    /// Before everything else of a batch.
    gone: Vec<WorkerId>,
    batch: Batch<ToClient>,
}

/// What is to be said.
#[derive(Default)]
pub(super) struct Outbox {
    workers: Vec<ForWorker>,
    /// Those with something to be told.
    to_tell: Vec<WorkerId>,
    clients: BTreeMap<ClientId, ForClient>,
    other: Vec<Action>,
}

impl Outbox {
    fn of(&mut self, worker: WorkerId) -> &mut ForWorker {
        if self.workers.len() <= worker.idx() {
            self.workers.resize_with(worker.idx() + 1, ForWorker::default);
        }
        let entry = &mut self.workers[worker.idx()];
        if !entry.listed {
            entry.listed = true;
            self.to_tell.push(worker);
        }
        entry
    }

    pub(super) fn say(&mut self, worker: WorkerId, message: ToWorker) {
        self.of(worker).messages.push(message);
    }

    pub(super) fn peer(&mut self, worker: WorkerId, peer: WorkerId, address: &str) {
        self.of(worker).peers.push((peer, address.to_owned()));
    }

    pub(super) fn function(&mut self, worker: WorkerId, (id, kind): (FunctionId, u32), body: Value) {
        let entry = self.of(worker);
        entry.functions.push((id, kind));
        entry.attachments.push(body);
    }

    pub(super) fn compute(&mut self, worker: WorkerId, task: ComputeTask) {
        let messages = &mut self.of(worker).messages;
        match messages.last_mut() {
            Some(ToWorker::Compute(tasks)) => tasks.push(task),
            _ => messages.push(ToWorker::Compute(vec![task])),
        }
    }

    pub(super) fn free(&mut self, worker: WorkerId, task: TaskRef) {
        let messages = &mut self.of(worker).messages;
        match messages.last_mut() {
            Some(ToWorker::Free(tasks)) => tasks.push(task),
            // Freeing may come before a task that is sent at the same time, unless it is the same.
            Some(ToWorker::Compute(sent)) if sent.iter().rev().take(8).all(|s| s.task != task) && sent.len() <= 8 => {
                let at = messages.len() - 1;
                match messages[..at].last_mut() {
                    Some(ToWorker::Free(tasks)) => tasks.push(task),
                    _ => messages.insert(at, ToWorker::Free(vec![task])),
                }
            }
            _ => messages.push(ToWorker::Free(vec![task])),
        }
    }

    pub(super) fn keep(&mut self, worker: WorkerId, task: TaskRef) {
        let messages = &mut self.of(worker).messages;
        match messages.last_mut() {
            Some(ToWorker::Keep(tasks)) => tasks.push(task),
            _ => messages.push(ToWorker::Keep(vec![task])),
        }
    }

    pub(super) fn retract(&mut self, worker: WorkerId, task: TaskRef, run: RunId) {
        let messages = &mut self.of(worker).messages;
        match messages.last_mut() {
            Some(ToWorker::Retract(tasks)) => tasks.push((task, run)),
            _ => messages.push(ToWorker::Retract(vec![(task, run)])),
        }
    }

    pub(super) fn acquire(&mut self, worker: WorkerId, what: Dependency) {
        let messages = &mut self.of(worker).messages;
        match messages.last_mut() {
            Some(ToWorker::Acquire(tasks)) => tasks.push(what),
            _ => messages.push(ToWorker::Acquire(vec![what])),
        }
    }

    /// A worker hears that another is there no more.
    pub(super) fn gone(&mut self, worker: WorkerId, peer: WorkerId) {
        self.of(worker).gone.push(peer);
    }

    /// A client hears that a worker is there no more.
    pub(super) fn tell_gone(&mut self, client: ClientId, peer: WorkerId) {
        self.clients.entry(client).or_default().gone.push(peer);
    }

    pub(super) fn tell(&mut self, client: ClientId, message: ToClient) {
        self.clients.entry(client).or_default().batch.messages.push(message);
    }

    /// A message with a value.
    pub(super) fn give(&mut self, client: ClientId, message: ToClient, value: Value) {
        let batch = &mut self.clients.entry(client).or_default().batch;
        batch.messages.push(message);
        batch.attachments.push(value);
    }

    pub(super) fn act(&mut self, action: Action) {
        self.other.push(action);
    }

    /// Whoever has gone hears nothing.
    pub(super) fn drop_worker(&mut self, worker: WorkerId) {
        if let Some(entry) = self.workers.get_mut(worker.idx()) {
            let listed = entry.listed;
            *entry = ForWorker { listed, ..ForWorker::default() };
        }
    }

    /// Everything, in batches.
    pub(super) fn drain(&mut self, actions: &mut Vec<Action>) {
        actions.append(&mut self.other);
        for worker in std::mem::take(&mut self.to_tell) {
            let entry = std::mem::take(&mut self.workers[worker.idx()]);
            let mut messages = Vec::with_capacity(entry.messages.len() + 3);
            if !entry.gone.is_empty() {
                messages.push(ToWorker::PeersGone(entry.gone));
            }
            if !entry.peers.is_empty() {
                messages.push(ToWorker::Peers(entry.peers));
            }
            if !entry.functions.is_empty() {
                messages.push(ToWorker::Functions(entry.functions));
            }
            messages.extend(entry.messages);
            if !messages.is_empty() {
                actions.push(Action::Worker(worker, Batch { messages, attachments: entry.attachments }));
            }
        }
        for (client, ForClient { gone, mut batch }) in std::mem::take(&mut self.clients) {
            if !gone.is_empty() {
                batch.messages.insert(0, ToClient::PeersGone(gone));
            }
            actions.push(Action::Client(client, batch));
        }
    }
}

//! A simulated process: the worker's real machine, a store of symbolic values, a disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::Happening;
use super::disk::Disk;
use super::workload::stage_of;
use crate::protocol::{Batch, FunctionId, TaskRef, ToWorker, WorkerId};
use crate::worker::{Action, Event, Machine, Settings};

/// A value in a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) value: u64,
    pub(super) nbytes: u64,
    pub(super) on_disk: bool,
    /// It was written before, and the file is kept while it is in memory.
    pub(super) has_file: bool,
    /// Tells it from one of the same name before.
    pub(super) version: u64,
}

/// A worker.
pub(super) struct Host {
    pub(super) machine: Machine,
    pub(super) alive: bool,
    /// Its connection to the scheduler has ended.
    pub(super) lost: bool,
    pub(super) frozen_until: Duration,
    /// What happened while it hung.
    pub(super) missed: VecDeque<Happening>,
    pub(super) store: BTreeMap<TaskRef, Stored>,
    /// The stage each function belongs to.
    pub(super) functions: BTreeMap<FunctionId, u32>,
    pub(super) peers: BTreeSet<WorkerId>,
    /// Those of whom it was told that they are given up.
    pub(super) gone: BTreeSet<WorkerId>,
    pub(super) disk: Disk,
    pub(super) unreadable_until: Duration,
    versions: u64,
    /// Which cluster it belongs to, and which life of its scheduler knows it.
    pub(super) cluster: (u64, u32),
    /// Bytes of values in memory.
    pub(super) in_memory: u64,
    /// Bytes sent to others.
    pub(super) sent: u64,
}

impl Host {
    pub(super) fn new(settings: Settings, disk_bandwidth: f64) -> Self {
        Self {
            machine: Machine::new(settings),
            alive: true,
            lost: false,
            frozen_until: Duration::ZERO,
            missed: VecDeque::new(),
            store: BTreeMap::new(),
            functions: BTreeMap::new(),
            peers: BTreeSet::new(),
            gone: BTreeSet::new(),
            disk: Disk::new(disk_bandwidth),
            unreadable_until: Duration::ZERO,
            versions: 0,
            cluster: (0, 0),
            in_memory: 0,
            sent: 0,
        }
    }

    /// The same process on another connection: what it has, and what it says of it.
    pub(super) fn come_back(&mut self, settings: Settings, disk_bandwidth: f64) -> (Self, Vec<(TaskRef, u64)>) {
        let mut back = Self::new(settings.clone(), disk_bandwidth);
        let mut store = std::mem::take(&mut self.store);
        let mut values = Vec::new();
        for (task, nbytes) in self.machine.values() {
            if let Some(stored) = store.remove(&task) {
                values.push((task, nbytes, stored.on_disk));
                back.in_memory += if stored.on_disk { 0 } else { stored.nbytes };
                back.store.insert(task, stored);
            }
        }
        (back.versions, back.unreadable_until) = (self.versions, self.unreadable_until);
        back.cluster = self.cluster;
        std::mem::swap(&mut back.disk, &mut self.disk);
        back.machine = Machine::holding(settings, &values);
        (back, values.into_iter().map(|(task, nbytes, _)| (task, nbytes)).collect())
    }

    /// An event, and what follows.
    pub(super) fn handle(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.machine.handle(event, &mut actions);
        self.machine.flush(&mut actions);
        actions
    }

    /// A batch from the scheduler, and what follows.
    pub(super) fn hear(&mut self, batch: Batch<ToWorker>) -> Vec<Action> {
        let (mut attachments, mut actions) = (batch.attachments.into_iter(), Vec::new());
        for message in batch.messages {
            match message {
                ToWorker::Functions(ids) => {
                    for ((id, _), body) in ids.into_iter().zip(attachments.by_ref()) {
                        self.functions.extend(stage_of(&body).map(|stage| (id, stage)));
                    }
                }
                ToWorker::DropFunctions(ids) => self.functions.retain(|id, _| !ids.contains(id)),
                ToWorker::Peers(peers) => self.peers.extend(peers.into_iter().map(|(id, _)| id)),
                ToWorker::PeersGone(peers) => self.gone.extend(peers),
                ToWorker::Welcome { cluster, .. } => self.cluster = cluster,
                other => self.machine.handle(Event::Scheduler(other), &mut actions),
            }
        }
        self.machine.flush(&mut actions);
        actions
    }

    /// A value comes into the store.
    pub(super) fn keep(&mut self, task: TaskRef, value: u64, nbytes: u64) {
        if self.store.contains_key(&task) {
            return;
        }
        self.versions += 1;
        self.in_memory += nbytes;
        self.store.insert(task, Stored { value, nbytes, on_disk: false, has_file: false, version: self.versions });
    }

    /// A value leaves it.
    pub(super) fn forget(&mut self, task: TaskRef) {
        if let Some(stored) = self.store.remove(&task)
            && !stored.on_disk
        {
            self.in_memory -= stored.nbytes;
        }
    }

    /// A value that has been written leaves memory.
    pub(super) fn evict(&mut self, task: TaskRef) {
        if let Some(stored) = self.store.get_mut(&task).filter(|stored| !stored.on_disk) {
            (stored.on_disk, stored.has_file) = (true, true);
            self.in_memory -= stored.nbytes;
        }
    }

    /// A value has been written to disk or read from it, if it is still the same.
    pub(super) fn moved(&mut self, task: TaskRef, version: u64, to_disk: bool, ok: bool) -> Option<Event> {
        let stored = self.store.get_mut(&task).filter(|stored| stored.version == version)?;
        if ok && !to_disk && stored.on_disk {
            stored.on_disk = false;
            self.in_memory += stored.nbytes;
        }
        Some(if to_disk { Event::Spilled { task, ok } } else { Event::Restored { task, ok } })
    }
}

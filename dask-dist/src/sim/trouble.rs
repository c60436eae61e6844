//! Faults happen.

use std::time::Duration;

use super::faults::Fault;
use super::host::Host;
use super::network::{Network, SCHEDULER};
use super::{Happening, Sim};
use crate::protocol::{FromWorker, TaskRef, WorkerHello, WorkerId};
use crate::scheduler;
use crate::scheduler::journal::Identity;

/// A worker that leaves ends after so long, whatever it holds.
const FAREWELL: Duration = Duration::from_secs(30);

impl Sim {
    pub(super) fn fault(&mut self, fault: Fault) {
        let now = self.clock.now();
        match fault {
            Fault::Kill(who) => {
                if let Some(id) = self.pick(who) {
                    self.end(id, "signal 9");
                }
            }
            Fault::Cut(who) => {
                if let Some(id) = self.pick(who) {
                    let at = self.network.message(now, id.0, SCHEDULER);
                    self.clock.at(at, Happening::Noticed(id, "the connection was reset".to_owned()));
                    self.outcome.n_deaths += 1;
                    self.look_for_scheduler(id);
                }
            }
            Fault::Hang(who, long) => {
                if let Some(id) = self.pick(who) {
                    let host = &mut self.hosts[id.idx()];
                    host.frozen_until = host.frozen_until.max(now + long);
                    self.clock.at(now + long, Happening::Thaw(id));
                }
            }
            Fault::Freeze(who) => {
                if let Some(id) = self.pick(who) {
                    self.hosts[id.idx()].frozen_until = Duration::MAX;
                    let soon = Duration::from_millis(self.dice.between(1, 3000));
                    self.clock.after(soon, Happening::Join);
                }
            }
            Fault::Partition(who, two, long) => {
                let ends: Vec<u32> =
                    self.pick(who).into_iter().chain(self.pick(who + 1).filter(|_| two)).map(|id| id.0).collect();
                self.network.cut(&ends, now + long);
            }
            Fault::Delay(by, long) => self.network.slow(by, now + long),
            Fault::Resets(long) => self.resets_until = now + long,
            Fault::Duplicates(long) => self.duplicates_until = now + long,
            Fault::FullDisk(who, long) => {
                if let Some(id) = self.pick(who) {
                    self.hosts[id.idx()].disk.fill(now + long);
                }
            }
            Fault::BadDisk(who, long) => {
                if let Some(id) = self.pick(who) {
                    self.hosts[id.idx()].unreadable_until = now + long;
                }
            }
            Fault::Leave(who) => {
                if let Some(id) = self.pick(who) {
                    self.report(id, vec![FromWorker::Leaving]);
                    self.clock.after(FAREWELL, Happening::CutOff(id));
                }
            }
            Fault::Join => drop(self.join()),
            Fault::ClientGone => self.lose_client(1),
            Fault::Cancel(which) => self.cancel(which),
            Fault::Replicate(n) => self.replicate(n),
            Fault::Rebalance => self.rebalance(),
            Fault::Publish => self.publish(),
            Fault::Restart => self.restart(),
        }
    }

    /// One of the workers that live.
    fn pick(&self, who: u64) -> Option<WorkerId> {
        let alive: Vec<WorkerId> =
            (0u32..).zip(&self.hosts).filter(|(_, h)| h.alive).map(|(id, _)| WorkerId(id)).collect();
        alive.get((who % alive.len().max(1) as u64) as usize).copied()
    }

    /// A worker's process ends; the scheduler notices, and another comes.
    pub(super) fn end(&mut self, id: WorkerId, why: &str) {
        let now = self.clock.now();
        let host = &mut self.hosts[id.idx()];
        if !host.alive {
            return;
        }
        host.alive = false;
        self.in_memory -= host.in_memory;
        host.in_memory = 0;
        host.store.clear();
        // Those who asked it for something hear of the end.
        for what in std::mem::take(&mut host.missed) {
            if matches!(what, Happening::PeerAsks { .. }) {
                self.happen_now(what);
            }
        }
        self.break_asks(|ask| ask.of == id || ask.by == id);
        self.outcome.n_deaths += 1;
        let at = self.network.message(now, id.0, SCHEDULER);
        self.clock.at(at, Happening::Noticed(id, why.to_owned()));
        let soon = Duration::from_millis(self.dice.between(1, 3000));
        self.clock.after(soon, Happening::Join);
    }

    /// A worker without a scheduler looks for it; what it was doing comes to nothing.
    pub(super) fn look_for_scheduler(&mut self, id: WorkerId) {
        if self.hosts[id.idx()].alive && !std::mem::replace(&mut self.hosts[id.idx()].lost, true) {
            let soon = Duration::from_millis(self.dice.between(1, 3000));
            self.clock.after(soon, Happening::Return(id));
        }
    }

    /// It has found it, and brings what it has.
    pub(super) fn come_back(&mut self, id: WorkerId) {
        let host = &mut self.hosts[id.idx()];
        if !host.alive {
            return;
        }
        host.alive = false;
        let missed = std::mem::take(&mut host.missed);
        let (back, holds) = host.come_back(self.settings.worker.clone(), self.settings.disk_bandwidth);
        self.in_memory = self.in_memory - host.in_memory + back.in_memory;
        host.in_memory = 0;
        for what in missed {
            if matches!(what, Happening::PeerAsks { .. }) {
                self.happen_now(what);
            }
        }
        self.break_asks(|ask| ask.of == id || ask.by == id);
        let cluster = back.cluster;
        self.enter(back, WorkerHello { holds, was: Some(id), cluster, ..WorkerHello::default() });
    }

    /// The scheduler's process ends, and another is started with what the first wrote down. Workers are numbered anew.
    fn restart(&mut self) {
        self.outcome.n_restarts += 1;
        let n_restarts = self.outcome.n_restarts;
        self.scheduler = scheduler::Machine::new(self.settings.scheduler.clone(), self.seed + u64::from(n_restarts));
        self.scheduler.restore(Identity { cluster: 0, n_restarts }, self.records.clone());
        if self.settings.scheduler.validate {
            self.scheduler.record();
        }
        self.asks.clear();
        // What was on its way was on connections that have ended, and what workers were doing comes to nothing.
        self.clock.retain(|what| {
            matches!(
                what,
                Happening::SchedulerTick
                    | Happening::ClientTick
                    | Happening::Found(..)
                    | Happening::Join
                    | Happening::Fault(_)
            )
        });
        (self.network, self.in_memory) = (Network::new(self.settings.network.clone(), self.seed), 0);
        for mut host in std::mem::take(&mut self.hosts) {
            // One that is stopped for good does not notice anything.
            if host.alive && host.frozen_until != Duration::MAX {
                let (back, holds) = host.come_back(self.settings.worker.clone(), self.settings.disk_bandwidth);
                let soon = Duration::from_millis(self.dice.between(1, 3000));
                self.clock.after(soon, Happening::Found(Box::new(back), holds));
            }
        }
        self.connect_again();
    }

    /// A worker has found the scheduler that was started again.
    pub(super) fn found(&mut self, back: Host, holds: Vec<(TaskRef, u64)>) {
        self.in_memory += back.in_memory;
        let cluster = back.cluster;
        self.enter(back, WorkerHello { holds, cluster, ..WorkerHello::default() });
    }

    /// A worker that hung goes on with what has happened meanwhile.
    pub(super) fn thaw(&mut self, id: WorkerId) {
        let host = &mut self.hosts[id.idx()];
        if self.clock.now() < host.frozen_until {
            return;
        }
        for what in std::mem::take(&mut host.missed) {
            self.happen_now(what);
        }
    }
}

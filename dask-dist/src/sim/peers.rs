//! Values between workers.

use super::host::Stored;
use super::{Happening, Sim};
use crate::protocol::{TaskRef, WorkerId};
use crate::worker::Event;

/// A worker that waits at another for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) by: WorkerId,
    pub(super) of: WorkerId,
    request: u64,
    task: TaskRef,
}

impl Sim {
    /// A worker asks another for values.
    pub(super) fn ask_peer(&mut self, by: WorkerId, of: WorkerId, request: u64, tasks: Vec<TaskRef>, turns: Vec<u64>) {
        if !self.hosts[by.idx()].peers.contains(&of) {
            // As the shell does. The scheduler is to introduce whom it names; but a report that comes late, or twice, may
            // make it name a worker to itself as the holder of what that worker has dropped: this corrects it.
            if by != of {
                self.broken = Some(format!("{by:?} was not told where {of:?} is"));
            }
            self.clock.at(self.clock.now(), Happening::PeerBreaks(by, request));
            return;
        }
        if self.hosts[by.idx()].gone.contains(&of) {
            self.clock.at(self.clock.now(), Happening::PeerBreaks(by, request));
            return;
        }
        let at = self.network.message(self.clock.now(), by.0, of.0);
        self.clock.at(at, Happening::PeerAsks { by, of, request, tasks, turns });
    }

    /// A worker has heard that others are given up: what it has asked them for has failed.
    pub(super) fn give_up(&mut self, by: WorkerId, gone: &[WorkerId]) {
        for of in gone {
            let missed = std::mem::take(&mut self.hosts[of.idx()].missed);
            for what in missed {
                match what {
                    Happening::PeerAsks { by: asker, request, .. } if asker == by => {
                        self.clock.at(self.clock.now(), Happening::PeerBreaks(by, request));
                    }
                    other => self.hosts[of.idx()].missed.push_back(other),
                }
            }
            self.break_asks(|ask| ask.by == by && ask.of == *of);
        }
    }

    /// Connections end: what was waited for on them has failed.
    pub(super) fn break_asks(&mut self, which: impl Fn(&Ask) -> bool) {
        let over: Vec<u64> = self.asks.iter().filter(|(_, ask)| which(ask)).map(|(&ask, _)| ask).collect();
        let mut broken: Vec<Ask> = over.iter().filter_map(|ask| self.asks.remove(ask)).collect();
        broken.dedup_by_key(|ask| (ask.by, ask.of, ask.request));
        for ask in broken {
            let at = self.network.message(self.clock.now(), ask.of.0, ask.by.0);
            self.clock.at(at, Happening::PeerBreaks(ask.by, ask.request));
        }
    }

    /// The other answers, unless it is dead or the connection breaks.
    pub(super) fn answer_peer(&mut self, by: WorkerId, of: WorkerId, request: u64, tasks: &[TaskRef], turns: &[u64]) {
        let now = self.clock.now();
        if self.hosts[by.idx()].gone.contains(&of) {
            // Given up on its way.
            self.clock.at(now, Happening::PeerBreaks(by, request));
            return;
        }
        let host = &self.hosts[of.idx()];
        let breaks = now < self.resets_until && self.dice.one_in(2);
        if !host.alive || breaks {
            let at = self.network.message(now, of.0, by.0);
            self.clock.at(at, Happening::PeerBreaks(by, request));
            return;
        }
        let (mut found, mut missing): (Vec<(TaskRef, Stored)>, Vec<TaskRef>) = (Vec::new(), Vec::new());
        let mut later = Vec::new();
        for (&task, turn) in tasks.iter().zip(turns.iter().copied().chain(std::iter::repeat(0))) {
            match host.store.get(&task) {
                _ if turn != 0 => later.push((task, turn)),
                // What cannot be read from disk is not there.
                Some(stored) if !stored.on_disk || host.unreadable_until <= now => found.push((task, *stored)),
                _ => missing.push(task),
            }
        }
        if later.is_empty() || !found.is_empty() || !missing.is_empty() {
            self.send_values(by, of, request, (found, missing), later.is_empty());
        }
        let asked: Vec<(u64, TaskRef, u64)> = later
            .into_iter()
            .map(|(task, turn)| {
                self.n_asks += 1;
                self.asks.insert(self.n_asks, Ask { by, of, request, task });
                (self.n_asks, task, turn)
            })
            .collect();
        for (ask, task, turn) in asked {
            self.host_event(of, Event::Asked { ask, task, turn });
        }
    }

    fn send_values(
        &mut self,
        by: WorkerId,
        of: WorkerId,
        request: u64,
        (found, missing): (Vec<(TaskRef, Stored)>, Vec<TaskRef>),
        last: bool,
    ) {
        let nbytes = found.iter().map(|(_, stored)| stored.nbytes).sum();
        let host = &mut self.hosts[of.idx()];
        host.sent += nbytes;
        self.outcome.bytes_sent_max = self.outcome.bytes_sent_max.max(host.sent);
        let at = self.network.bulk(self.clock.now(), of.0, by.0, nbytes);
        self.clock.at(at, Happening::PeerAnswers { to: by, request, found, missing, last });
    }

    /// One that waited is answered.
    pub(super) fn answer_later(&mut self, of: WorkerId, ask: u64, here: bool) {
        let Some(Ask { by, request, task, .. }) = self.asks.remove(&ask) else {
            // It has gone.
            return self.clock.at(self.clock.now(), Happening::PeerSent(of, ask));
        };
        let (host, now) = (&self.hosts[of.idx()], self.clock.now());
        let can_be_read = |stored: &&Stored| !stored.on_disk || host.unreadable_until <= now;
        let stored = host.store.get(&task).filter(can_be_read).filter(|_| here).copied();
        let found = stored.map(|stored| (task, stored)).into_iter().collect();
        let missing = if stored.is_none() { vec![task] } else { Vec::new() };
        let last = !self.asks.values().any(|other| (other.by, other.of, other.request) == (by, of, request));
        self.send_values(by, of, request, (found, missing), last);
        self.clock.at(self.network.sent(self.clock.now(), of.0), Happening::PeerSent(of, ask));
    }

    /// The answer arrives.
    pub(super) fn take_answer(
        &mut self,
        to: WorkerId,
        request: u64,
        found: Vec<(TaskRef, Stored)>,
        missing: Vec<TaskRef>,
        last: bool,
    ) {
        self.outcome.bytes_moved += found.iter().map(|(_, stored)| stored.nbytes).sum::<u64>();
        self.on_host(to, |host| {
            found.iter().for_each(|(task, stored)| host.keep(*task, stored.value, stored.nbytes));
            let found = found.iter().map(|(task, stored)| (*task, stored.nbytes)).collect();
            host.handle(Event::Fetched { request, found, missing, refused: Vec::new(), last })
        });
    }
}

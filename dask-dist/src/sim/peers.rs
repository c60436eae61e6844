//! Values between workers.

use super::host::Stored;
use super::{Happening, Sim};
use crate::protocol::{TaskRef, WorkerId};
use crate::worker::Event;

impl Sim {
    /// A worker asks another for values.
    pub(super) fn ask_peer(&mut self, by: WorkerId, of: WorkerId, request: u64, tasks: Vec<TaskRef>) {
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
        self.clock.at(at, Happening::PeerAsks { by, of, request, tasks });
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
        }
    }

    /// The other answers, unless it is dead or the connection breaks.
    pub(super) fn answer_peer(&mut self, by: WorkerId, of: WorkerId, request: u64, tasks: &[TaskRef]) {
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
        for &task in tasks {
            match host.store.get(&task) {
                // What cannot be read from disk is not there.
                Some(stored) if !stored.on_disk || host.unreadable_until <= now => found.push((task, *stored)),
                _ => missing.push(task),
            }
        }
        let nbytes = found.iter().map(|(_, stored)| stored.nbytes).sum();
        let host = &mut self.hosts[of.idx()];
        host.sent += nbytes;
        self.outcome.bytes_sent_max = self.outcome.bytes_sent_max.max(host.sent);
        let at = self.network.bulk(now, of.0, by.0, nbytes);
        self.clock.at(at, Happening::PeerAnswers { to: by, request, found, missing });
    }

    /// The answer arrives.
    pub(super) fn take_answer(
        &mut self,
        to: WorkerId,
        request: u64,
        found: Vec<(TaskRef, Stored)>,
        missing: Vec<TaskRef>,
    ) {
        self.outcome.bytes_moved += found.iter().map(|(_, stored)| stored.nbytes).sum::<u64>();
        self.on_host(to, |host| {
            found.iter().for_each(|(task, stored)| host.keep(*task, stored.value, stored.nbytes));
            let found = found.iter().map(|(task, stored)| (*task, stored.nbytes)).collect();
            host.handle(Event::Fetched { request, found, missing, refused: Vec::new(), last: true })
        });
    }
}

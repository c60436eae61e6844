//! What is here: in memory, on disk, or on the way. What was used least recently goes to disk first.

use super::{Action, Machine};
use crate::protocol::{FromWorker, RunId, TaskRef};

/// A value that is here.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) nbytes: u64,
    pub(super) place: Place,
    /// Running tasks that use it, one an edge.
    pub(super) pins: u32,
    /// When it was last used.
    pub(super) used: u64,
    /// It may go when no running task uses it.
    pub(super) doomed: bool,
    /// It cannot be written down: its type cannot leave the process.
    pub(super) stays: bool,
    /// Tasks that wait until it is read from disk, one an edge.
    pub(super) waiting: Vec<(TaskRef, RunId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    /// Still in memory, being written; it stays there if a task begins to use it.
    Spilling,
    Disk,
    /// Being read.
    Restoring,
}

/// So many looks at a paused process that cannot help itself, and it goes on until the next one: whoever watches it
/// ends it when it takes too much, and everybody else would wait forever.
const PATIENCE: u32 = 10;

impl Held {
    /// Whether it could go to disk now.
    pub(super) fn is_idle(&self) -> bool {
        self.place == Place::Memory && self.pins == 0 && !self.stays
    }
}

impl Machine {
    /// A value is here from before.
    pub(super) fn keeps(&mut self, task: TaskRef, nbytes: u64, on_disk: bool) {
        self.uses += 1;
        let used = self.uses;
        let place = if on_disk { Place::Disk } else { Place::Memory };
        let held = Held { nbytes, place, pins: 0, used, doomed: false, stays: false, waiting: Vec::new() };
        if on_disk {
            self.on_disk += nbytes;
        } else {
            self.in_memory += nbytes;
            self.idle.insert((used, task));
        }
        self.held.insert(task, held);
    }

    /// The values that are here and wanted, and their sizes.
    pub fn values(&self) -> impl Iterator<Item = (TaskRef, u64)> {
        self.held.iter().filter(|(_, held)| !held.doomed).map(|(&task, held)| (task, held.nbytes))
    }

    /// A value has come, from wherever.
    pub(super) fn arrived(&mut self, task: TaskRef, nbytes: u64, actions: &mut Vec<Action>) {
        if let Some(held) = self.held.get_mut(&task) {
            if held.doomed {
                // Freed while a task used it, and made again since.
                held.doomed = false;
            }
        } else {
            self.uses += 1;
            let used = self.uses;
            let held =
                Held { nbytes, place: Place::Memory, pins: 0, used, doomed: false, stays: false, waiting: Vec::new() };
            self.held.insert(task, held);
            self.idle.insert((used, task));
            self.in_memory += nbytes;
        }
        // An attempt to make it here is not needed.
        if let Some(attempt) = self.attempts.get_mut(&task) {
            let (run, then) = (attempt.run, std::mem::take(&mut attempt.then));
            if !attempt.state.has_started() {
                self.drop_attempt(task, actions);
                actions.push(Action::Report(FromWorker::Finished { task, run, nbytes, nanos: 0, dropped: 0 }));
            }
            then.into_iter().for_each(|(task, run)| self.input_here(task, run));
        }
        if let Some(want) = self.end_want(task, Some(nbytes), actions) {
            want.waiting.into_iter().for_each(|(task, run)| self.input_here(task, run));
        }
    }

    /// A task that starts uses the value.
    pub(super) fn pin(&mut self, task: TaskRef) {
        if let Some(held) = self.held.get_mut(&task) {
            self.idle.remove(&(held.used, task));
            held.pins += 1;
            self.uses += 1;
            held.used = self.uses;
        }
    }

    /// A task that used the value is over.
    pub(super) fn unpin(&mut self, task: TaskRef, actions: &mut Vec<Action>) {
        let Some(held) = self.held.get_mut(&task) else { return };
        held.pins -= 1;
        if held.pins != 0 {
            return;
        }
        if held.doomed {
            self.remove(task);
            actions.push(Action::Drop(vec![task]));
        } else if held.is_idle() {
            self.idle.insert((held.used, task));
        }
    }

    /// The value is not needed: true if it may be dropped now, which is then done with it here.
    pub(super) fn forget_value(&mut self, task: TaskRef) -> bool {
        match self.held.get_mut(&task) {
            Some(held) if held.pins != 0 => {
                held.doomed = true;
                false
            }
            Some(_) => {
                self.remove(task);
                true
            }
            None => false,
        }
    }

    fn remove(&mut self, task: TaskRef) {
        let Some(held) = self.held.remove(&task) else { return };
        self.idle.remove(&(held.used, task));
        match held.place {
            Place::Memory => self.in_memory -= held.nbytes,
            Place::Spilling => {
                self.in_memory -= held.nbytes;
                self.spilling -= held.nbytes;
            }
            Place::Disk | Place::Restoring => self.on_disk -= held.nbytes,
        }
    }

    /// Bytes that should go to disk.
    fn surplus(&self) -> u64 {
        let managed = self.in_memory - self.spilling;
        let target = (self.settings.target * self.settings.memory_limit as f64) as u64;
        managed.saturating_sub(target).max(self.excess)
    }

    /// Writes values to disk while too much is in memory.
    pub(super) fn spill(&mut self, actions: &mut Vec<Action>) {
        if self.settings.memory_limit == 0 {
            return;
        }
        while self.disk_full == 0 && 0 < self.surplus() {
            let Some((used, task)) = self.idle.pop_first() else { break };
            let Some(held) = self.held.get_mut(&task) else { continue };
            debug_assert_eq!(held.used, used);
            held.place = Place::Spilling;
            self.spilling += held.nbytes;
            self.excess = self.excess.saturating_sub(held.nbytes);
            actions.push(Action::Spill(task));
        }
    }

    /// Stops what is new while too much memory is used, whatever goes to disk.
    pub(super) fn pause(&mut self, actions: &mut Vec<Action>) {
        let limit = self.settings.memory_limit as f64;
        if limit == 0.0 {
            return;
        }
        if self.paused && PATIENCE <= self.helpless {
            (self.helpless, self.bears) = (0, true);
        }
        let used = if self.bears { self.in_memory } else { self.in_memory.max(self.resident) } as f64;
        // What stopped at the one threshold goes on below the other.
        let threshold = if self.paused { self.settings.spill.min(self.settings.pause) } else { self.settings.pause };
        let paused = threshold * limit < used;
        if paused != self.paused {
            self.paused = paused;
            actions.push(Action::Report(FromWorker::Paused(paused)));
        }
    }

    /// Whether a process that takes so much has to do something about it.
    pub fn is_short_of_memory(&self, resident: u64) -> bool {
        self.takes_share(self.settings.spill, resident)
    }

    /// Whether a process that takes so much, or took it, is to be watched.
    pub fn is_near_its_limit(&self, resident: u64) -> bool {
        self.paused || self.takes_share(self.settings.target, resident.max(self.resident))
    }

    fn takes_share(&self, share: f64, resident: u64) -> bool {
        let limit = self.settings.memory_limit;
        self.settings.own_process && limit != 0 && share * limit as f64 <= resident as f64
    }

    /// The process was looked at.
    pub(super) fn measured(&mut self, resident: u64) {
        if !self.settings.own_process {
            return;
        }
        self.resident = resident;
        self.bears = false;
        // Nothing that is here can become less: waiting does not help.
        let is_helpless = self.paused && self.running == 0 && self.idle.is_empty() && self.spilling == 0;
        self.helpless = if is_helpless { self.helpless + 1 } else { 0 };
        let of_limit = |share: f64| (share * self.settings.memory_limit as f64) as u64;
        // Memory that no value accounts for is made up for by values.
        let down_to = self.settings.target.min(self.settings.spill);
        self.excess = if of_limit(self.settings.spill) < resident {
            resident.saturating_sub(of_limit(down_to)).saturating_sub(self.spilling)
        } else {
            0
        };
    }

    pub(super) fn spilled(&mut self, task: TaskRef, ok: bool, actions: &mut Vec<Action>) {
        let Some(held) = self.held.get_mut(&task) else {
            // Freed meanwhile; the file goes too.
            actions.push(Action::Drop(vec![task]));
            return;
        };
        if held.place != Place::Spilling {
            return;
        }
        self.spilling -= held.nbytes;
        if ok {
            self.refusals = 0;
        }
        if ok && held.pins != 0 {
            // What started meanwhile uses it: it stays, and can go another time without being written again.
            held.place = Place::Memory;
        } else if ok {
            held.place = Place::Disk;
            self.in_memory -= held.nbytes;
            self.on_disk += held.nbytes;
            actions.push(Action::Evict(task));
        } else {
            held.place = Place::Memory;
            // Writing down a large value in vain costs something: twice as rarely each time.
            if self.disk_full == 0 {
                self.disk_full = 1 << self.refusals.min(6);
                self.refusals += 1;
            }
            if held.is_idle() {
                self.idle.insert((held.used, task));
            }
        }
    }

    /// A value that was to go to disk cannot: not tried again.
    pub(super) fn unspillable(&mut self, task: TaskRef) {
        if let Some(held) = self.held.get_mut(&task)
            && held.place == Place::Spilling
        {
            self.spilling -= held.nbytes;
            held.place = Place::Memory;
            held.stays = true;
        }
    }

    /// Reads a value from disk, if it is there and not being read.
    pub(super) fn restore(&mut self, task: TaskRef, actions: &mut Vec<Action>) {
        if let Some(held) = self.held.get_mut(&task)
            && held.place == Place::Disk
        {
            held.place = Place::Restoring;
            actions.push(Action::Restore(task));
        }
    }

    pub(super) fn restored(&mut self, task: TaskRef, ok: bool, actions: &mut Vec<Action>) {
        let Some(held) = self.held.get_mut(&task) else {
            actions.push(Action::Drop(vec![task]));
            return;
        };
        if held.place != Place::Restoring {
            return;
        }
        let waiting = std::mem::take(&mut held.waiting);
        if ok {
            held.place = Place::Memory;
            self.on_disk -= held.nbytes;
            self.in_memory += held.nbytes;
            if held.is_idle() {
                self.idle.insert((held.used, task));
            }
            waiting.into_iter().for_each(|(task, run)| self.input_here(task, run));
            return;
        }
        // The file is bad: the value is lost, and those who waited are given back.
        let given_back = self.take_waiting(&waiting, actions);
        if self.held.contains_key(&task) {
            self.remove(task);
            actions.push(Action::Drop(vec![task]));
        }
        actions.push(Action::Report(FromWorker::Lost(vec![task])));
        if !given_back.is_empty() {
            actions.push(Action::Report(FromWorker::Retracted(given_back)));
        }
    }
}

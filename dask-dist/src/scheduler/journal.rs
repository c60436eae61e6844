//! What outlives the scheduler: published datasets. The shell writes the records down; a scheduler that is started
//! again reads them, and takes the values back from the workers that return with them.
//!
//! Tasks keep their slots and generations over a restart, so that what workers call them stays true. What was computing
//! is not taken up again: its clients learn that the scheduler is gone, and whoever wants it submits it again.

use std::collections::BTreeMap;
use std::time::Duration;

use dask_core::Name;
use serde::{Deserialize, Serialize};

use super::Machine;
use super::clients::Published;
use super::outbox::Action;
use super::task::State;
use crate::protocol::{Failure, TaskRef};

/// Generations that one life of a scheduler may use: more could be taken for those of the next.
pub(super) const GENERATIONS: u32 = 1 << 20;

/// A change that is to outlive the scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Values were published.
    Published {
        /// Under this name.
        name: String,
        /// What the publisher said of them.
        about: Vec<u8>,
        /// The values.
        values: Vec<PublishedValue>,
    },
    /// A name was forgotten.
    Unpublished {
        /// Which.
        name: String,
    },
}

/// A value that is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedValue {
    /// Its layer.
    pub layer: Name,
    /// The layer's grid.
    pub shape: Vec<u32>,
    /// Its number in the grid.
    pub position: u32,
    /// What workers call it.
    pub task: TaskRef,
}

/// Who the scheduler is, to workers that return: the same number over restarts with one journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Any number.
    pub cluster: u64,
    /// How often it was started before.
    pub n_restarts: u32,
}

/// Those that are not forgotten, in order of their names.
pub fn compacted(records: Vec<Record>) -> Vec<Record> {
    let mut live = BTreeMap::new();
    for record in records {
        match &record {
            Record::Published { name, .. } => drop(live.insert(name.clone(), record)),
            Record::Unpublished { name } => drop(live.remove(name)),
        }
    }
    live.into_values().collect()
}

impl Machine {
    /// A scheduler that was started again, before anybody has come.
    pub fn restore(&mut self, identity: Identity, records: Vec<Record>) {
        self.identity = identity;
        self.tasks.begin_generations(identity.n_restarts.wrapping_mul(GENERATIONS));
        let mut known: BTreeMap<TaskRef, u32> = BTreeMap::new();
        for record in compacted(records) {
            let Record::Published { name, about, values } = record else { continue };
            let mut slots = Vec::with_capacity(values.len());
            for value in values {
                let task = value.task;
                let slot = match known.get(&task) {
                    Some(&slot) => Some(slot),
                    None => self.expect(value),
                };
                slots.extend(slot);
                known.extend(slot.map(|slot| (task, slot)));
            }
            slots.iter().for_each(|&slot| self.tasks[slot].wanted += 1);
            self.clients.published.insert(name, Published { slots, about });
        }
        self.expected = known.into_values().collect();
        self.tasks.close_gaps();
    }

    /// Names under which values are published.
    pub fn published_names(&self) -> Vec<String> {
        self.clients.published.keys().cloned().collect()
    }

    /// A task whose value a worker will bring.
    fn expect(&mut self, value: PublishedValue) -> Option<u32> {
        let layer = self.layers.get_or_insert(&value.layer, &value.shape).ok()?;
        if self.layers[layer].shape.iter().map(|&n| u64::from(n)).product::<u64>() <= u64::from(value.position) {
            return None;
        }
        let slot = self.tasks.occupy(value.task, layer, value.position)?;
        self.layers.set_slot(layer, value.position, slot);
        self.set_state(slot, State::Waiting);
        let task = &mut self.tasks[slot];
        // How it was made is not written down.
        task.is_scattered = true;
        task.missing = 1;
        Some(slot)
    }

    /// Values that nobody has brought for so long are lost.
    pub(super) fn give_up_expected(&mut self) {
        if self.expected.is_empty() || self.now < self.settings.return_timeout.max(Duration::from_millis(1)) {
            return;
        }
        for slot in std::mem::take(&mut self.expected) {
            let task = &self.tasks[slot];
            if task.state == State::Waiting && task.is_scattered {
                let blame = Self::blame(Failure::LostScattered, self.key(slot));
                self.err(slot, blame, None);
            }
        }
    }

    /// A name was published, or forgotten.
    pub(super) fn record_published(&mut self, name: &str) {
        let record = match self.clients.published.get(name) {
            Some(published) => Record::Published {
                name: name.to_owned(),
                about: published.about.clone(),
                values: published.slots.iter().map(|&slot| self.published_value(slot)).collect(),
            },
            None => Record::Unpublished { name: name.to_owned() },
        };
        self.outbox.act(Action::Record(record));
    }

    fn published_value(&self, slot: u32) -> PublishedValue {
        let task = &self.tasks[slot];
        let layer = &self.layers[task.layer];
        PublishedValue {
            layer: layer.name.clone(),
            shape: layer.shape.clone(),
            position: task.position,
            task: self.tasks.reference(slot),
        }
    }
}

//! Layers by name, and the slots of their tasks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dask_core::{Key, Name};
use foldhash::fast::FixedState;

use super::task::{NONE, index_of};

/// A layer of which some tasks are known.
pub(super) struct LayerRecord {
    pub(super) name: Name,
    pub(super) shape: Vec<u32>,
    /// The slot of each task of the grid, or `NONE`.
    slots: Vec<u32>,
    n_live: u32,
    pub(super) group: u32,
}

/// What was learnt of the layers that do the same.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) what: Arc<str>,
    /// How often it was measured.
    pub(super) n: u64,
    /// Average nanoseconds, recent ones counting more.
    pub(super) nanos: f64,
    /// Average bytes of a value, recent ones counting more.
    pub(super) nbytes: f64,
}

impl Group {
    pub(super) fn learn(&mut self, nanos: u64, nbytes: u64) {
        let weight = if self.n < 16 { 1.0 / (self.n + 1) as f64 } else { 1.0 / 16.0 };
        self.n += 1;
        self.nanos += weight * (nanos as f64 - self.nanos);
        self.nbytes += weight * (nbytes as f64 - self.nbytes);
    }

    /// What to expect of a task.
    pub(super) fn estimate(&self, unknown: Duration) -> u64 {
        if self.n == 0 { unknown.as_nanos() as u64 } else { self.nanos as u64 }
    }
}

#[derive(Default)]
pub(super) struct Layers {
    all: Vec<Option<LayerRecord>>,
    vacant: Vec<u32>,
    by_name: HashMap<Name, u32, FixedState>,
    groups: Vec<Group>,
    group_by_what: HashMap<Arc<str>, u32, FixedState>,
}

impl std::ops::Index<u32> for Layers {
    type Output = LayerRecord;
    fn index(&self, layer: u32) -> &LayerRecord {
        match &self.all[layer as usize] {
            Some(record) => record,
            None => unreachable!("a task belongs to a layer that is there"),
        }
    }
}

impl Layers {
    /// The layer of this name; new if there was none.
    ///
    /// # Errors
    /// If one of the same name has another grid.
    pub(super) fn get_or_insert(&mut self, name: &Name, shape: &[u32]) -> Result<u32, String> {
        if let Some(&layer) = self.by_name.get(name) {
            if self[layer].shape != shape {
                return Err(format!("another layer is called {name}: give one of them another name"));
            }
            return Ok(layer);
        }
        let what: Arc<str> = name.what().into();
        let group = *self.group_by_what.entry(what.clone()).or_insert_with(|| {
            self.groups.push(Group { what, n: 0, nanos: 0.0, nbytes: 0.0 });
            self.groups.len() as u32 - 1
        });
        let n_tasks = shape.iter().map(|&n| n as usize).product();
        let record =
            LayerRecord { name: name.clone(), shape: shape.to_vec(), slots: vec![NONE; n_tasks], n_live: 0, group };
        let layer = if let Some(at) = self.vacant.pop() {
            self.all[at as usize] = Some(record);
            at
        } else {
            self.all.push(Some(record));
            self.all.len() as u32 - 1
        };
        self.by_name.insert(name.clone(), layer);
        Ok(layer)
    }

    /// The layer of this name.
    pub(super) fn find(&self, name: &Name) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(super) fn slot(&self, layer: u32, position: u32) -> Option<u32> {
        self[layer].slots.get(position as usize).copied().filter(|&slot| slot != NONE)
    }

    pub(super) fn set_slot(&mut self, layer: u32, position: u32, slot: u32) {
        if let Some(record) = &mut self.all[layer as usize] {
            record.slots[position as usize] = slot;
            record.n_live += 1;
        }
    }

    /// Forgets a task; the layer too, if it was the last.
    pub(super) fn remove_task(&mut self, layer: u32, position: u32) {
        let Some(record) = &mut self.all[layer as usize] else { return };
        record.slots[position as usize] = NONE;
        record.n_live -= 1;
        self.drop_unused(layer);
    }

    /// Forgets a layer without tasks.
    pub(super) fn drop_unused(&mut self, layer: u32) {
        let unused = self.all[layer as usize].as_ref().is_some_and(|record| record.n_live == 0);
        if let Some(record) = unused.then(|| self.all[layer as usize].take()).flatten() {
            self.by_name.remove(&record.name);
            self.vacant.push(layer);
        }
    }

    pub(super) fn key(&self, layer: u32, position: u32) -> Key {
        let record = &self[layer];
        record.name.at(&index_of(position, &record.shape))
    }

    #[inline]
    pub(super) fn group(&self, layer: u32) -> &Group {
        &self.groups[self[layer].group as usize]
    }

    #[inline]
    pub(super) fn group_mut(&mut self, layer: u32) -> &mut Group {
        let group = self[layer].group;
        &mut self.groups[group as usize]
    }

    /// What was learnt of each kind of layer.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The kind of layers that do this.
    pub(super) fn group_of(&self, what: &str) -> Option<u32> {
        self.group_by_what.get(what).copied()
    }

    /// Bytes of the tables.
    pub(super) fn memory(&self) -> usize {
        let records = self.all.iter().flatten();
        records.map(|record| size_of::<LayerRecord>() + record.slots.capacity() * 4 + 64).sum()
    }
}

//! A task in the scheduler's tables, and the table.

use dask_core::Index;
use smallvec::SmallVec;

use super::journal::GENERATIONS;
use crate::protocol::{FunctionId, Priority, RunId, TaskRef, WorkerId};

/// Marks an edge to a dependent that is not there any more. Slots are smaller.
const FORGOTTEN: u32 = 1 << 31;

/// No task, no layer, no demand.
pub(super) const NONE: u32 = u32::MAX;

/// Where a task stands. Transitions:
///
/// ```text
///            activate                 last dependency            placed
/// Released ───────────▶ Waiting ────────────────▶ Queued ──────────────▶ Processing ──▶ Memory
///    ▲                     ▲         (NoWorker if nobody may run it)         │             │
///    │                     └──────────── given back, worker lost ◀───────────┤             │
///    │                                                                       ▼             │
///    └──────────────────────────── not needed, or lost ◀─────────────────  Erred           │
///    └─────────────────────────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The slot is not in use.
    Vacant,
    /// Known, and nobody needs it now.
    Released,
    /// `missing` dependencies are not in memory; a scattered value that has not arrived counts itself.
    Waiting,
    /// Could run; no worker has room.
    Queued,
    /// Could run; no worker that may run it is there.
    NoWorker,
    /// Sent to `worker`; perhaps ahead of its inputs (`missing`), which are made there too.
    Processing,
    /// `holders` have it; never empty.
    Memory,
    /// It failed, or one that it needs did.
    Erred,
}

impl State {
    /// Whether somebody is on the way to make it: such tasks need their dependencies.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Waiting | Self::Queued | Self::NoWorker | Self::Processing)
    }
}

/// Whether a processing task was asked back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    /// It was not.
    #[default]
    No,
    /// The answer is awaited.
    Yes,
    /// It runs already: not to be asked for again.
    Kept,
}

/// A part of an edge arena.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) arena: u32,
    pub(super) start: u32,
    pub(super) len: u32,
}

/// A task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) generation: u32,
    pub(super) run: RunId,
    pub(super) state: State,
    /// Nothing to fetch, or little: it starts a branch of the graph.
    pub(super) is_root: bool,
    /// Not computed: it cannot be made again.
    pub(super) is_scattered: bool,
    /// It has left its worker's threads.
    pub(super) seceded: bool,
    /// Somebody was told to drop its value once it is used.
    pub(super) given_away: bool,
    /// Whether it was asked back from its worker.
    pub(super) asked: Asked,
    /// Workers that died while they probably ran it.
    pub(super) suspicious: u8,
    /// Workers that died while they had it.
    pub(super) deaths: u8,
    pub(super) retries: u16,
    pub(super) layer: u32,
    /// Number in the layer's grid.
    pub(super) position: u32,
    pub(super) function: FunctionId,
    pub(super) priority: Priority,
    /// What it asks of workers: place in the table of demands, or `NONE`.
    pub(super) demand: u32,
    pub(super) dependencies: Span,
    pub(super) dependents: Span,
    /// Edges to dependencies that are not in memory: while waiting, and while processing if it was sent ahead of them.
    pub(super) missing: u32,
    /// Edges from dependents that are active.
    pub(super) needed_by: u32,
    /// Edges from dependents that are not forgotten.
    pub(super) alive_dependents: u32,
    /// Futures of clients, and published names.
    pub(super) wanted: u32,
    /// Who processes it.
    pub(super) worker: WorkerId,
    /// Nanoseconds by which it counts in its worker's occupancy.
    pub(super) estimate: u64,
    /// When it was sent, in nanoseconds; or since when it has no worker.
    pub(super) since: u64,
    pub(super) nbytes: u64,
    pub(super) holders: SmallVec<[WorkerId; 4]>,
    /// Workers that probably fetch it, for tasks sent to them.
    pub(super) coming: SmallVec<[WorkerId; 4]>,
}

const _: () = assert!(size_of::<Task>() <= 192);

/// All tasks, by slot; and the edges between them.
#[derive(Default)]
pub(super) struct Tasks {
    slots: Vec<Task>,
    vacant: Vec<u32>,
    arenas: Vec<Arena>,
    vacant_arenas: Vec<u32>,
    n: usize,
    /// Of slots that were never used.
    first_generation: u32,
}

/// The edges of one submission; freed when all its tasks are forgotten.
struct Arena {
    edges: Vec<u32>,
    /// Spans that are in use.
    live: u32,
}

impl std::ops::Index<u32> for Tasks {
    type Output = Task;
    #[inline]
    fn index(&self, slot: u32) -> &Task {
        &self.slots[slot as usize]
    }
}

impl std::ops::IndexMut<u32> for Tasks {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Task {
        &mut self.slots[slot as usize]
    }
}

impl Tasks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Slots, in use or not.
    pub(super) fn n_slots(&self) -> usize {
        self.slots.len()
    }

    /// All slots in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Task)> {
        (0u32..).zip(&self.slots).filter(|(_, task)| task.state != State::Vacant)
    }

    /// The slots from `from` on, `n` of them, used or not.
    pub(super) fn some(&self, from: u32, n: u32) -> &[Task] {
        let from = (from as usize).min(self.slots.len());
        &self.slots[from..self.slots.len().min(from + n as usize)]
    }

    /// Bytes of the tables, for the budget.
    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Task>()
            + self.vacant.capacity() * 4
            + self.arenas.iter().map(|arena| arena.edges.capacity() * 4).sum::<usize>()
    }

    /// The slot of a reference, unless the task is gone.
    #[inline]
    pub(super) fn find(&self, task: TaskRef) -> Option<u32> {
        let known = self.slots.get(task.slot as usize)?;
        (known.generation == task.generation && known.state != State::Vacant).then_some(task.slot)
    }

    /// What others call it.
    #[inline]
    pub(super) fn reference(&self, slot: u32) -> TaskRef {
        TaskRef { slot, generation: self[slot].generation }
    }

    /// Room for more.
    pub(super) fn reserve(&mut self, n: usize) {
        self.slots.reserve(n.saturating_sub(self.vacant.len()));
    }

    /// A new task.
    pub(super) fn insert(&mut self, layer: u32, position: u32, function: FunctionId, priority: Priority) -> u32 {
        self.n += 1;
        let task = Task {
            generation: self.first_generation,
            run: RunId(0),
            state: State::Released,
            is_root: false,
            is_scattered: false,
            seceded: false,
            asked: Asked::No,
            suspicious: 0,
            deaths: 0,
            retries: 0,
            layer,
            position,
            function,
            priority,
            demand: NONE,
            dependencies: Span::default(),
            dependents: Span::default(),
            missing: 0,
            given_away: false,
            needed_by: 0,
            alive_dependents: 0,
            wanted: 0,
            worker: WorkerId(NONE),
            estimate: 0,
            since: 0,
            nbytes: 0,
            holders: SmallVec::new(),
            coming: SmallVec::new(),
        };
        if let Some(slot) = self.vacant.pop() {
            let old = &mut self.slots[slot as usize];
            *old = Task { generation: old.generation, run: old.run, ..task };
            slot
        } else {
            self.slots.push(task);
            self.slots.len() as u32 - 1
        }
    }

    /// From now on new slots begin with this generation.
    pub(super) fn begin_generations(&mut self, first: u32) {
        self.first_generation = first;
    }

    /// A task in a certain slot, before any other: the slots up to it stay vacant until [`close_gaps`](Tasks::close_gaps).
    pub(super) fn occupy(&mut self, task: TaskRef, layer: u32, position: u32) -> Option<u32> {
        /// Slots beyond are no slots of a scheduler that worked.
        const SLOTS_MAX: u32 = 1 << 28;
        let slot = task.slot;
        if SLOTS_MAX < slot || self.slots.get(slot as usize).is_some_and(|known| known.state != State::Vacant) {
            return None;
        }
        while self.slots.len() <= slot as usize {
            let made = self.insert(0, 0, FunctionId(NONE), Priority::default());
            self.slots[made as usize].state = State::Vacant;
            self.n -= 1;
        }
        self.n += 1;
        let entered = &mut self.slots[slot as usize];
        (entered.state, entered.generation) = (State::Released, task.generation);
        (entered.layer, entered.position) = (layer, position);
        Some(slot)
    }

    /// Slots that were passed over can be used.
    pub(super) fn close_gaps(&mut self) {
        let vacant = (0u32..).zip(&self.slots).filter(|(_, task)| task.state == State::Vacant).map(|(slot, _)| slot);
        self.vacant = vacant.collect();
    }

    /// Frees a slot: whoever still speaks of the task speaks of nothing.
    pub(super) fn remove(&mut self, slot: u32) {
        let task = &mut self.slots[slot as usize];
        let spans = [task.dependencies, task.dependents];
        task.state = State::Vacant;
        task.generation = task.generation.wrapping_add(1);
        task.holders = SmallVec::new();
        task.coming = SmallVec::new();
        // One that has used up its generations is given up: the next belong to the scheduler's next life.
        if !task.generation.is_multiple_of(GENERATIONS) {
            self.vacant.push(slot);
        }
        self.n -= 1;
        for span in spans {
            self.drop_span(span);
        }
    }

    fn drop_span(&mut self, span: Span) {
        if span.len == 0 {
            return;
        }
        let arena = &mut self.arenas[span.arena as usize];
        arena.live -= 1;
        if arena.live == 0 {
            arena.edges = Vec::new();
            self.vacant_arenas.push(span.arena);
        }
    }

    /// An empty arena, to be filled by [`push_span`](Tasks::push_span).
    pub(super) fn new_arena(&mut self, n_edges: usize) -> u32 {
        let arena = Arena { edges: Vec::with_capacity(n_edges), live: 0 };
        if let Some(at) = self.vacant_arenas.pop() {
            self.arenas[at as usize] = arena;
            at
        } else {
            self.arenas.push(arena);
            self.arenas.len() as u32 - 1
        }
    }

    /// Gives back an arena in which nothing was put.
    pub(super) fn close_arena(&mut self, arena: u32) {
        if self.arenas[arena as usize].live == 0 {
            self.arenas[arena as usize].edges = Vec::new();
            self.vacant_arenas.push(arena);
        }
    }

    /// Edges, as a span of an arena.
    pub(super) fn push_span(&mut self, arena: u32, edges: impl Iterator<Item = u32>) -> Span {
        let into = &mut self.arenas[arena as usize];
        let start = into.edges.len() as u32;
        into.edges.extend(edges);
        let len = into.edges.len() as u32 - start;
        into.live += u32::from(len != 0);
        Span { arena, start, len }
    }

    /// The slots at the other ends.
    #[inline]
    pub(super) fn edges(&self, span: Span) -> &[u32] {
        match span.len {
            0 => &[],
            len => &self.arenas[span.arena as usize].edges[span.start as usize..(span.start + len) as usize],
        }
    }

    /// Dependency number `i` of a task.
    #[inline]
    pub(super) fn dependency(&self, slot: u32, i: u32) -> u32 {
        let span = self[slot].dependencies;
        self.arenas[span.arena as usize].edges[(span.start + i) as usize]
    }

    /// Dependent number `i` of those submitted with the task, unless it is forgotten.
    #[inline]
    pub(super) fn dependent(&self, slot: u32, i: u32) -> Option<u32> {
        let span = self[slot].dependents;
        let dependent = self.arenas[span.arena as usize].edges[(span.start + i) as usize];
        (dependent & FORGOTTEN == 0).then_some(dependent)
    }

    /// Sorts a span of dependents, so that they can be struck out.
    pub(super) fn sort_span(&mut self, span: Span) {
        if 1 < span.len {
            let edges = &mut self.arenas[span.arena as usize].edges;
            edges[span.start as usize..(span.start + span.len) as usize].sort_unstable();
        }
    }

    /// Strikes a dependent out, as often as it stands there: its slot may be used for another task.
    pub(super) fn strike_dependent(&mut self, slot: u32, dependent: u32) {
        let span = self[slot].dependents;
        if span.len == 0 {
            return;
        }
        let edges = &mut self.arenas[span.arena as usize].edges[span.start as usize..(span.start + span.len) as usize];
        let from = edges.partition_point(|edge| edge & !FORGOTTEN < dependent);
        for edge in &mut edges[from..] {
            if *edge & !FORGOTTEN != dependent {
                break;
            }
            *edge |= FORGOTTEN;
        }
    }
}

/// The position in a grid, from the number in C order.
pub(super) fn index_of(position: u32, shape: &[u32]) -> Index {
    let mut index = Index::new();
    dask_core::layer::unravel(position, shape, &mut index);
    index
}

#[cfg(test)]
mod tests {
    use super::{FunctionId, GENERATIONS, Priority, Tasks};

    #[test]
    fn a_slot_never_reaches_the_generations_of_the_schedulers_next_life() {
        let mut tasks = Tasks::default();
        tasks.begin_generations(3 * GENERATIONS);
        let mut slots = Vec::new();
        for _ in 0..GENERATIONS + 10 {
            let slot = tasks.insert(0, 0, FunctionId(0), Priority::default());
            assert_eq!(tasks.reference(slot).generation / GENERATIONS, 3);
            if slots.last() != Some(&slot) {
                slots.push(slot);
            }
            tasks.remove(slot);
        }
        assert_eq!(slots, [0, 1], "the first is given up when it has none left");
    }
}

//! Any events in any order: the invariants hold, whatever runs finds its inputs in the store, and every attempt is
//! answered once all is quiet.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::protocol::Failure;

const N: u32 = 10;

/// What the shell would do and the scheduler would know.
struct World {
    worker: Machine,
    /// In memory; true if on disk.
    store: BTreeMap<TaskRef, bool>,
    running: Vec<(TaskRef, Vec<TaskRef>)>,
    requests: Vec<(u64, Vec<TaskRef>)>,
    disk: Vec<Event>,
    /// Peers that wait for values.
    asks: BTreeMap<u64, TaskRef>,
    n_asks: u64,
    /// Attempts not yet answered, what they depend on, and which of that they may drop.
    open: BTreeMap<TaskRef, (RunId, Vec<TaskRef>, u64)>,
    next_run: u32,
}

impl World {
    fn handle(&mut self, event: Event) {
        let actions = self.worker.after(event);
        actions.into_iter().for_each(|action| self.act(action));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Report(report) => self.hear(report),
            Action::Run { task, inputs, .. } => {
                for input in &inputs {
                    assert_eq!(self.store.get(input), Some(&false), "{task:?} needs {input:?}");
                }
                assert!(self.running.iter().all(|(other, _)| *other != task));
                self.running.push((task, inputs.to_vec()));
            }
            Action::Fetch { request, tasks, .. } => self.requests.push((request, tasks)),
            Action::Drop(tasks) => tasks.iter().for_each(|task| {
                self.store.remove(task);
                // The shell recognizes what was dropped meanwhile.
                self.disk.retain(|event| !matches!(event, Event::Spilled { task: t, .. } | Event::Restored { task: t, .. } if t == task));
            }),
            Action::Spill(task) => {
                assert_eq!(self.store.get(&task), Some(&false));
                self.disk.push(Event::Spilled { task, ok: true });
            }
            Action::Evict(task) => assert_eq!(self.store.insert(task, true), Some(false)),
            Action::Restore(task) => {
                assert_eq!(self.store.get(&task), Some(&true));
                self.disk.push(Event::Restored { task, ok: true });
            }
            Action::Answer { ask, here } => {
                let task = self.asks.remove(&ask).expect("it was asked once");
                assert!(!here || self.store.contains_key(&task), "{task:?} is said to be here");
            }
            Action::Exit { .. } => {}
        }
    }

    fn hear(&mut self, report: FromWorker) {
        let mut answered = |task: TaskRef, run: RunId| {
            if self.open.get(&task).is_some_and(|(known, ..)| *known == run) { self.open.remove(&task) } else { None }
        };
        match report {
            FromWorker::Finished { task, run, dropped, .. } => {
                if let Some((_, inputs, last_use)) = answered(task, run) {
                    assert_eq!(dropped & !last_use, 0, "{task:?} drops what others need");
                    let is_here = |&i: &usize| dropped & 1 << i != 0 && self.store.contains_key(&inputs[i]);
                    assert_eq!((0..inputs.len()).find(is_here), None, "{task:?} has not dropped it");
                }
                assert!(self.store.contains_key(&task), "{task:?} is said to be here");
            }
            FromWorker::Failed { task, run, .. } => drop(answered(task, run)),
            FromWorker::Retracted(tasks) | FromWorker::Missing { dependents: tasks, .. } => {
                tasks.into_iter().for_each(|(task, run)| drop(answered(task, run)));
            }
            FromWorker::Added(values) => {
                values
                    .iter()
                    .for_each(|(task, _)| assert!(self.store.contains_key(task), "{task:?} is said to be here"));
            }
            _ => {}
        }
    }

    fn insert(&mut self, task: TaskRef) {
        self.store.entry(task).or_insert(false);
    }

    fn over(&mut self, which: usize, ok: bool) {
        if self.running.is_empty() {
            return;
        }
        let (task, _) = self.running.remove(which % self.running.len());
        let result = if ok { Ok(100) } else { Err(Failure::Error { chain: vec!["no".to_owned()] }) };
        if ok {
            self.insert(task);
        }
        self.handle(Event::Ran { task, result, nanos: 1 });
    }

    fn answer(&mut self, which: usize, how: u8) {
        if self.requests.is_empty() {
            return;
        }
        let which = which % self.requests.len();
        let (request, tasks) = self.requests[which].clone();
        let last = how != 1;
        if last {
            self.requests.remove(which);
        }
        let n = if how < 2 { tasks.len() / 2 } else { tasks.len() };
        match how {
            0..=2 => {
                tasks[..n].iter().for_each(|&task| self.insert(task));
                let found = tasks[..n].iter().map(|&task| (task, 100)).collect();
                self.handle(Event::Fetched { request, found, missing: vec![], refused: vec![], last });
            }
            3 => self.handle(Event::Fetched { request, found: vec![], missing: tasks, refused: vec![], last }),
            4 => {
                let refused = tasks.into_iter().map(|task| (task, "no".to_owned())).collect();
                self.handle(Event::Fetched { request, found: vec![], missing: vec![], refused, last });
            }
            _ => self.handle(Event::FetchFailed { request }),
        }
    }

    fn disk(&mut self, which: usize, how: u8) {
        if self.disk.is_empty() {
            return;
        }
        let event = self.disk.remove(which % self.disk.len());
        let event = match event {
            Event::Spilled { task, .. } if how == 1 => Event::Unspillable { task },
            Event::Spilled { task, .. } => Event::Spilled { task, ok: how == 2 },
            Event::Restored { task, .. } => {
                if how != 0 {
                    self.store.insert(task, false);
                }
                Event::Restored { task, ok: how != 0 }
            }
            other => other,
        };
        self.handle(event);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Compute(slot, inputs, last_use) => {
                let mut inputs: Vec<Dependency> = inputs
                    .iter()
                    .filter(|(input, _)| input != slot)
                    .map(|(input, holders)| {
                        let named = on(*input, &holders.iter().copied().collect::<Vec<_>>());
                        // Of what is in two places, somebody else may be about to have it.
                        let turn = u64::from(self.next_run % 7) + 1;
                        let first = (holders.len() == 2).then_some(First { from: w(4), turn });
                        Dependency { first, ..named }
                    })
                    .collect();
                // What runs already has the inputs that it had.
                if let Some((_, before)) = self.running.iter().find(|(running, _)| *running == t(*slot)) {
                    inputs = before.iter().map(|input| on(input.slot, &[1])).collect();
                }
                self.next_run += 1;
                let run = RunId(self.next_run);
                // It is said of values that are one input only.
                let distinct: BTreeSet<TaskRef> = inputs.iter().map(|input| input.task).collect();
                let last_use = if distinct.len() == inputs.len() { *last_use } else { 0 };
                self.open.insert(t(*slot), (run, inputs.iter().map(|input| input.task).collect(), last_use));
                let given = ComputeTask { last_use, ..task(*slot, self.next_run, &inputs) };
                self.handle(Event::Scheduler(ToWorker::Compute(vec![given])));
            }
            Step::Free(slots) => {
                let tasks: Vec<TaskRef> = slots.iter().map(|&slot| t(slot)).collect();
                tasks.iter().for_each(|task| drop(self.open.remove(task)));
                self.handle(Event::Scheduler(ToWorker::Free(tasks)));
            }
            Step::Keep(slot) => {
                for (_, inputs, last_use) in self.open.values_mut() {
                    for (i, _) in inputs.iter().enumerate().filter(|(_, input)| **input == t(*slot)) {
                        *last_use &= !(1 << i);
                    }
                }
                self.handle(Event::Scheduler(ToWorker::Keep(vec![t(*slot)])));
            }
            Step::Retract(slot) => {
                if let Some((run, ..)) = self.open.get(&t(*slot)) {
                    let run = *run;
                    self.handle(Event::Scheduler(ToWorker::Retract(vec![(t(*slot), run)])));
                }
            }
            Step::Acquire(slot, holder) => {
                self.handle(Event::Scheduler(ToWorker::Acquire(vec![on(*slot, &[*holder])])));
            }
            Step::Put(slot) => {
                self.insert(t(*slot));
                self.handle(Event::Put(vec![(t(*slot), 100)]));
            }
            Step::Asked(slot, turn) => {
                if !self.store.contains_key(&t(*slot)) {
                    self.n_asks += 1;
                    self.asks.insert(self.n_asks, t(*slot));
                    self.handle(Event::Asked { ask: self.n_asks, task: t(*slot), turn: *turn });
                }
            }
            Step::Over(which, ok) => self.over(*which, *ok),
            Step::Secede(which) => {
                if let Some(&(task, _)) = self.running.get(*which) {
                    self.handle(Event::Seceded { task });
                }
            }
            Step::Answer(which, how) => self.answer(*which, *how),
            Step::Disk(which, how) => self.disk(*which, *how),
            Step::Tick(resident) => {
                let resident = *resident;
                self.handle(Event::Tick { resident, cpu_percent: 0.0, received: 0, sent: 0 });
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Compute(u32, Vec<(u32, BTreeSet<u32>)>, u64),
    Keep(u32),
    Free(Vec<u32>),
    Retract(u32),
    Acquire(u32, u32),
    Put(u32),
    Asked(u32, u64),
    Over(usize, bool),
    Secede(usize),
    Answer(usize, u8),
    Disk(usize, u8),
    Tick(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let slot = 0..N;
    // Nobody: made here, or not at all.
    let holders = proptest::collection::btree_set(1..4u32, 0..3);
    prop_oneof![
        4 => (slot.clone(), proptest::collection::vec((slot.clone(), holders), 0..4), 0..16u64)
            .prop_map(|(s, i, last)| Step::Compute(s, i, last)),
        1 => slot.clone().prop_map(Step::Keep),
        2 => proptest::collection::vec(slot.clone(), 1..3).prop_map(Step::Free),
        1 => slot.clone().prop_map(Step::Retract),
        1 => (slot.clone(), 1..4u32).prop_map(|(s, h)| Step::Acquire(s, h)),
        1 => slot.clone().prop_map(Step::Put),
        2 => (slot, 1..9u64).prop_map(|(s, turn)| Step::Asked(s, turn)),
        4 => (any::<usize>(), proptest::bool::weighted(0.8)).prop_map(|(w, ok)| Step::Over(w, ok)),
        1 => (0..3usize).prop_map(Step::Secede),
        4 => (any::<usize>(), 0..6u8).prop_map(|(w, h)| Step::Answer(w, h)),
        4 => (any::<usize>(), 0..4u8).prop_map(|(w, h)| Step::Disk(w, h.min(2))),
        1 => (0..1000u64).prop_map(Step::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn whatever_comes_the_invariants_hold_and_every_attempt_is_answered(
        steps in proptest::collection::vec(any_step(), 1..60),
        n_threads in 1..3u32,
        memory_limit in prop_oneof![Just(0u64), Just(700), Just(200)],
    ) {
        let worker = machine(Settings { n_threads, memory_limit, fetches_per_peer: 1, ..Settings::default() });
        let mut world = World {
            worker,
            store: BTreeMap::new(),
            running: Vec::new(),
            requests: Vec::new(),
            disk: Vec::new(),
            asks: BTreeMap::new(),
            n_asks: 0,
            open: BTreeMap::new(),
            next_run: 0,
        };
        steps.iter().for_each(|step| world.step(step));
        // All that is under way ends well.
        world.handle(Event::Tick { resident: 0, cpu_percent: 0.0, received: 0, sent: 0 });
        for _ in 0..1000 {
            if world.running.is_empty() && world.requests.is_empty() && world.disk.is_empty() {
                break;
            }
            world.over(0, true);
            world.answer(0, 2);
            world.disk(0, 2);
        }
        prop_assert!(world.open.is_empty(), "not answered: {:?}", world.open);
        prop_assert!(world.asks.is_empty(), "not told: {:?}", world.asks);
        prop_assert!(world.disk.is_empty() && world.requests.is_empty(), "it does not come to rest");
        for task in world.store.keys() {
            prop_assert!(world.worker.holds(*task), "{task:?} is in the store and forgotten");
        }
        world.step(&Step::Free((0..N).collect()));
        prop_assert!(world.store.is_empty(), "left: {:?}", world.store);
        prop_assert!(world.worker.is_empty());
    }
}

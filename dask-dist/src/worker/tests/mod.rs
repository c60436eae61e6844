//! What the machine asks for, event by event; and that its invariants hold whatever comes, in whatever order.

mod any_order;
mod asked;
mod last_use;
mod memory;
mod tasks;

use super::{Action, Event, Machine, Settings};
use crate::protocol::{
    ComputeTask, Dependency, First, FromWorker, FunctionId, Priority, RunId, TaskRef, ToWorker, WorkerId,
};

pub(super) fn t(slot: u32) -> TaskRef {
    TaskRef { slot, generation: 0 }
}

pub(super) fn w(id: u32) -> WorkerId {
    WorkerId(id)
}

/// A value of 100 bytes on these workers.
pub(super) fn on(slot: u32, holders: &[u32]) -> Dependency {
    Dependency { task: t(slot), nbytes: 100, holders: holders.iter().map(|&id| WorkerId(id)).collect(), first: None }
}

pub(super) fn task(slot: u32, run: u32, dependencies: &[Dependency]) -> ComputeTask {
    ComputeTask {
        task: t(slot),
        run: RunId(run),
        function: FunctionId(0),
        index: [slot].into_iter().collect(),
        priority: Priority { rank: slot, ..Priority::default() },
        wanted: false,
        dependencies: dependencies.iter().cloned().collect(),
        last_use: 0,
    }
}

pub(super) fn machine(settings: Settings) -> Machine {
    Machine::new(Settings { validate: true, ..settings })
}

impl Machine {
    /// One event and what follows.
    pub(super) fn after(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.handle(event, &mut actions);
        self.flush(&mut actions);
        actions
    }

    pub(super) fn told(&mut self, message: ToWorker) -> Vec<Action> {
        self.after(Event::Scheduler(message))
    }

    pub(super) fn given(&mut self, tasks: Vec<ComputeTask>) -> Vec<Action> {
        self.told(ToWorker::Compute(tasks))
    }

    pub(super) fn ran_well(&mut self, slot: u32, nbytes: u64) -> Vec<Action> {
        self.after(Event::Ran { task: t(slot), result: Ok(nbytes), nanos: 7 })
    }

    pub(super) fn put(&mut self, slot: u32, nbytes: u64) -> Vec<Action> {
        self.after(Event::Put(vec![(t(slot), nbytes)]))
    }
}

pub(super) fn run(slot: u32, inputs: &[u32]) -> Action {
    let inputs = inputs.iter().map(|&input| t(input)).collect();
    Action::Run { task: t(slot), function: FunctionId(0), index: [slot].into_iter().collect(), inputs }
}

pub(super) fn finished(slot: u32, run: u32, nbytes: u64) -> Action {
    Action::Report(FromWorker::Finished { task: t(slot), run: RunId(run), nbytes, nanos: 7, dropped: 0 })
}

pub(super) fn added(values: &[(u32, u64)]) -> Action {
    Action::Report(FromWorker::Added(values.iter().map(|&(slot, nbytes)| (t(slot), nbytes)).collect()))
}

pub(super) fn retracted(tasks: &[(u32, u32)]) -> Action {
    Action::Report(FromWorker::Retracted(tasks.iter().map(|&(slot, run)| (t(slot), RunId(run))).collect()))
}

pub(super) fn fetch(from: u32, request: u64, slots: &[u32]) -> Action {
    Action::Fetch { from: w(from), request, tasks: slots.iter().map(|&slot| t(slot)).collect(), turns: Vec::new() }
}

/// The peer answered, for good.
pub(super) fn fetched(request: u64, found: &[u32], missing: &[u32]) -> Event {
    let found = found.iter().map(|&slot| (t(slot), 100)).collect();
    let missing = missing.iter().map(|&slot| t(slot)).collect();
    Event::Fetched { request, found, missing, refused: Vec::new(), last: true }
}

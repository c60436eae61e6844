//! The account of a run on one thread: values, and how often each will still be used.

use dask_core::{Graph, Plan, TaskId, Value};

/// Holds each value until its last use.
pub(crate) struct Account {
    values: Vec<Option<Value>>,
    uses: Vec<u32>,
}

impl Account {
    /// Nothing has run.
    pub(crate) fn new(plan: &Plan) -> Self {
        let n = plan.graph.n_tasks();
        Self { values: vec![None; n], uses: uses(plan) }
    }

    /// Moves the inputs of `task` into `inputs`: the last user gets the only reference. Tells which values are gone.
    #[inline]
    pub(crate) fn gather(
        &mut self,
        graph: &Graph,
        task: TaskId,
        inputs: &mut Vec<Option<Value>>,
        mut gone: impl FnMut(TaskId),
    ) {
        inputs.clear();
        for &dependency in graph.dependencies().of(task.0) {
            let at = dependency as usize;
            self.uses[at] -= 1;
            if self.uses[at] == 0 {
                inputs.push(self.values[at].take());
                gone(TaskId(dependency));
            } else {
                inputs.push(self.values[at].clone());
            }
        }
    }

    /// Keeps the value of `task`.
    #[inline]
    pub(crate) fn put(&mut self, task: TaskId, value: Value) {
        self.values[task.idx()] = Some(value);
    }

    /// The values of the outputs.
    pub(crate) fn outputs(&self, plan: &Plan) -> Vec<Value> {
        plan.outputs.iter().filter_map(|task| self.values[task.idx()].clone()).collect()
    }
}

/// How often each value is used: once an edge, and once for each time it is an output.
pub(crate) fn uses(plan: &Plan) -> Vec<u32> {
    let dependents = plan.graph.dependents();
    let mut uses: Vec<u32> = plan.graph.tasks().map(|task| dependents.of(task.0).len() as u32).collect();
    plan.outputs.iter().for_each(|task| uses[task.idx()] += 1);
    uses
}

/// The tasks in the order of their priorities.
pub(crate) fn in_order(priority: &[u32]) -> Vec<u32> {
    let mut order = vec![0; priority.len()];
    priority.iter().enumerate().for_each(|(task, &rank)| order[rank as usize] = task as u32);
    order
}

//! Graphs with a duration and a size for every task: what a run is to do, and what must come of it.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use dask_core::layer::{LayerRef, Materialized, SELF, encode_layers};
use dask_core::wire::{Encoder, Parcel};
use dask_core::{Constant, LayerGraph, Name, TaskFn, Value};
use xxhash_rust::xxh3::Xxh3;

use crate::protocol::{FutureId, Outputs, Restrictions, Submit};

/// A task.
#[derive(Clone, Debug)]
pub struct Work {
    /// As the number of one of the stage's inputs and a position there; [`OWN`] is the stage itself, of which only
    /// earlier positions may be named.
    pub dependencies: Vec<(u32, u32)>,
    /// How long it takes.
    pub time: Duration,
    /// The size of its value.
    pub nbytes: u64,
    /// Whether it fails.
    pub fails: bool,
    /// Whether the process that runs it ends.
    pub kills: bool,
}

/// In place of the number of an input: the stage itself.
pub const OWN: u32 = SELF;

/// Tasks of one kind: a layer.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Unique in the workload.
    pub name: String,
    /// Earlier stages, by position.
    pub inputs: Vec<usize>,
    /// In the order of the layer.
    pub tasks: Vec<Work>,
}

/// A graph, and what is wanted of it.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Each after those it reads.
    pub stages: Vec<Stage>,
    /// Stage and position of what is wanted.
    pub outputs: Vec<(usize, u32)>,
}

impl Workload {
    /// Adds a stage of `n` tasks that take `time` and make `nbytes`; its position.
    pub fn stage(
        &mut self,
        name: &str,
        inputs: &[usize],
        n: u32,
        time: Duration,
        nbytes: u64,
        dependencies: impl Fn(u32) -> Vec<(u32, u32)>,
    ) -> usize {
        let work = |at| Work { dependencies: dependencies(at), time, nbytes, fails: false, kills: false };
        let tasks = (0..n).map(work).collect();
        self.stages.push(Stage { name: name.to_owned(), inputs: inputs.to_vec(), tasks });
        self.stages.len() - 1
    }

    /// All of the last stage is wanted.
    #[must_use]
    pub fn wanting_last(mut self) -> Self {
        if let Some((at, stage)) = self.stages.iter().enumerate().next_back() {
            self.outputs = (0..stage.tasks.len() as u32).map(|position| (at, position)).collect();
        }
        self
    }

    /// How many tasks there are.
    pub fn n_tasks(&self) -> usize {
        self.stages.iter().map(|stage| stage.tasks.len()).sum()
    }

    /// Bytes of all values together.
    pub fn nbytes(&self) -> u64 {
        self.stages.iter().flat_map(|stage| &stage.tasks).map(|work| work.nbytes).sum()
    }

    /// What goes into a task: stage and position of each edge.
    pub fn inputs_of(&self, stage: usize, position: u32) -> impl Iterator<Item = (usize, u32)> {
        let of = &self.stages[stage];
        let edges = &of.tasks[position as usize].dependencies;
        edges.iter().map(move |&(input, at)| (if input == OWN { stage } else { of.inputs[input as usize] }, at))
    }

    /// For each task, a fold over the graph in order of dependencies.
    fn fold<T: Clone>(&self, each: impl Fn(usize, u32, Vec<T>) -> T) -> Vec<Vec<T>> {
        let mut all: Vec<Vec<T>> = Vec::new();
        for (stage, of) in self.stages.iter().enumerate() {
            all.push(Vec::with_capacity(of.tasks.len()));
            for position in 0..of.tasks.len() as u32 {
                let inputs = self.inputs_of(stage, position).map(|(s, p)| all[s][p as usize].clone()).collect();
                let made = each(stage, position, inputs);
                all[stage].push(made);
            }
        }
        all
    }

    /// The value of every task; none if it fails or needs one that does.
    pub fn expected(&self) -> Vec<Vec<Option<u64>>> {
        self.fold(|stage, position, inputs: Vec<Option<u64>>| {
            let inputs: Option<Vec<u64>> = inputs.into_iter().collect();
            inputs.and_then(|inputs| self.run(stage, position, &inputs))
        })
    }

    /// Runs a task: a value is a hash of what made it.
    pub fn run(&self, stage: usize, position: u32, inputs: &[u64]) -> Option<u64> {
        let work = &self.stages[stage].tasks[position as usize];
        let mut hash = Xxh3::new();
        hash.write_usize(stage);
        hash.write_u32(position);
        inputs.iter().for_each(|&input| hash.write_u64(input));
        (!work.fails && !work.kills).then(|| hash.finish())
    }

    /// No schedule is shorter, transfers apart. For any length, the tasks that have at least so long a chain after them
    /// must all be done so long before the end, whoever runs them; and those that have it before them cannot start
    /// earlier (Fernández and Bussell, "Bounds on the number of processors and time for multiprocessor optimal
    /// schedules", 1973). What a task needs is over before what needs it begins: the bounds of both add up.
    pub fn lower_bound(&self, n_threads: u32) -> Duration {
        let all: Vec<Vec<bool>> = self.stages.iter().map(|stage| vec![true; stage.tasks.len()]).collect();
        let mut bound = self.bound_of(n_threads, &all);
        for stage in 0..self.stages.len() {
            // Tasks through which much may have to pass.
            if self.stages[stage].tasks.len() == 1 {
                let (before, after) = self.around(stage);
                let here = self.stages[stage].tasks[0].time;
                bound = bound.max(self.bound_of(n_threads, &before) + here + self.bound_of(n_threads, &after));
            }
        }
        bound
    }

    /// What the only task of a stage needs, and what needs it.
    fn around(&self, stage: usize) -> (Vec<Vec<bool>>, Vec<Vec<bool>>) {
        let none = || self.stages.iter().map(|stage| vec![false; stage.tasks.len()]).collect::<Vec<_>>();
        let (mut before, mut after) = (none(), none());
        (before[stage][0], after[stage][0]) = (true, true);
        for s in (0..=stage).rev() {
            for p in (0..self.stages[s].tasks.len() as u32).rev().filter(|&p| before[s][p as usize]).collect::<Vec<_>>()
            {
                self.inputs_of(s, p).for_each(|(s, p)| before[s][p as usize] = true);
            }
        }
        for s in stage..self.stages.len() {
            for p in 0..self.stages[s].tasks.len() as u32 {
                after[s][p as usize] |= self.inputs_of(s, p).any(|(s, p)| after[s][p as usize]);
            }
        }
        (before[stage][0], after[stage][0]) = (false, false);
        (before, after)
    }

    /// The bound for some of the tasks.
    fn bound_of(&self, n_threads: u32, some: &[Vec<bool>]) -> Duration {
        let time =
            |s: usize, p: u32| if some[s][p as usize] { self.stages[s].tasks[p as usize].time } else { Duration::ZERO };
        let before = self.fold(|stage, position, inputs: Vec<Duration>| {
            let starts = self.inputs_of(stage, position).zip(inputs).map(|((s, p), start)| start + time(s, p));
            starts.max().unwrap_or_default()
        });
        let mut after: Vec<Vec<Duration>> =
            self.stages.iter().map(|stage| vec![Duration::ZERO; stage.tasks.len()]).collect();
        for stage in (0..self.stages.len()).rev() {
            for position in (0..self.stages[stage].tasks.len() as u32).rev() {
                let chain = after[stage][position as usize] + time(stage, position);
                for (s, p) in self.inputs_of(stage, position) {
                    let known = &mut after[s][p as usize];
                    *known = chain.max(*known);
                }
            }
        }
        let bound = |chains: &[Vec<Duration>]| {
            let mut tasks = Vec::new();
            for (stage, chains) in chains.iter().enumerate() {
                let some = (0u32..).zip(chains).filter(|&(p, _)| some[stage][p as usize]);
                tasks.extend(some.map(|(p, &chain)| (chain, time(stage, p))));
            }
            tasks.sort_unstable_by(|a, b| b.cmp(a));
            let (mut work, mut shortest, mut bound) = (Duration::ZERO, Duration::MAX, Duration::ZERO);
            for (n, (chain, time)) in (1u32..).zip(tasks) {
                work += time;
                shortest = shortest.min(time);
                bound = bound.max(chain + (work / n_threads).max(shortest * n.div_ceil(n_threads)));
            }
            bound
        };
        bound(&before).max(bound(&after))
    }

    /// What a client sends, and the functions beside it.
    ///
    /// # Errors
    /// The graph makes no sense.
    pub fn submission(&self, first_future: u64) -> dask_core::Result<(Box<Submit>, Vec<Value>)> {
        let mut layers: Vec<LayerRef> = Vec::new();
        for stage in &self.stages {
            let function: Arc<dyn TaskFn> = Arc::new(Constant(Value::new(0i64)));
            let inputs: Vec<LayerRef> = stage.inputs.iter().map(|&input| layers[input].clone()).collect();
            let names = inputs.iter().map(|input| input.name().clone()).collect();
            let n = stage.tasks.len() as u32;
            let mut layer = Materialized::uniform(Name::new(&stage.name), &[n], names, function);
            stage.tasks.iter().for_each(|work| layer.push_uniform(&work.dependencies));
            layers.push(LayerRef::new(layer, inputs));
        }
        let graph = LayerGraph::new(&layers)?;
        let by_name: BTreeMap<String, u32> =
            (0u32..).zip(&self.stages).map(|(at, stage)| (stage.name.clone(), at)).collect();
        let (mut out, mut functions) = (Encoder::new(), Vec::new());
        encode_layers(&graph, &mut out, |name, _| {
            let stage = by_name.get(&name.to_string()).copied().unwrap_or(u32::MAX);
            functions.push(Value::encoded(Parcel::from_parts("simulated", stage.to_le_bytes().to_vec(), Vec::new())));
            Ok(functions.len() as u32 - 1)
        })?;
        let mut place = vec![0; self.stages.len()];
        for (at, entry) in (0u32..).zip(graph.layers()) {
            if let Some(&stage) = by_name.get(&entry.layer.name().to_string()) {
                place[stage as usize] = at;
            }
        }
        let submit = Submit {
            layers: out.finish("").bytes().to_vec(),
            n_functions: functions.len() as u32,
            outputs: self.outputs.iter().map(|&(stage, at)| Outputs::Task(place[stage], at)).collect(),
            first_future: FutureId(first_future),
            priority: 0,
            retries: 0,
            restrictions: Restrictions::default(),
            actor: false,
        };
        Ok((Box::new(submit), functions))
    }
}

/// Which stage a function of [`Workload::submission`] belongs to.
pub fn stage_of(function: &Value) -> Option<u32> {
    let parcel = function.to_parcel().ok()?;
    Some(u32::from_le_bytes(parcel.bytes().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use crate::sim::shapes;
    use std::time::Duration;

    #[test]
    fn the_lower_bound_is_reached_by_the_best_schedules_of_simple_graphs() {
        let second = Duration::from_secs(1);
        // A hundred at once, ten rounds, and then the last.
        assert_eq!(shapes::merge(1000, second, 1).lower_bound(100), 11 * second);
        assert_eq!(shapes::merge(1001, second, 1).lower_bound(100), 12 * second);
        // 256 leaves in 3 rounds of 100, then a path of 8.
        assert_eq!(shapes::tree(8, second, 1).lower_bound(100), 11 * second);
        assert_eq!(shapes::tree(8, second, 1).lower_bound(1), 511 * second);
        // Two rounds for 200 blocks and their factors each, four levels, and two rounds more.
        assert_eq!(shapes::svd(200, second, 16).lower_bound(100), 10 * second);
        assert_eq!(shapes::stencil_1d(10, 20, second, 1).lower_bound(10), 21 * second);
    }
}

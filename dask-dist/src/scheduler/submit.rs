//! Graphs in: layers are decoded, culled against what is known, materialized and ordered here.

use std::borrow::Cow;
use std::sync::Arc;

use dask_core::layer::{decode_layers, unravel};
use dask_core::wire::{Decoder, Encoder, Parcel, Portable, WireError};
use dask_core::{Call, Graph, Index, Key, LayerGraph, Name, Plan, TaskError, TaskFn, TaskId, Value};

use super::Machine;
use super::restrict::bad_amount;
use super::task::{NONE, State};
use crate::protocol::{ClientId, FunctionId, FutureId, ON_CLUSTER, Outputs, Priority, Submit, ToClient};

/// A function that the scheduler does not decode.
struct Undecoded;

impl Portable for Undecoded {
    fn wire_name(&self) -> &'static str {
        "dist.undecoded"
    }
    fn encode(&self, _out: &mut Encoder) -> Result<(), WireError> {
        Err(WireError::Codec("the scheduler does not know the function".to_owned()))
    }
}

impl TaskFn for Undecoded {
    fn run(&self, _call: Call<'_>) -> Result<Value, TaskError> {
        Err("the scheduler runs nothing".into())
    }
    fn describe(&self) -> Cow<'_, str> {
        "undecoded".into()
    }
}

/// One more allocation than a unit struct, so that each has an address of its own.
struct Numbered(#[expect(dead_code, reason = "gives each function an address")] u32, Undecoded);

impl Portable for Numbered {
    fn wire_name(&self) -> &'static str {
        self.1.wire_name()
    }
    fn encode(&self, out: &mut Encoder) -> Result<(), WireError> {
        self.1.encode(out)
    }
}

impl TaskFn for Numbered {
    fn run(&self, call: Call<'_>) -> Result<Value, TaskError> {
        self.1.run(call)
    }
}

/// A submission, decoded and ordered.
struct Planned {
    graph: Graph,
    outputs: Vec<TaskId>,
    priority: Vec<u32>,
    /// For each function of the graph: which attachment it is.
    attachment_of: Vec<u32>,
    /// For each layer of the graph: which of its tasks start a branch.
    roots: Vec<Roots>,
}

/// Which tasks of a layer start a branch of the graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roots {
    /// Those without inputs.
    WithoutInputs,
    /// All of them: there are many, and all their inputs are few.
    All,
}

impl Machine {
    pub(super) fn submit(&mut self, client: ClientId, submit: Submit, functions: Vec<Value>) {
        let first_future = submit.first_future;
        if let Err(why) = self.try_submit(client, submit, functions) {
            self.outbox.tell(client, ToClient::SubmitRefused { first_future, why });
        }
    }

    fn try_submit(&mut self, client: ClientId, submit: Submit, functions: Vec<Value>) -> Result<(), String> {
        let planned = self.plan(&submit, functions.len())?;
        let slots = self.enter(&planned, &submit, functions)?;
        for (future, output) in (submit.first_future.0..).zip(&planned.outputs) {
            self.add_wish(slots[output.idx()], (client, FutureId(future)));
        }
        let wishes: Vec<_> = (submit.first_future.0..).zip(&planned.outputs).collect();
        for (future, output) in wishes {
            self.tell_state(slots[output.idx()], (client, FutureId(future)));
        }
        Ok(())
    }

    /// Layers to tasks, ordered.
    fn plan(&self, submit: &Submit, n_functions: usize) -> Result<Planned, String> {
        if let Some(why) = bad_amount(&submit.restrictions.resources) {
            return Err(why);
        }
        let numbered: Vec<Arc<dyn TaskFn>> =
            (0..n_functions as u32).map(|i| Arc::new(Numbered(i, Undecoded)) as Arc<dyn TaskFn>).collect();
        let parcel = Parcel::from_parts("", submit.layers.clone(), Vec::new());
        let mut input = Decoder::new(&parcel);
        let layers = decode_layers(&mut input, |number| numbered.get(number as usize).cloned())
            .map_err(|error| error.to_string())?;
        let (known, new, most) = (self.tasks.len() as u64, layers.n_tasks(), self.settings.tasks_max);
        if most < known.saturating_add(new) {
            return Err(format!(
                "{new} tasks, beside the {known} that are known, are more than the {most} that the scheduler takes: use larger chunks or partitions, release what is not needed, or raise distributed.scheduler.tasks-limit"
            ));
        }
        let outputs = output_keys(&layers, &submit.outputs)?;
        let plan = Plan::new(&layers, &outputs).map_err(|error| error.to_string())?;
        let address = |function: &Arc<dyn TaskFn>| Arc::as_ptr(function).cast::<()>() as usize;
        let mut by_address: Vec<(usize, u32)> = numbered.iter().map(address).zip(0..).collect();
        by_address.sort_unstable();
        let attachment_of = plan.graph.functions().iter().map(|function| {
            let at = by_address.binary_search_by_key(&address(function), |(address, _)| *address);
            at.map_or(0, |at| by_address[at].1)
        });
        let roots = plan.graph.layers().iter().map(|layer| {
            let Some(at) = layers.find(&layer.name) else { return Roots::WithoutInputs };
            let entry = &layers.layers()[at as usize];
            let few = |&input: &u32| layers.layers()[input as usize].layer.n_tasks() <= 4;
            let is_wide = !entry.inputs.is_empty() && 8 < entry.layer.n_tasks() && entry.inputs.iter().all(few);
            if is_wide { Roots::All } else { Roots::WithoutInputs }
        });
        let (attachment_of, roots) = (attachment_of.collect(), roots.collect());
        let Plan { graph, outputs, priority } = plan;
        Ok(Planned { graph, outputs, priority, attachment_of, roots })
    }

    /// Enters what is not known yet; the slot of each task of the plan that is needed.
    fn enter(&mut self, planned: &Planned, submit: &Submit, functions: Vec<Value>) -> Result<Vec<u32>, String> {
        let graph = &planned.graph;
        let mut layer_ids = Vec::with_capacity(graph.layers().len());
        for layer in graph.layers() {
            match self.layers.get_or_insert(&layer.name, &layer.shape) {
                Ok(id) => layer_ids.push(id),
                Err(why) => {
                    layer_ids.into_iter().for_each(|id| self.layers.drop_unused(id));
                    return Err(why);
                }
            }
        }
        let on_cluster: Vec<bool> = functions.iter().map(|body| body.type_name() == ON_CLUSTER).collect();
        let (slots, fresh) = match self.cull(planned, &layer_ids, &on_cluster) {
            Ok(culled) => culled,
            Err(why) => {
                layer_ids.into_iter().for_each(|id| self.layers.drop_unused(id));
                return Err(why);
            }
        };
        let ids: Vec<Option<FunctionId>> = functions
            .into_iter()
            .zip(&on_cluster)
            .map(|(body, on_cluster)| (!on_cluster).then(|| self.functions.insert(body)))
            .collect();
        let slots = self.insert_tasks(planned, submit, &layer_ids, &ids, slots, &fresh);
        for id in ids.into_iter().flatten() {
            self.functions.drop_unused(id);
        }
        for id in layer_ids {
            self.layers.drop_unused(id);
        }
        Ok(slots)
    }

    /// Which tasks of the plan are known already (their slots), and which are to be made, in order of rank.
    fn cull(&self, planned: &Planned, layer_ids: &[u32], on_cluster: &[bool]) -> Result<(Vec<u32>, Vec<u32>), String> {
        let graph = &planned.graph;
        let n = graph.n_tasks();
        let mut by_rank = vec![0u32; n];
        planned.priority.iter().zip(0..).for_each(|(&rank, task)| by_rank[rank as usize] = task);
        let mut slots = vec![NONE; n];
        let mut needed = vec![false; n];
        planned.outputs.iter().for_each(|output| needed[output.idx()] = true);
        let mut fresh = Vec::with_capacity(n);
        for &task in by_rank.iter().rev() {
            if !needed[task as usize] {
                continue;
            }
            let (layer, position) = graph.place(TaskId(task));
            if let Some(slot) = self.layers.slot(layer_ids[layer], position) {
                slots[task as usize] = slot;
                continue;
            }
            let function = planned.attachment_of[graph.function_idx(TaskId(task))];
            if on_cluster[function as usize] {
                return Err(format!(
                    "{} is not on this cluster any more: its future was released or cancelled",
                    graph.key(TaskId(task))
                ));
            }
            fresh.push(task);
            graph.dependencies().of(task).iter().for_each(|&dependency| needed[dependency as usize] = true);
        }
        fresh.reverse();
        Ok((slots, fresh))
    }

    fn insert_tasks(
        &mut self,
        planned: &Planned,
        submit: &Submit,
        layer_ids: &[u32],
        functions: &[Option<FunctionId>],
        mut slots: Vec<u32>,
        fresh: &[u32],
    ) -> Vec<u32> {
        let graph = &planned.graph;
        let known: Vec<bool> = slots.iter().map(|&slot| slot != NONE).collect();
        let submission = self.n_submissions;
        self.n_submissions += 1;
        let demand = self.demands.insert(&submit.restrictions);
        self.tasks.reserve(fresh.len());
        for &task in fresh {
            let (layer, position) = graph.place(TaskId(task));
            let function = planned.attachment_of[graph.function_idx(TaskId(task))];
            let function = functions[function as usize].unwrap_or(FunctionId(NONE));
            let rank = planned.priority[task as usize];
            let priority = Priority { user: submit.priority.saturating_neg(), submission, rank };
            let slot = self.tasks.insert(layer_ids[layer], position, function, priority);
            self.functions.add_task(function);
            self.layers.set_slot(layer_ids[layer], position, slot);
            self.note_made(slot);
            self.set_state(slot, State::Waiting);
            let entered = &mut self.tasks[slot];
            let is_source = graph.dependencies().of(task).is_empty();
            entered.is_root = is_source || planned.roots[layer] == Roots::All;
            entered.retries = submit.retries.min(u32::from(u16::MAX)) as u16;
            entered.demand = demand;
            slots[task as usize] = slot;
        }
        self.demands.add_tasks(demand, fresh.len() as u32);
        if submit.actor {
            let made = planned.outputs.iter().map(|output| output.idx()).filter(|&output| !known[output]);
            self.actors.extend(made.map(|output| (slots[output], None)));
        }
        self.connect(graph, &slots, &known, fresh);
        slots
    }

    /// Edges, counts, and what is ready at once.
    fn connect(&mut self, graph: &Graph, slots: &[u32], known: &[bool], fresh: &[u32]) {
        let n_edges = fresh.iter().map(|&task| graph.dependencies().of(task).len()).sum::<usize>();
        let arena = self.tasks.new_arena(2 * n_edges);
        let (mut to_activate, mut erred) = (Vec::new(), Vec::new());
        for &task in fresh {
            let slot = slots[task as usize];
            let edges = graph.dependencies().of(task);
            let dependencies = self.tasks.push_span(arena, edges.iter().map(|&d| slots[d as usize]));
            // A dependent that nothing needs was not entered.
            // Dependents that nothing needs were not entered; those known before have dependencies of their own.
            let entered = |&&d: &&u32| slots[d as usize] != NONE && !known[d as usize];
            let dependents = graph.dependents().of(task).iter().filter(entered).map(|&d| slots[d as usize]);
            let dependents = self.tasks.push_span(arena, dependents);
            self.tasks.sort_span(dependents);
            let entered = &mut self.tasks[slot];
            entered.dependencies = dependencies;
            entered.dependents = dependents;
            let mut missing = 0;
            for &edge in edges {
                let dependency = slots[edge as usize];
                let on = &mut self.tasks[dependency];
                on.needed_by += 1;
                on.alive_dependents += 1;
                missing += u32::from(on.state != State::Memory);
                if known[edge as usize] {
                    self.needed_more(dependency);
                    *self.later_dependents.entry(dependency).or_default().entry(slot).or_default() += 1;
                    match self.tasks[dependency].state {
                        State::Released => to_activate.push(dependency),
                        State::Erred => erred.push(dependency),
                        State::Processing => self.is_head(dependency),
                        _ => {}
                    }
                }
            }
            self.tasks[slot].missing = missing;
        }
        self.tasks.close_arena(arena);
        for &task in fresh {
            let slot = slots[task as usize];
            if self.tasks[slot].missing == 0 && self.tasks[slot].state == State::Waiting {
                self.make_ready(slot);
            }
        }
        for (task, &slot) in slots.iter().enumerate() {
            // Outputs that are known but not there are made again.
            if slot != NONE && known[task] && self.tasks[slot].state == State::Released {
                to_activate.push(slot);
            }
        }
        for slot in to_activate {
            self.activate(slot);
        }
        for slot in erred {
            self.spread_failure(slot);
        }
    }
}

fn output_keys(layers: &LayerGraph, outputs: &[Outputs]) -> Result<Vec<Key>, String> {
    let layer = |at: u32| {
        let entry = layers.layers().get(at as usize);
        entry.map(|entry| &entry.layer).ok_or_else(|| format!("there is no layer {at} in the graph"))
    };
    let key = |name: &Name, shape: &[u32], task: u32| {
        let mut index = Index::new();
        unravel(task, shape, &mut index);
        name.at(&index)
    };
    let mut keys = Vec::with_capacity(outputs.len());
    for output in outputs {
        match *output {
            Outputs::Layer(at) => {
                let layer = layer(at)?;
                keys.extend((0..layer.n_tasks() as u32).map(|task| key(layer.name(), layer.shape(), task)));
            }
            Outputs::Task(at, task) => {
                let layer = layer(at)?;
                if layer.n_tasks() <= u64::from(task) {
                    return Err(format!("layer {} has no task {task}", layer.name()));
                }
                keys.push(key(layer.name(), layer.shape(), task));
            }
        }
    }
    Ok(keys)
}

//! Work for the cluster: single calls, many calls, whole collections. Everything is encoded here, so that what cannot
//! travel is named before anything is sent.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use dask_core::delayed::{Arg, Args, Function, call, call_named, call_pure, try_call};
use dask_core::layer::{Materialized, encode_layers, ravel};
use dask_core::optimize::{inline, optimize};
use dask_core::wire::{Encoder, Parcel, WireError, encode_portable};
use dask_core::{Collection, Data, Delayed, Error, Key, LayerGraph, LayerRef, Name, Result, TaskError, TaskFn, Value};
use foldhash::fast::FixedState;

use super::computation::Computation;
use super::connection::Connection;
use super::future::is_cancelled;
use super::remote::RemoteFuture;
use super::wish::Wish;
use super::{Client, Future};
use crate::DistError;
use crate::protocol::{FromClient, ON_CLUSTER, Outputs, Submit};

/// The type name of an encoded function.
const FUNCTION: &str = "dask.function";
/// Calls of a [`map`](Client::map) in one message.
const MAP_CALLS_MAX: usize = 1 << 16;
/// Functions of one graph: each is an attachment, of which a peer takes no more at a time.
const FUNCTIONS_MAX: usize = 1 << 20;

impl Client {
    /// Calls `f` on the cluster, on arguments that are values, futures, delayed values, or lists and maps of futures.
    /// Each call is a task of its own; see [`submit_pure`](Client::submit_pure).
    ///
    /// `f` is a function, or a closure that captures nothing: its name is what travels.
    ///
    /// # Errors
    /// [`Error::CannotTravel`] for a closure with captured variables or an argument without an encoding; a future of
    /// another client; a cancelled future; if the scheduler is gone.
    pub fn submit<A, H, F, T>(&self, f: F, args: impl Args<A, H>) -> Result<Future<T>>
    where
        F: Function<A, T>,
        A: 'static,
        T: Data,
    {
        self.submit_call(&call(f, args))
    }

    /// As [`submit`](Client::submit), with a name for errors and dashboards.
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn submit_named<A, H, F, T>(&self, what: &str, f: F, args: impl Args<A, H>) -> Result<Future<T>>
    where
        F: Function<A, T>,
        A: 'static,
        T: Data,
    {
        self.submit_call(&call_named(what, f, args))
    }

    /// As [`submit`](Client::submit), for a function of which equal arguments give equal results: equal calls share
    /// one key, and run once while anybody holds a future of it.
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn submit_pure<A, H, F, T>(&self, f: F, args: impl Args<A, H>) -> Result<Future<T>>
    where
        F: Function<A, T>,
        A: 'static,
        T: Data,
    {
        self.submit_call(&call_pure(f, args))
    }

    /// As [`submit`](Client::submit), for a function that returns a `Result`: an error fails the task.
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn try_submit<A, H, F, T, E>(&self, f: F, args: impl Args<A, H>) -> Result<Future<T>>
    where
        F: Function<A, std::result::Result<T, E>>,
        A: 'static,
        T: Data,
        E: Into<TaskError> + 'static,
    {
        self.submit_call(&try_call(f, args))
    }

    /// Calls `f` on each item, a value or a future; many calls are one message.
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn map<A, H, F, T, X>(&self, f: F, items: impl IntoIterator<Item = X>) -> Result<Vec<Future<T>>>
    where
        F: Function<(A,), T>,
        A: 'static,
        X: Arg<A, H>,
        T: Data,
    {
        let mut calls = items.into_iter().map(|item| call(f.clone(), (item,)));
        let mut futures = Vec::with_capacity(calls.size_hint().0);
        loop {
            let some: Vec<Delayed<T>> = calls.by_ref().take(MAP_CALLS_MAX).collect();
            if some.is_empty() {
                return Ok(futures);
            }
            let keys: Vec<Key> = some.iter().map(Delayed::key).collect();
            let wishes = self.send_graph(&graph_of(&some, &keys)?, &keys)?;
            futures.extend(wishes.into_iter().map(|wish| Future::new(wish, &[])));
        }
    }

    /// Computes a delayed value on the cluster, where the result stays.
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn submit_delayed<T>(&self, delayed: &Delayed<T>) -> Result<Future<T>> {
        let keys = [delayed.key()];
        let graph = optimize(&LayerGraph::new([delayed.layer()])?, &keys);
        let wishes = self.send_graph(&graph, &keys)?;
        one_future(wishes, delayed)
    }

    fn submit_call<T>(&self, call: &Delayed<T>) -> Result<Future<T>> {
        let keys = [call.key()];
        let graph = graph_of(std::slice::from_ref(call), &keys)?;
        one_future(self.send_graph(&graph, &keys)?, call)
    }

    /// Makes an actor by a call.
    pub(super) fn submit_actor<T>(&self, call: &Delayed<T>) -> Result<Future<T>> {
        let keys = [call.key()];
        let graph = graph_of(std::slice::from_ref(call), &keys)?;
        one_future(self.send_graph_as(&graph, &keys, true)?, call)
    }

    /// Begins to compute a collection, and returns at once: ask the computation for its
    /// [result](Computation::result).
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn compute<C: Collection + Clone>(&self, collection: &C) -> Result<Computation<C>> {
        let keys = collection.keys();
        let graph = optimize(&LayerGraph::new(&collection.layers())?, &keys);
        Ok(Computation::new(collection.clone(), self.send_graph(&graph, &keys)?, self))
    }

    /// Begins to compute a collection and keeps its blocks on the cluster: the same collection, made of them. Returns
    /// at once; [`dask_core::Collection::persist`] with this client as the scheduler waits.
    ///
    /// # Errors
    /// As [`submit`](Client::submit).
    pub fn persist<C: Collection>(&self, collection: &C) -> Result<C> {
        let layers = collection.layers();
        let mut wishes = self.send_layers(&layers)?.into_iter();
        let persisted = layers.iter().map(|layer| {
            let n = layer.layer().n_tasks() as usize;
            let values = wishes.by_ref().take(n).map(|wish| RemoteFuture::value(&wish));
            Materialized::values(layer.name().clone(), layer.layer().shape(), values)
        });
        Ok(collection.with_layers(persisted.collect()))
    }

    /// Sends layers with everything behind them: one wish a block, layer by layer.
    pub(super) fn send_layers(&self, layers: &[LayerRef]) -> Result<Vec<Arc<Wish>>> {
        let keys: Vec<Key> = layers.iter().flat_map(LayerRef::keys).collect();
        self.send_graph(&optimize(&LayerGraph::new(layers)?, &keys), &keys)
    }

    /// Sends a graph as it is: one wish an output; outputs of one key share theirs.
    pub(super) fn send_graph(&self, graph: &LayerGraph, outputs: &[Key]) -> Result<Vec<Arc<Wish>>> {
        self.send_graph_as(graph, outputs, false)
    }

    fn send_graph_as(&self, graph: &LayerGraph, outputs: &[Key], actor: bool) -> Result<Vec<Arc<Wish>>> {
        if outputs.is_empty() {
            return Ok(Vec::new());
        }
        let (outputs, keys, place) = number_outputs(graph, outputs)?;
        let mut functions = Functions::new(&self.connection);
        let mut layers = Encoder::new();
        encode_layers(graph, &mut layers, |name, function| functions.number(name, function))
            .map_err(|source| functions.problem.take().unwrap_or(Error::Wire(source)))?;
        if FUNCTIONS_MAX < functions.attachments.len() {
            let (address, found) = (self.address().to_owned(), functions.attachments.len() as u64);
            let limit = FUNCTIONS_MAX as u64;
            return Err(DistError::TooManyFunctions { address, found, limit }.into());
        }
        let first_future = self.connection.new_ids(keys.len() as u64);
        let unique = self.connection.wishes(first_future, keys);
        let submit = Submit {
            layers: layers.finish("").bytes().to_vec(),
            n_functions: functions.attachments.len() as u32,
            outputs,
            first_future,
            priority: self.options.priority,
            retries: self.options.retries,
            restrictions: self.options.restrictions.clone(),
            actor,
        };
        self.connection.send(FromClient::Submit(Box::new(submit)), functions.attachments)?;
        Ok(match place {
            None => unique,
            Some(place) => place.into_iter().map(|at| unique[at as usize].clone()).collect(),
        })
    }
}

/// The graph of calls; small constants become part of functions.
fn graph_of<T>(calls: &[Delayed<T>], keys: &[Key]) -> Result<LayerGraph> {
    let graph = LayerGraph::new(calls.iter().map(Delayed::layer))?;
    let is_bound = calls.iter().all(|call| call.layer().inputs().is_empty());
    Ok(if is_bound { graph } else { inline(&graph, keys) })
}

fn one_future<T>(wishes: Vec<Arc<Wish>>, of: &Delayed<T>) -> Result<Future<T>> {
    match wishes.into_iter().next() {
        Some(wish) => Ok(Future::new(wish, of.layer().layer().shape())),
        None => Err(Error::UnknownKey { key: Box::new(of.key()), wanted_by: None }),
    }
}

/// What the scheduler is asked for, the keys of its futures, and which future each output is if some stand there twice.
type Numbered = (Vec<Outputs>, Vec<Key>, Option<Vec<u32>>);

/// The outputs as places in the graph: layers wanted whole are one entry.
fn number_outputs(graph: &LayerGraph, outputs: &[Key]) -> Result<Numbered> {
    let (mut asked, mut keys, mut place) = (Vec::new(), Vec::new(), Vec::with_capacity(outputs.len()));
    // Tasks asked for one by one, and whole layers.
    let mut tasks: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
    let mut whole: HashMap<u32, u32, FixedState> = HashMap::default();
    let mut at = 0;
    while at < outputs.len() {
        let key = &outputs[at];
        let unknown = || Error::UnknownKey { key: Box::new(key.clone()), wanted_by: None };
        let position = graph.find(key.name()).ok_or_else(unknown)?;
        let layer = &graph.layers()[position as usize].layer;
        let task = ravel(key.index(), layer.shape()).ok_or_else(unknown)?;
        if let Some(base) = whole.get(&position) {
            place.push(base + task);
            at += 1;
            continue;
        }
        let n = layer.n_tasks() as usize;
        let is_whole = task == 0
            && n <= outputs.len() - at
            && outputs[at..at + n]
                .iter()
                .zip(0u32..)
                .all(|(key, i)| key.name() == layer.name() && ravel(key.index(), layer.shape()) == Some(i));
        if is_whole {
            let base = keys.len() as u32;
            whole.insert(position, base);
            asked.push(Outputs::Layer(position));
            keys.extend_from_slice(&outputs[at..at + n]);
            place.extend(base..base + n as u32);
            at += n;
            continue;
        }
        let next = keys.len() as u32;
        let known = *tasks.entry((position, task)).or_insert(next);
        if known == next {
            asked.push(Outputs::Task(position, task));
            keys.push(key.clone());
        }
        place.push(known);
        at += 1;
    }
    let in_order = place.len() == keys.len() && place.iter().zip(0..).all(|(&place, at)| place == at);
    Ok((asked, keys, (!in_order).then_some(place)))
}

/// The functions of a graph, encoded and numbered, each once.
struct Functions<'a> {
    connection: &'a Arc<Connection>,
    attachments: Vec<Value>,
    by_address: HashMap<usize, u32, FixedState>,
    /// What stands for values that are on the cluster already.
    on_cluster: Option<u32>,
    problem: Option<Error>,
}

impl<'a> Functions<'a> {
    fn new(connection: &'a Arc<Connection>) -> Self {
        Self { connection, attachments: Vec::new(), by_address: HashMap::default(), on_cluster: None, problem: None }
    }

    fn number(&mut self, layer: &Name, function: &Arc<dyn TaskFn>) -> Result<u32, WireError> {
        let number = self.try_number(layer, function);
        number.map_err(|problem| {
            self.problem = Some(problem);
            WireError::Truncated
        })
    }

    fn try_number(&mut self, layer: &Name, function: &Arc<dyn TaskFn>) -> Result<u32> {
        let address = Arc::as_ptr(function).cast::<()>() as usize;
        if let Some(&number) = self.by_address.get(&address) {
            return Ok(number);
        }
        let remote = function.constant().and_then(Value::as_remote);
        let future = remote.and_then(|remote| (&**remote as &dyn Any).downcast_ref::<RemoteFuture>());
        let number = match future {
            Some(RemoteFuture(wish)) if self.is_here(wish)? && wish.key.name() == layer => self.on_cluster(),
            _ => self.encode(layer, function)?,
        };
        self.by_address.insert(address, number);
        Ok(number)
    }

    /// Whether a value is, or will be, on this cluster. One that failed is: what is asked of it fails there, no matter
    /// whether its failure is known here already.
    fn is_here(&self, wish: &Arc<Wish>) -> Result<bool> {
        if !Arc::ptr_eq(&wish.connection, self.connection) {
            return Err(DistError::OtherClient { key: Box::new(wish.key.clone()) }.into());
        }
        match wish.error() {
            Some(error) if is_cancelled(&error) => Err(error),
            _ => Ok(true),
        }
    }

    fn on_cluster(&mut self) -> u32 {
        *self.on_cluster.get_or_insert_with(|| {
            self.attachments.push(Value::encoded(Parcel::from_parts(ON_CLUSTER, Vec::new(), Vec::new())));
            self.attachments.len() as u32 - 1
        })
    }

    fn encode(&mut self, layer: &Name, function: &Arc<dyn TaskFn>) -> Result<u32> {
        let body = encode_function(&**function)
            .map_err(|source| Error::CannotTravel { key: Box::new(Key::from(layer.clone())), source })?;
        self.attachments.push(body);
        Ok(self.attachments.len() as u32 - 1)
    }
}

/// A function as it travels.
pub(super) fn encode_function(function: &dyn TaskFn) -> Result<Value, WireError> {
    let mut out = Encoder::new();
    encode_portable(function, &mut out)?;
    Ok(Value::encoded(out.finish(FUNCTION)))
}

//! A scheduler and a worker in one, scripted by hand: what a client says and hears, without a cluster.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dask_core::layer::{decode_layers, unravel};
use dask_core::wire::{Decoder, Parcel, decode_portable};
use dask_core::{Constant, Error, Index, Key, RunContext, Scheduler, TaskFn, Value};
use dask_dist::protocol::{
    Batch, Failure, FromClient, FutureId, ON_CLUSTER, Outputs, PeerReply, PeerRequest, Submit, TaskRef, ToClient,
    WorkerId,
};
use dask_dist::transport::{Address, CommSettings, Hello, Link, Listener, Outbox, Role};
use dask_sched::SyncScheduler;

/// What the fake knows; tests look into it and change it.
#[derive(Default)]
pub(crate) struct Known {
    values: HashMap<Key, (TaskRef, Value)>,
    futures: HashMap<FutureId, Key>,
    pub(crate) released: Vec<FutureId>,
    pub(crate) n_messages: usize,
    pub(crate) n_submissions: usize,
    pub(crate) submitted_nbytes: usize,
    /// The worker says so often that it does not have what it is asked for.
    pub(crate) forget: usize,
    /// Submissions are not answered.
    pub(crate) silent: bool,
    scattered: HashMap<TaskRef, (Key, FutureId)>,
    to_client: Option<Outbox<ToClient>>,
}

/// A running fake.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) known: Arc<Mutex<Known>>,
    pub(crate) address: String,
    /// Dropped to go away.
    stop: Arc<Mutex<Option<tokio::sync::oneshot::Sender<()>>>>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("fake-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let known = Arc::new(Mutex::new(Known::default()));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let fake = Self { known, address: format!("inproc://{name}"), stop: Arc::new(Mutex::new(Some(stop))) };
        let (ready, is_ready) = std::sync::mpsc::channel();
        let inside = fake.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let settings = CommSettings::default();
                let scheduler = Address::InProc(name.clone());
                let mut scheduler = Listener::bind(&scheduler, Hello::new(Role::Scheduler), &settings).await.unwrap();
                let worker = Address::InProc(format!("{name}-worker"));
                let mut worker = Listener::bind(&worker, Hello::new(Role::Worker), &settings).await.unwrap();
                ready.send(()).unwrap();
                let clients = inside.clone();
                tokio::spawn(async move {
                    while let Some(incoming) = scheduler.accept().await {
                        tokio::spawn(clients.clone().client(incoming.link().unwrap()));
                    }
                });
                tokio::spawn(async move {
                    while let Some(incoming) = worker.accept().await {
                        tokio::spawn(inside.clone().peer(incoming.link().unwrap()));
                    }
                });
                stopped.await.ok();
            });
        });
        is_ready.recv().unwrap();
        fake
    }

    pub(crate) fn stop(&self) {
        self.known.lock().unwrap().to_client = None;
        self.stop.lock().unwrap().take();
    }

    async fn client(self, mut link: Link<ToClient, FromClient>) {
        let worker = (WorkerId(0), format!("{}-worker", self.address));
        link.outbox.send(Batch::one(ToClient::Peers(vec![worker]))).unwrap();
        self.known.lock().unwrap().to_client = Some(link.outbox.clone());
        while let Ok(Some(batch)) = link.inbox.recv().await {
            let mut attachments = batch.attachments.into_iter();
            for message in batch.messages {
                for answer in self.hear(message, &mut attachments) {
                    link.outbox.send(Batch::one(answer)).unwrap();
                }
            }
        }
        // The connection ends when the last outbox does.
        self.known.lock().unwrap().to_client = None;
    }

    fn hear(&self, message: FromClient, attachments: &mut impl Iterator<Item = Value>) -> Vec<ToClient> {
        let mut known = self.known.lock().unwrap();
        known.n_messages += 1;
        match message {
            FromClient::Submit(submit) => {
                let functions: Vec<Value> = attachments.take(submit.n_functions as usize).collect();
                known.submitted_nbytes +=
                    submit.layers.len() + functions.iter().map(|f| f.to_parcel().unwrap().nbytes()).sum::<usize>();
                known.n_submissions += 1;
                if known.silent { Vec::new() } else { known.submit(&submit, &functions) }
            }
            FromClient::Release(futures) => {
                known.released.extend(futures);
                Vec::new()
            }
            FromClient::Missing { future, .. } => {
                let key = known.futures[&future].clone();
                vec![ToClient::Lost { future }, known.done(future, &key)]
            }
            FromClient::Scatter { future, name, .. } => {
                let task = TaskRef { slot: 1_000_000 + known.scattered.len() as u32, generation: 0 };
                known.scattered.insert(task, (Key::from(name), future));
                vec![ToClient::Place { future, task, workers: vec![WorkerId(0)] }]
            }
            FromClient::WhoHas { request, futures } => {
                let holders = futures.iter().map(|f| (*f, known.futures[f].clone(), 8, vec![WorkerId(0)])).collect();
                vec![ToClient::Holders { request, holders }]
            }
            FromClient::Retry(futures) => futures
                .into_iter()
                .map(|future| {
                    let key = known.futures[&future].clone();
                    known.done(future, &key)
                })
                .collect(),
            FromClient::Retire { request, .. } => vec![ToClient::Ok { request }],
            FromClient::Unpublish { request, name } => {
                vec![ToClient::Refused { request, why: format!("no dataset is called {name:?}") }]
            }
            FromClient::Rebalance { .. } => vec![ToClient::Closing { why: "as it was told".to_owned() }],
            _ => Vec::new(),
        }
    }

    async fn peer(self, mut link: Link<PeerReply, PeerRequest>) {
        while let Ok(Some(batch)) = link.inbox.recv().await {
            let mut attachments = batch.attachments.into_iter();
            for message in batch.messages {
                let answer = self.serve(message, &mut attachments);
                link.outbox.send(answer).unwrap();
            }
        }
    }

    fn serve(&self, message: PeerRequest, attachments: &mut impl Iterator<Item = Value>) -> Batch<PeerReply> {
        let mut known = self.known.lock().unwrap();
        match message {
            PeerRequest::Get { request, tasks, .. } => {
                if 0 < known.forget {
                    known.forget -= 1;
                    let (found, refused) = (Vec::new(), Vec::new());
                    return Batch::one(PeerReply::Data { request, found, missing: tasks, refused, last: true });
                }
                let value = |task: &TaskRef| known.values.values().find(|(t, _)| t == task).unwrap().1.clone();
                let attachments = tasks.iter().map(value).collect();
                let (missing, refused) = (Vec::new(), Vec::new());
                let messages = vec![PeerReply::Data { request, found: tasks, missing, refused, last: true }];
                Batch { messages, attachments }
            }
            PeerRequest::Put { request, tasks } => {
                for task in tasks {
                    let (key, future) = known.scattered[&task].clone();
                    known.values.insert(key.clone(), (task, attachments.next().unwrap()));
                    let done = known.done(future, &key);
                    known.to_client.as_ref().unwrap().send(Batch::one(done)).unwrap();
                }
                Batch::one(PeerReply::Kept { request })
            }
            PeerRequest::Call { .. } => unreachable!("this worker has no actors"),
            PeerRequest::Run { request } => {
                attachments.next().unwrap();
                Batch::one(PeerReply::Ran { request, failure: Some(Failure::Cancelled) })
            }
        }
    }
}

impl Known {
    fn submit(&mut self, submit: &Submit, functions: &[Value]) -> Vec<ToClient> {
        let layers = Parcel::from_parts("", submit.layers.clone(), Vec::new());
        let names: Vec<Arc<dyn TaskFn>> = functions
            .iter()
            .map(|function| {
                let parcel = function.to_parcel().unwrap();
                if parcel.type_name() == ON_CLUSTER {
                    return Arc::new(Constant(Value::new(0u8))) as Arc<dyn TaskFn>;
                }
                decode_portable::<dyn TaskFn>(&mut Decoder::new(&parcel)).unwrap()
            })
            .collect();
        let graph = decode_layers(&mut Decoder::new(&layers), |i| names.get(i as usize).cloned()).unwrap();
        // What is known already is a constant.
        let mut with_values = dask_core::LayerGraph::default();
        for entry in graph.layers() {
            let layer = &entry.layer;
            let known = self.values.get(&layer.name().at(&vec![0; layer.shape().len()]));
            match known.filter(|_| layer.n_tasks() == 1) {
                Some((_, value)) => {
                    let constant =
                        dask_core::layer::Materialized::values(layer.name().clone(), layer.shape(), [value.clone()]);
                    with_values.push(dask_core::layer::LayerEntry { layer: constant.layer().clone(), inputs: vec![] });
                }
                None => drop(with_values.push(entry.clone())),
            }
        }
        let mut answers = Vec::new();
        let mut future = submit.first_future;
        let mut keys = Vec::new();
        for output in &submit.outputs {
            let (layer, tasks) = match *output {
                Outputs::Layer(at) => (at, 0..graph.layers()[at as usize].layer.n_tasks() as u32),
                Outputs::Task(at, task) => (at, task..task + 1),
            };
            let layer = &graph.layers()[layer as usize].layer;
            keys.extend(tasks.map(|task| {
                let mut index = Index::new();
                unravel(task, layer.shape(), &mut index);
                layer.name().at(&index)
            }));
        }
        for key in keys {
            self.futures.insert(future, key.clone());
            match SyncScheduler.run(&with_values, std::slice::from_ref(&key), &RunContext::default()) {
                Ok(values) => {
                    let task = TaskRef { slot: self.values.len() as u32, generation: 0 };
                    self.values.insert(key.clone(), (task, values[0].clone()));
                    answers.push(self.done(future, &key));
                }
                Err(Error::Task { key, layers, source }) => {
                    let failure = Failure::Error { chain: vec![source.to_string()] };
                    answers.push(ToClient::Failed { future, key: *key, layers, failure });
                }
                Err(other) => panic!("{other}"),
            }
            future.0 += 1;
        }
        answers
    }

    fn done(&self, future: FutureId, key: &Key) -> ToClient {
        let (task, value) = &self.values[key];
        ToClient::Done { future, task: *task, nbytes: value.nbytes() as u64, holder: WorkerId(0) }
    }
}

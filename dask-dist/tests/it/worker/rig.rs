//! Workers whose scheduler is the test itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use dask_core::wire::{Encoder, encode_portable};
use dask_core::{Call, TaskError, TaskFn, Value};
use dask_dist::DistError;
use dask_dist::protocol::*;
use dask_dist::shell::worker::{WorkerOptions, serve_worker};
use dask_dist::shell::{current_worker, secede};
use dask_dist::transport::{Address, CommSettings, Hello, Inbox, Link, Listener, Outbox, Role, connect};
use serde::{Deserialize, Serialize};

/// What the tests' tasks do; the position in [`FUNCTIONS`] is the id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Op {
    /// The index, plus the sum of the inputs.
    Sum,
    /// So many bytes as the index says, in thousands.
    Fill,
    /// The sum of the lengths of the inputs.
    Lengths,
    Fail,
    Panic,
    /// The worker's addresses.
    Where,
    /// Waits until the gate of the index is open.
    Wait,
    /// As `Wait`, off the worker's threads.
    WaitAside,
    /// Opens the gate of the index.
    Open,
}
pub(super) const FUNCTIONS: [Op; 9] =
    [Op::Sum, Op::Fill, Op::Lengths, Op::Fail, Op::Panic, Op::Where, Op::Wait, Op::WaitAside, Op::Open];
/// A function that cannot be read.
pub(super) const MALFORMED: u32 = 99;

static GATES: (Mutex<Vec<u32>>, Condvar) = (Mutex::new(Vec::new()), Condvar::new());

/// A gate that no other test uses.
pub(super) fn new_gate() -> u32 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed) as u32
}

pub(super) fn open_gate(gate: u32) {
    GATES.0.lock().unwrap().push(gate);
    GATES.1.notify_all();
}

fn wait_for_gate(gate: u32) {
    drop(GATES.1.wait_while(GATES.0.lock().unwrap(), |open| !open.contains(&gate)).unwrap());
}

impl TaskFn for Op {
    fn run(&self, mut call: Call<'_>) -> Result<Value, TaskError> {
        let index = call.index().first().copied().unwrap_or(0);
        Ok(match self {
            Self::Sum => {
                let mut sum = i64::from(index);
                for i in 0..call.n_inputs() {
                    sum += call.take::<i64>(i)?;
                }
                Value::new(sum)
            }
            Self::Fill => Value::new(vec![index as u8; 1000 * index as usize]),
            Self::Lengths => {
                let mut sum = 0;
                for i in 0..call.n_inputs() {
                    sum += call.get::<Vec<u8>>(i)?.len() as i64;
                }
                Value::new(sum)
            }
            Self::Fail => {
                let source = "x".parse::<i32>().unwrap_err();
                return Err(Box::new(std::io::Error::new(std::io::ErrorKind::InvalidData, source)));
            }
            Self::Panic => panic!("at {index}"),
            Self::Where => {
                let worker = current_worker().ok_or("no worker")?;
                Value::new(format!("{} {}", worker.scheduler, worker.worker))
            }
            Self::Wait => {
                wait_for_gate(index);
                Value::new(1i64)
            }
            Self::WaitAside => {
                secede();
                wait_for_gate(index);
                Value::new(1i64)
            }
            Self::Open => {
                open_gate(index);
                Value::new(2i64)
            }
        })
    }
}
dask_core::portable!(Op as dyn TaskFn = "test.worker.op");

pub(super) fn t(slot: u32) -> TaskRef {
    TaskRef { slot, generation: 3 }
}

pub(super) fn task(op: Op, slot: u32, index: u32, inputs: &[(u32, WorkerId)]) -> ComputeTask {
    let function = FUNCTIONS.iter().position(|known| *known == op).unwrap();
    ComputeTask {
        task: t(slot),
        run: RunId(1),
        function: FunctionId(function as u32),
        index: [index].into_iter().collect(),
        priority: Priority { rank: slot, ..Priority::default() },
        wanted: false,
        dependencies: inputs.iter().map(|&(slot, holder)| dependency(slot, &[holder])).collect(),
        last_use: 0,
    }
}

pub(super) fn dependency(slot: u32, holders: &[WorkerId]) -> Dependency {
    Dependency { task: t(slot), nbytes: 8, holders: holders.iter().copied().collect(), first: None }
}

/// Where workers come.
pub(super) struct Rig {
    listener: Listener,
    n_workers: u32,
    known: Vec<(WorkerId, String)>,
}

/// A worker that runs, in the hand of the test.
pub(super) struct Hand {
    pub(super) id: WorkerId,
    pub(super) address: Address,
    outbox: Outbox<ToWorker>,
    inbox: Inbox<FromWorker>,
    pub(super) stop: tokio::sync::watch::Sender<bool>,
    ended: tokio::sync::oneshot::Receiver<Result<(), DistError>>,
    heard: std::collections::VecDeque<FromWorker>,
}

impl Rig {
    pub(super) async fn new(tcp: bool) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let address = if tcp {
            Address::Tcp("127.0.0.1:0".to_owned())
        } else {
            Address::InProc(format!("rig-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
        };
        let listener = Listener::bind(&address, Hello::new(Role::Scheduler), &CommSettings::default()).await.unwrap();
        Self { listener, n_workers: 0, known: Vec::new() }
    }

    /// Starts a worker, on a thread of its own as always, and welcomes it.
    pub(super) async fn worker(&mut self, mut options: WorkerOptions) -> Hand {
        options.settings.validate = true;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (end, ended) = tokio::sync::oneshot::channel();
        let scheduler = self.listener.address();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let result = runtime.block_on(serve_worker(&scheduler, options, stopped));
            drop(end.send(result));
        });
        let (outbox, inbox, hello) = self.accept().await;
        let id = WorkerId(self.n_workers);
        self.n_workers += 1;
        self.known.push((id, hello.address.clone()));
        let address = hello.address.parse().unwrap();
        let hand = Hand { id, address, outbox, inbox, stop, ended, heard: Default::default() };
        hand.welcome(self.known.clone());
        hand
    }

    /// The next who comes.
    pub(super) async fn accept(&mut self) -> (Outbox<ToWorker>, Inbox<FromWorker>, WorkerHello) {
        let incoming = self.listener.accept().await.unwrap();
        assert_eq!(incoming.peer.role, Role::Worker);
        let hello: WorkerHello = incoming.peer.about("it").unwrap();
        assert_eq!(hello.process, std::process::id());
        let Link { outbox, inbox, .. } = incoming.link::<ToWorker, FromWorker>().unwrap();
        (outbox, inbox, hello)
    }

    /// Somebody else who pretends to be a worker.
    pub(super) fn pretend(&mut self, address: &Address) -> WorkerId {
        let id = WorkerId(self.n_workers);
        self.n_workers += 1;
        self.known.push((id, address.to_string()));
        id
    }
}

impl Hand {
    fn welcome(&self, known: Vec<(WorkerId, String)>) {
        let functions = FUNCTIONS.iter().map(|op| {
            let mut out = Encoder::new();
            encode_portable(op as &dyn TaskFn, &mut out).unwrap();
            Value::encoded(out.finish("function"))
        });
        let malformed = Value::encoded(Encoder::new().finish("function"));
        let ids = (0..FUNCTIONS.len() as u32).chain([MALFORMED]).map(|id| (FunctionId(id), 10 + id)).collect();
        let messages = vec![
            ToWorker::Welcome { worker: self.id, cluster: (5, 0) },
            ToWorker::Functions(ids),
            ToWorker::Peers(known),
        ];
        self.outbox.send(Batch { messages, attachments: functions.chain([malformed]).collect() }).unwrap();
    }

    pub(super) fn say(&self, message: ToWorker) {
        self.outbox.send(Batch::one(message)).unwrap();
    }

    pub(super) fn give(&self, tasks: Vec<ComputeTask>) {
        self.say(ToWorker::Compute(tasks));
    }

    /// The next report.
    pub(super) async fn next(&mut self) -> FromWorker {
        loop {
            match self.heard.pop_front() {
                Some(report) => return report,
                None => self.heard.extend(self.inbox.recv().await.unwrap().expect("a worker that is there").messages),
            }
        }
    }

    /// The next report that does not come by the clock.
    pub(super) async fn news(&mut self) -> FromWorker {
        loop {
            match self.next().await {
                FromWorker::Heartbeat(_) | FromWorker::Noticed(_) => {}
                report => return report,
            }
        }
    }

    /// The next heartbeat of which this is true.
    pub(super) async fn heartbeat(&mut self, is: impl Fn(&Metrics) -> bool) -> Metrics {
        loop {
            match self.next().await {
                FromWorker::Heartbeat(metrics) if is(&metrics) => return metrics,
                _ => {}
            }
        }
    }

    /// The size of a task's value, which comes next.
    pub(super) async fn finished(&mut self, slot: u32) -> u64 {
        match self.news().await {
            FromWorker::Finished { task, run: RunId(1), nbytes, .. } if task == t(slot) => nbytes,
            other => panic!("{other:?} instead of task {slot}"),
        }
    }

    pub(super) async fn failed(&mut self, slot: u32) -> Failure {
        match self.news().await {
            FromWorker::Failed { task, run: RunId(1), failure } if task == t(slot) => failure,
            other => panic!("{other:?} instead of task {slot}"),
        }
    }

    /// How the worker has ended.
    pub(super) async fn ended(self) -> Result<(), DistError> {
        drop((self.outbox, self.inbox));
        self.ended.await.unwrap()
    }

    async fn peer(&self) -> Link<PeerRequest, PeerReply> {
        connect(&self.address, Hello::new(Role::Peer), &CommSettings::default()).await.unwrap()
    }

    /// Asks as a peer does: what is found, and what is not.
    pub(super) async fn get(&self, slots: &[u32]) -> (Vec<(TaskRef, Value)>, Vec<TaskRef>) {
        let mut link = self.peer().await;
        let tasks = slots.iter().map(|&slot| t(slot)).collect();
        link.outbox.send(Batch::one(PeerRequest::Get { request: 5, tasks, turns: Vec::new() })).unwrap();
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        loop {
            let batch = link.inbox.recv().await.unwrap().unwrap();
            let mut values = batch.attachments.into_iter();
            for reply in batch.messages {
                let PeerReply::Data { request: 5, found: here, missing: not, refused, last } = reply else {
                    panic!("{reply:?}")
                };
                assert_eq!(refused, []);
                found.extend(here.into_iter().zip(values.by_ref()));
                missing.extend(not);
                if last {
                    return (found, missing);
                }
            }
        }
    }

    /// A number that it holds.
    pub(super) async fn number(&self, slot: u32) -> i64 {
        *self.get(&[slot]).await.0[0].1.get::<i64>().unwrap()
    }

    pub(super) async fn put(&mut self, slot: u32, value: Value) {
        self.put_all(vec![(slot, value)]).await;
    }

    pub(super) async fn put_all(&mut self, values: Vec<(u32, Value)>) {
        let mut link = self.peer().await;
        let (tasks, attachments): (Vec<TaskRef>, Vec<Value>) =
            values.into_iter().map(|(at, value)| (t(at), value)).unzip();
        let first = tasks[0];
        link.outbox.send(Batch { messages: vec![PeerRequest::Put { request: 6, tasks }], attachments }).unwrap();
        let reply = link.inbox.recv().await.unwrap().unwrap().messages;
        assert_eq!(reply, [PeerReply::Kept { request: 6 }]);
        // It may say first that it is full.
        while !matches!(self.news().await, FromWorker::Added(values) if values[0].0 == first) {}
    }
}

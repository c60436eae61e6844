//! The worker's loop: events from the scheduler, peers and threads into the machine, and what it asks for done.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dask_core::Value;
use tokio::sync::{mpsc, watch};

use super::context::WorkerContext;
use super::executor::{Executor, Functions, Job, Told};
use super::peers::Peers;
use super::process::{CpuClock, resident_bytes};
use super::serve::Server;
use super::store::{Moved, Store};
use crate::error::DistError;
use crate::protocol::{Batch, FromWorker, TaskRef, ToWorker, WorkerHello};
use crate::transport::{Address, CommSettings, Hello, Link, Listener, Role, connect};
use crate::worker::{Action, Event, Machine, Settings};

/// Events taken together, at most, before what follows from them is done.
const TOGETHER: usize = 256;
const TICK: Duration = Duration::from_millis(500);
/// Time to hand values over after being asked to stop.
const FAREWELL: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How to run a worker.
#[derive(Clone, Debug, Default)]
pub struct WorkerOptions {
    /// For people; may be empty.
    pub name: String,
    /// Abstract resources, such as `GPU = 2`.
    pub resources: Vec<(String, f64)>,
    /// Where peers and clients find its data; by default any free port of the loopback interface, or a name in this
    /// process if the scheduler is in it.
    pub listen: Option<Address>,
    /// Where to spill; by default the system's temporary folder.
    pub directory: Option<PathBuf>,
    /// The machine's settings.
    pub settings: Settings,
    /// Limits and patience of connections.
    pub comm: CommSettings,
    /// For how long to look for a scheduler that is gone, before the worker ends; it comes back empty. By default it
    /// ends at once.
    pub reconnect: Duration,
}

/// What threads, peers and the disk tell the loop: the event, and the values that it brings. Only the loop puts values
/// into the store, so that the machine and the store always agree.
pub(super) type Heard = mpsc::UnboundedSender<(Event, Vec<(TaskRef, Value)>)>;

/// Runs a worker until the scheduler closes it, or `stop` becomes true and its values have been handed over.
///
/// # Errors
/// No scheduler there, or gone; no address to listen at.
pub async fn serve_worker(
    scheduler: &Address,
    options: WorkerOptions,
    mut stop: watch::Receiver<bool>,
) -> Result<(), DistError> {
    let mut lost: Option<Instant> = None;
    loop {
        match serve_once(scheduler, &options, &mut stop).await {
            Err(DistError::SchedulerGone { why, .. }) if !options.reconnect.is_zero() => {
                eprintln!("dask worker: the scheduler at {scheduler} is gone ({why}): looking for it");
                lost = Some(Instant::now());
            }
            Err(_) if lost.is_some_and(|since| since.elapsed() < options.reconnect) => {}
            ended => return ended,
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            changed = stop.changed() => if changed.is_err() || *stop.borrow() { return Ok(()) },
        }
    }
}

/// One connection to the scheduler, from its beginning to its end.
async fn serve_once(
    scheduler: &Address,
    options: &WorkerOptions,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), DistError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let listen = options.listen.clone().unwrap_or_else(|| match scheduler {
        Address::Tcp(_) => Address::Tcp("127.0.0.1:0".to_owned()),
        Address::InProc(name) => Address::InProc(format!("{name}-worker-{}", COUNT.fetch_add(1, Ordering::Relaxed))),
    });
    let mut listener = Listener::bind(&listen, Hello::new(Role::Worker), &options.comm).await?;
    let address = listener.address().to_string();
    let about = WorkerHello {
        name: options.name.clone(),
        address: address.clone(),
        n_threads: options.settings.n_threads.max(1),
        memory_limit: options.settings.memory_limit,
        resources: options.resources.clone(),
        holds: Vec::new(),
        was: None,
        process: std::process::id(),
    };
    let hello = Hello::new(Role::Worker).with_about(&about)?;
    let Link { outbox, mut inbox, .. } = connect::<FromWorker, ToWorker>(scheduler, hello, &options.comm).await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let store = Arc::new(Store::new(options.directory.clone()));
    let of_threads = tell.clone();
    let context = WorkerContext { scheduler: scheduler.to_string(), worker: address.clone() };
    let executor = Executor::start(options.settings.n_threads, context, move |what| {
        let told = match what {
            Told::Ran { task, result, nanos } => {
                let nbytes = result.as_ref().map(|value| value.nbytes() as u64).map_err(Clone::clone);
                (Event::Ran { task, result: nbytes, nanos }, result.into_iter().map(|value| (task, value)).collect())
            }
            Told::Seceded(task) => (Event::Seceded { task }, Vec::new()),
        };
        // A worker that has ended needs no results.
        drop(of_threads.send(told));
    })
    .map_err(|error| DistError::io("starting the worker's threads", error))?;
    let sent = Arc::new(AtomicU64::new(0));
    let server = Server { store: store.clone(), events: tell.clone(), sent: sent.clone() };
    // Workers in one process share its memory: what the system says of it is nobody's.
    let own_process = options.settings.own_process && matches!(scheduler, Address::Tcp(_));
    let settings = Settings { own_process, ..options.settings.clone() };
    let mut shell = Shell {
        machine: Machine::new(settings),
        functions: Functions::default(),
        peers: Peers::new(tell.clone(), options.comm.clone()),
        executor,
        store,
        tell,
        actions: Vec::new(),
        cpu: CpuClock::new(),
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut leaving: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            batch = inbox.recv() => {
                let gone = |why: String| DistError::SchedulerGone { address: scheduler.to_string(), why };
                match batch {
                    Ok(Some(batch)) => shell.hear(batch),
                    Ok(None) if leaving.is_some() => return Ok(()),
                    Ok(None) => return Err(gone("it closed the connection".to_owned())),
                    Err(error) => return Err(gone(error.to_string())),
                }
                while let Some(Ok(batch)) = inbox.try_recv() {
                    shell.hear(batch);
                }
            }
            Some((event, values)) = told.recv() => {
                shell.take(event, values);
                for _ in 1..TOGETHER {
                    let Ok((event, values)) = told.try_recv() else { break };
                    shell.take(event, values);
                }
            }
            incoming = listener.accept() => {
                if let Some(incoming) = incoming {
                    tokio::spawn(server.clone().serve(incoming));
                }
            }
            _ = ticks.tick() => {
                let (resident, cpu_percent) = (resident_bytes(), shell.cpu.percent());
                let (received, sent) = (shell.peers.received(), sent.load(Ordering::Relaxed));
                shell.handle(Event::Tick { resident, cpu_percent, received, sent });
                if leaving.is_some_and(|since| FAREWELL < since.elapsed()) {
                    return Ok(());
                }
            }
            changed = stop.changed(), if leaving.is_none() => {
                if changed.is_err() {
                    return Ok(());
                }
                if *stop.borrow() {
                    leaving = Some(Instant::now());
                    shell.actions.push(Action::Report(FromWorker::Leaving));
                }
            }
        }
        let mut reports = Vec::new();
        if shell.act(&mut reports) {
            return Ok(());
        }
        // A scheduler that is gone is noticed by the inbox.
        if !reports.is_empty() {
            let _ = outbox.send(Batch { messages: reports, attachments: Vec::new() });
        }
    }
}

struct Shell {
    machine: Machine,
    functions: Functions,
    peers: Peers,
    executor: Executor,
    store: Arc<Store>,
    tell: Heard,
    actions: Vec<Action>,
    cpu: CpuClock,
}

impl Shell {
    fn handle(&mut self, event: Event) {
        self.machine.handle(event, &mut self.actions);
    }

    /// An event and the values it brings.
    fn take(&mut self, event: Event, values: Vec<(TaskRef, Value)>) {
        if !values.is_empty() {
            // What is to go goes first: it may be called the same.
            let store = &self.store;
            self.actions.retain(|action| match action {
                Action::Drop(tasks) => {
                    store.remove(tasks);
                    false
                }
                _ => true,
            });
            values.into_iter().for_each(|(task, value)| self.store.insert(task, value));
        }
        self.handle(event);
    }

    fn hear(&mut self, batch: Batch<ToWorker>) {
        let mut attachments = batch.attachments.into_iter();
        for message in batch.messages {
            match message {
                ToWorker::Functions(ids) => {
                    for (id, body) in ids.into_iter().zip(attachments.by_ref()) {
                        self.functions.insert(id, body);
                    }
                }
                ToWorker::DropFunctions(ids) => ids.into_iter().for_each(|id| self.functions.remove(id)),
                ToWorker::Peers(peers) => self.peers.learn(peers),
                other => self.handle(Event::Scheduler(other)),
            }
        }
    }

    /// Does what the machine asks for; whether it is to end.
    fn act(&mut self, reports: &mut Vec<FromWorker>) -> bool {
        let mut actions = std::mem::take(&mut self.actions);
        self.machine.flush(&mut actions);
        let mut end = false;
        for action in actions.drain(..) {
            match action {
                Action::Report(report) => reports.push(report),
                Action::Run { task, function, index, inputs } => {
                    let inputs: Vec<Option<Value>> = inputs.iter().map(|input| self.store.get(*input)).collect();
                    self.executor.submit(Job { task, function: self.functions.get(function), index, inputs });
                }
                Action::Fetch { from, request, tasks } => self.peers.ask(from, request, tasks),
                Action::Drop(tasks) => self.store.remove(&tasks),
                Action::Spill(task) => self.on_disk(move |store| match store.spill(task) {
                    Moved::Done => Some(Event::Spilled { task, ok: true }),
                    Moved::Dropped => None,
                    Moved::Stays(_) => Some(Event::Unspillable { task }),
                    Moved::Failed(why) => {
                        eprintln!("dask worker: a value stays in memory, because the disk refused it: {why}");
                        Some(Event::Spilled { task, ok: false })
                    }
                }),
                Action::Restore(task) => self.on_disk(move |store| match store.restore(task) {
                    Moved::Done => Some(Event::Restored { task, ok: true }),
                    Moved::Dropped => None,
                    Moved::Stays(why) | Moved::Failed(why) => {
                        eprintln!("dask worker: a value on disk is lost, and will be made again: {why}");
                        Some(Event::Restored { task, ok: false })
                    }
                }),
                Action::Exit { .. } => end = true,
            }
        }
        self.actions = actions;
        end
    }

    /// Does something slow on a thread of its own; what came of it is told.
    fn on_disk(&self, work: impl FnOnce(&Store) -> Option<Event> + Send + 'static) {
        let (store, tell) = (self.store.clone(), self.tell.clone());
        tokio::task::spawn_blocking(move || {
            if let Some(event) = work(&store) {
                drop(tell.send((event, Vec::new())));
            }
        });
    }
}

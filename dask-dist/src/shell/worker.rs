//! The worker's loop: events from the scheduler, peers and threads into the machine, and what it asks for done.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dask_core::Value;
use tokio::sync::{mpsc, watch};

use super::executor::{Executor, Functions, Job, Told};
use super::peers::Peers;
use super::serve::Server;
use super::store::Store;
use crate::error::DistError;
use crate::protocol::{Batch, FromWorker, ToWorker, WorkerHello};
use crate::transport::{Address, CommSettings, Hello, Link, Listener, Role, connect};
use crate::worker::{Action, Event, Machine, Settings};

/// Events taken together, at most, before what follows from them is done.
const TOGETHER: usize = 256;
const TICK: Duration = Duration::from_millis(500);
/// Time to hand values over after being asked to stop.
const FAREWELL: Duration = Duration::from_secs(30);

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
}

/// Runs a worker until the scheduler closes it, or `stop` becomes true and its values have been handed over.
///
/// # Errors
/// No scheduler there, or gone; no address to listen at.
pub async fn serve_worker(
    scheduler: &Address,
    options: WorkerOptions,
    mut stop: watch::Receiver<bool>,
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
    let executor = Executor::start(
        options.settings.n_threads,
        store.clone(),
        (scheduler.to_string(), address.clone()),
        move |what| {
            let event = match what {
                Told::Ran { task, result, nanos } => Event::Ran { task, result, nanos },
                Told::Seceded(task) => Event::Seceded { task },
            };
            // A worker that has ended needs no results.
            drop(of_threads.send(event));
        },
    )
    .map_err(|error| DistError::io("starting the worker's threads", error))?;
    let sent = Arc::new(AtomicU64::new(0));
    let server = Server { store: store.clone(), events: tell.clone(), sent: sent.clone() };
    let mut shell = Shell {
        machine: Machine::new(options.settings.clone()),
        functions: Functions::default(),
        peers: Peers::new(store.clone(), tell.clone(), options.comm.clone()),
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
            Some(event) = told.recv() => {
                shell.handle(event);
                for _ in 1..TOGETHER {
                    let Ok(event) = told.try_recv() else { break };
                    shell.handle(event);
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
    tell: mpsc::UnboundedSender<Event>,
    actions: Vec<Action>,
    cpu: CpuClock,
}

impl Shell {
    fn handle(&mut self, event: Event) {
        self.machine.handle(event, &mut self.actions);
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
                Action::Spill(task) => {
                    let (store, tell) = (self.store.clone(), self.tell.clone());
                    tokio::task::spawn_blocking(move || {
                        let spilled = store.spill(task);
                        if let Err(why) = &spilled {
                            eprintln!("dask worker: a value stays in memory: {why}");
                        }
                        drop(tell.send(Event::Spilled { task, ok: spilled.is_ok() }));
                    });
                }
                Action::Restore(task) => {
                    let (store, tell) = (self.store.clone(), self.tell.clone());
                    tokio::task::spawn_blocking(move || {
                        let restored = store.restore(task);
                        if let Err(why) = &restored {
                            eprintln!("dask worker: a value on disk is lost: {why}");
                        }
                        drop(tell.send(Event::Restored { task, ok: restored.is_ok() }));
                    });
                }
                Action::Exit { .. } => end = true,
            }
        }
        self.actions = actions;
        end
    }
}

/// Resident memory of this process, 0 if unknown.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// Processor time of this process between two looks.
struct CpuClock {
    at: Instant,
    ticks: u64,
}

impl CpuClock {
    fn new() -> Self {
        Self { at: Instant::now(), ticks: cpu_ticks() }
    }

    /// In hundredths of a core.
    fn percent(&mut self) -> f32 {
        let (now, ticks) = (Instant::now(), cpu_ticks());
        let passed = now.duration_since(self.at).as_secs_f32().max(1e-3);
        // Linux counts a hundred ticks a second.
        let percent = (ticks.saturating_sub(self.ticks)) as f32 / passed;
        (self.at, self.ticks) = (now, ticks);
        percent
    }
}

/// User and system time of this process, in hundredths of a second; 0 if unknown.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0 };
    fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

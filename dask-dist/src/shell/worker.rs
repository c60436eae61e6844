//! The worker's loop: events from the scheduler, peers and threads into the machine, and what it asks for done.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use dask_core::Value;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use super::actors::Actors;
use super::asks::{Asks, Owner};
use super::context::WorkerContext;
use super::executor::{Executor, Functions, Job, Told};
use super::peers::Peers;
use super::process::{CpuClock, give_back_freed, own_bytes};
use super::profiler::Profiler;
use super::sampler::Sampler;
use super::serve::Server;
use super::store::{Moved, Removed, Store};
use crate::error::DistError;
use crate::protocol::{Batch, FromWorker, Noticed, Profile, TaskRef, ToWorker, WorkerHello, WorkerId};
use crate::transport::{Address, CommSettings, Hello, Inbox, Link, Listener, Outbox, Role, connect};
use crate::worker::{Action, Event, Machine, Settings};

/// Events taken together, at most, before what follows from them is done.
const TOGETHER: usize = 256;
const TICK: Duration = Duration::from_millis(500);
/// A thread fills gigabytes in a second: so often it is looked how much memory the process takes, and what its threads
/// are at.
const LOOK: Duration = Duration::from_millis(20);
/// Values that are written to disk at a time, and values that are read: each takes its size once more while it is.
const ON_DISK: usize = 4;
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often call stacks are sampled by default, as Dask does.
pub const PROFILE_INTERVAL: Duration = Duration::from_millis(10);

/// How to run a worker.
#[derive(Clone, Debug)]
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
    /// For how long to look for a scheduler that is gone, before the worker ends; it comes back with its values. By
    /// default it ends at once.
    pub reconnect: Duration,
    /// Time to finish what runs and to hand values over when it is asked to stop; then it ends, and what only it has
    /// is lost. 4 minutes by default: service managers often allow 5.
    pub drain_timeout: Duration,
    /// Whether somebody watches the process, and tells the scheduler how it died ([`send_obituary`](crate::send_obituary)).
    pub has_nanny: bool,
    /// Whether to tell the operator where it is found, each time that a scheduler has taken it, and why it leaves; not by
    /// default.
    pub announce: bool,
    /// How often to sample the call stacks of its tasks, for the dashboard ([`PROFILE_INTERVAL`]); not by default. On Linux,
    /// by a signal (`SIGPROF`), which a system call that waits may answer with `EINTR`: Rust's standard library calls
    /// again, a library in another language may not. A signal costs its thread 2 to 5 µs; names take 20 to 50 MB once for a
    /// program of 90 MB.
    pub profile: Option<Duration>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            resources: Vec::new(),
            listen: None,
            directory: None,
            settings: Settings::default(),
            comm: CommSettings::default(),
            reconnect: Duration::ZERO,
            drain_timeout: Duration::from_secs(240),
            has_nanny: false,
            announce: false,
            profile: None,
        }
    }
}

/// What peers and the disk tell the loop: the event, and the values that it brings. Values enter the store with their
/// event only, under the shell's lock, so that the machine and the store always agree.
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
    let mut kept = Kept::new(&options);
    loop {
        let ended = serve_once(scheduler, &options, &mut stop, &mut kept).await;
        if *stop.borrow() {
            kept.tell_lost();
            return Ok(());
        }
        match ended {
            Err(DistError::SchedulerGone { why, .. }) if !options.reconnect.is_zero() => {
                crate::log::warn(
                    "worker",
                    format_args!("the scheduler at {scheduler} is gone ({why}): looking for it"),
                );
                lost = Some(Instant::now());
            }
            Err(_) if lost.is_some_and(|since| since.elapsed() < options.reconnect) => {}
            ended => return ended,
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = stopped(&mut stop) => {
                kept.tell_lost();
                return Ok(());
            }
        }
    }
}

/// Until this worker is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Who could say so may be gone: that says it too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Tells the operator of values that end with this process.
fn tell_lost(sizes: impl Iterator<Item = u64>) {
    let mut sizes = sizes.peekable();
    if sizes.peek().is_some() {
        let values = amount(sizes);
        crate::log::warn("worker", format_args!("there is no scheduler to say who takes {values}: they are lost"));
    }
}

/// Values that a worker names in its greeting when it comes back: the largest, as many as fit into one.
const NAMED_MAX: usize = 40_000;
/// Values that it comes back with, the largest; it names the others as soon as it is welcome.
const HOLDS_MAX: usize = 500_000;

/// What outlives a connection to the scheduler.
struct Kept {
    store: Store,
    /// Which values are there, how large, and whether they are on disk.
    values: Vec<(TaskRef, u64, bool)>,
    was: Option<WorkerId>,
    cluster: (u64, u32),
}

impl Kept {
    fn new(options: &WorkerOptions) -> Self {
        Self { store: Store::new(options.directory.clone()), values: Vec::new(), was: None, cluster: (0, 0) }
    }

    fn tell_lost(&self) {
        tell_lost(self.values.iter().map(|&(_, nbytes, _)| nbytes));
    }

    /// What a shell leaves behind whose connection has ended.
    fn of(shell: &Shell) -> Self {
        let mut values: Vec<(TaskRef, u64)> = shell.machine.values().collect();
        values.sort_unstable_by_key(|&(task, nbytes)| (std::cmp::Reverse(nbytes), task));
        values.truncate(HOLDS_MAX);
        let wanted: std::collections::HashSet<TaskRef> = values.iter().map(|(task, _)| *task).collect();
        let (store, on_disk) = Store::take_over(&shell.store, |task| wanted.contains(&task));
        let values =
            values.into_iter().filter_map(|(task, nbytes)| Some((task, nbytes, *on_disk.get(&task)?))).collect();
        Self { store, values, was: shell.id, cluster: shell.cluster }
    }
}

/// One connection to the scheduler, from its beginning to its end.
async fn serve_once(
    scheduler: &Address,
    options: &WorkerOptions,
    stop: &mut watch::Receiver<bool>,
    kept: &mut Kept,
) -> Result<(), DistError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let listen = options.listen.clone().unwrap_or_else(|| match scheduler {
        Address::Tcp(_) | Address::Tls(_) => Address::Tcp("127.0.0.1:0".to_owned()),
        Address::InProc(name) => Address::InProc(format!("{name}-worker-{}", COUNT.fetch_add(1, Ordering::Relaxed))),
    });
    let listener = Listener::bind(&listen, Hello::new(Role::Worker), &options.comm).await?;
    let address = listener.address().to_string();
    let about = WorkerHello {
        name: options.name.clone(),
        address: address.clone(),
        n_threads: options.settings.n_threads.max(1),
        memory_limit: options.settings.memory_limit,
        resources: options.resources.clone(),
        holds: kept.values.iter().take(NAMED_MAX).map(|&(task, nbytes, _)| (task, nbytes)).collect(),
        was: kept.was,
        cluster: kept.cluster,
        process: std::process::id(),
        has_nanny: options.has_nanny,
    };
    let hello = Hello::new(Role::Worker).with_about(&about)?;
    let Link { outbox, inbox, .. } = tokio::select! {
        link = connect::<FromWorker, ToWorker>(scheduler, hello, &options.comm) => link?,
        // A scheduler that does not answer holds up nobody who is to go.
        () = stopped(stop) => return Ok(()),
    };
    if options.announce {
        crate::log::say("worker", format_args!("at {address}, for the scheduler at {scheduler}"));
    }
    let (tell, told) = mpsc::unbounded_channel();
    let Kept { store, values, was, cluster } = std::mem::replace(kept, Kept::new(options));
    let store = Arc::new(store);
    let actors = Arc::new(Actors::default());
    let context = WorkerContext {
        scheduler: scheduler.to_string(),
        worker: address.clone(),
        id: Arc::default(),
        actors: actors.clone(),
        comm: options.comm.clone(),
    };
    // Threads hold the shell weakly: it ends with the loop.
    let later: Arc<OnceLock<Weak<Mutex<Shell>>>> = Arc::default();
    let of_threads = later.clone();
    let profiler = options.profile.and_then(|interval| match Profiler::start(interval) {
        Ok(profiler) => Some(profiler),
        Err(why) => {
            crate::log::warn("worker", format_args!("call stacks are not sampled: {why}"));
            None
        }
    });
    let executor = Executor::start(options.settings.n_threads, context.clone(), profiler, move |what| {
        // A worker that has ended needs no results.
        let shell = of_threads.get().and_then(Weak::upgrade);
        shell.map_or_else(Vec::new, |shell| {
            let (jobs, dropped) = {
                let mut shell = locked(&shell);
                (shell.told(what), std::mem::take(&mut shell.dropped))
            };
            drop(dropped);
            jobs
        })
    })
    .map_err(|error| DistError::io("starting the worker's threads", error))?;
    let (sampler, profiler) = (executor.sampler().clone(), executor.profiler().cloned());
    let sent = Arc::new(AtomicU64::new(0));
    let welcomed = context.id.clone();
    let context = Arc::new(context);
    let asks = Asks::default();
    let server =
        Server { store: store.clone(), events: tell.clone(), sent: sent.clone(), actors, context, asks: asks.clone() };
    let actors = server.actors.clone();
    // Workers in one process share its memory: what the system says of it is nobody's.
    let is_local = matches!(scheduler, Address::InProc(_));
    let own_process = options.settings.own_process && !is_local;
    let settings = Settings { own_process, ..options.settings.clone() };
    let runtime = Handle::current();
    let wake = Arc::new(Notify::new());
    let shell = Arc::new(Mutex::new(Shell {
        machine: Machine::holding(settings, &values),
        unnamed: values.iter().skip(NAMED_MAX).map(|&(task, nbytes, _)| (task, nbytes)).collect(),
        id: was,
        welcomed,
        actors,
        cluster,
        functions: Functions::default(),
        asks: Owner(asks),
        peers: Peers::new(tell.clone(), options.comm.clone(), runtime.clone()),
        executor,
        store,
        tell,
        actions: Vec::new(),
        dropped: Vec::new(),
        writes: Arc::new(Semaphore::new(ON_DISK)),
        reads: Arc::new(Semaphore::new(ON_DISK)),
        cpu: CpuClock::new(),
        runtime,
        reports: Batch::default(),
        outbox,
        is_local,
        ended: None,
        wake: wake.clone(),
    }));
    drop(later.set(Arc::downgrade(&shell)));
    let ends = Ends { inbox, told, listener, server, sent, sampler, profiler, wake };
    let ended = serve_until_the_end(&shell, ends, (scheduler, options), stop).await;
    if matches!(ended, Err(DistError::SchedulerGone { .. })) {
        *kept = Kept::of(&locked(&shell));
    }
    ended
}

/// What the loop listens to.
struct Ends {
    inbox: Inbox<ToWorker>,
    told: mpsc::UnboundedReceiver<(Event, Vec<(TaskRef, Value)>)>,
    listener: Listener,
    server: Server,
    /// Bytes sent to peers.
    sent: Arc<AtomicU64>,
    sampler: Arc<Sampler>,
    profiler: Option<Arc<Profiler>>,
    wake: Arc<Notify>,
}

async fn serve_until_the_end(
    shell: &Mutex<Shell>,
    ends: Ends,
    (scheduler, options): (&Address, &WorkerOptions),
    stop: &mut watch::Receiver<bool>,
) -> Result<(), DistError> {
    let drain = options.drain_timeout;
    let Ends { mut inbox, mut told, mut listener, server, sent, sampler, profiler, wake } = ends;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut leaving: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            batch = inbox.recv() => {
                let gone = |why: String| DistError::SchedulerGone { address: scheduler.to_string(), why };
                let batch = match batch {
                    Ok(Some(batch)) => batch,
                    Ok(None) if leaving.is_some() => {
                        tell_lost(locked(shell).machine.values().map(|(_, nbytes)| nbytes));
                        return Ok(());
                    }
                    Ok(None) => return Err(gone("it closed the connection".to_owned())),
                    Err(error) => return Err(gone(error.to_string())),
                };
                let mut shell = locked(shell);
                shell.hear(batch);
                while let Some(Ok(batch)) = inbox.try_recv() {
                    shell.hear(batch);
                }
            }
            Some((event, values)) = told.recv() => {
                let mut shell = locked(shell);
                shell.take(event, values);
                for _ in 1..TOGETHER {
                    let Ok((event, values)) = told.try_recv() else { break };
                    shell.take(event, values);
                }
            }
            // Threads have something to report.
            () = wake.notified() => {}
            incoming = listener.accept() => {
                if let Some(incoming) = incoming {
                    tokio::spawn(server.clone().serve(incoming));
                }
            }
            _ = looks.tick() => {
                sampler.look();
                let resident = resident(shell);
                let mut shell = locked(shell);
                // Far from the limit nothing depends on it: the next heartbeat tells.
                if shell.machine.is_near_its_limit(resident) {
                    shell.handle(Event::Measured { resident });
                }
            }
            _ = ticks.tick() => {
                let resident = resident(shell);
                let mut shell = locked(shell);
                let cpu_percent = shell.cpu.percent();
                let (received, sent) = (shell.peers.received(), sent.load(Ordering::Relaxed));
                shell.handle(Event::Tick { resident, cpu_percent, received, sent });
                let profile = profiler.as_ref().map_or_else(Profile::default, |profiler| profiler.take());
                let noticed = Noticed { samples: sampler.take(), transfers: shell.peers.transfers(), profile };
                if !noticed.is_empty() {
                    shell.reports.messages.push(FromWorker::Noticed(noticed));
                }
                if leaving.is_some_and(|since| drain < since.elapsed()) {
                    let values = amount(shell.machine.values().map(|(_, nbytes)| nbytes));
                    let left = format_args!(
                        "{values} were not handed over in {drain:?}, and are lost if no other worker has them; what runs \
                         here starts again elsewhere"
                    );
                    crate::log::warn("worker", left);
                    return Ok(());
                }
            }
            changed = stop.changed(), if leaving.is_none() => {
                if changed.is_err() {
                    return Ok(());
                }
                if *stop.borrow() {
                    leaving = Some(Instant::now());
                    locked(shell).actions.push(Action::Report(FromWorker::Leaving));
                }
            }
        }
        let (ended, dropped) = {
            let mut shell = locked(shell);
            let jobs = shell.act();
            shell.executor.submit(jobs);
            shell.report();
            (shell.ended.take(), std::mem::take(&mut shell.dropped))
        };
        drop(dropped);
        if let Some(why) = ended {
            if leaving.is_some() || options.announce {
                crate::log::say("worker", format_args!("leaves: {why}"));
            }
            return Ok(());
        }
    }
}

/// How many values of how much memory, for people.
fn amount(sizes: impl Iterator<Item = u64>) -> String {
    let (n, nbytes) = sizes.fold((0_u64, 0_u64), |(n, sum), nbytes| (n + 1, sum.saturating_add(nbytes)));
    let size = if nbytes < 10 << 20 { format!("{nbytes} bytes") } else { format!("{} MiB", nbytes >> 20) };
    format!("{n} {} of {size}", if n == 1 { "value" } else { "values" })
}

/// What the process takes, once it has given back what it does not need.
fn resident(shell: &Mutex<Shell>) -> u64 {
    let resident = own_bytes(std::process::id());
    if !locked(shell).machine.is_short_of_memory(resident) {
        return resident;
    }
    // Without the lock: it takes a while.
    give_back_freed();
    own_bytes(std::process::id())
}

fn locked(shell: &Mutex<Shell>) -> MutexGuard<'_, Shell> {
    shell.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All of a worker but what waits for the network. Events come from the loop and from threads that have run a task:
/// whoever brings one also does what follows from it, so that a thread goes from task to task without waiting for
/// another.
struct Shell {
    machine: Machine,
    /// What the scheduler calls this worker.
    id: Option<WorkerId>,
    /// The same, for tasks.
    welcomed: Arc<OnceLock<WorkerId>>,
    actors: Arc<Actors>,
    /// Which cluster it is in.
    cluster: (u64, u32),
    /// Values from before that its greeting did not name.
    unnamed: Vec<(TaskRef, u64)>,
    functions: Functions,
    /// Peers that wait for values.
    asks: Owner,
    peers: Peers,
    executor: Executor,
    store: Arc<Store>,
    tell: Heard,
    actions: Vec<Action>,
    /// To be dropped without the lock: the memory may be large, and what drops it may be a user's.
    dropped: Vec<Removed>,
    writes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    cpu: CpuClock,
    runtime: Handle,
    /// What the scheduler is to be told.
    reports: Batch<FromWorker>,
    outbox: Outbox<FromWorker>,
    /// Whether values reach scheduler and clients as they are.
    is_local: bool,
    /// Why the scheduler has closed it, once it has.
    ended: Option<String>,
    /// Tells the loop that there are reports, or that this is the end.
    wake: Arc<Notify>,
}

impl Shell {
    /// What a thread tells; what to run next.
    fn told(&mut self, what: Told) -> Vec<Job> {
        match what {
            Told::Ran { task, result, nanos } => {
                let nbytes = result.as_ref().map(|value| value.nbytes() as u64).map_err(Clone::clone);
                let values = result.into_iter().map(|value| (task, value)).collect();
                self.take(Event::Ran { task, result: nbytes, nanos }, values);
            }
            Told::Seceded(task) => self.handle(Event::Seceded { task }),
        }
        let jobs = self.act();
        if jobs.is_empty() {
            // Nothing else to do here: it may be what the scheduler waits for.
            self.report();
        }
        if self.ended.is_some() || !self.reports.is_empty() {
            self.wake.notify_one();
        }
        jobs
    }

    /// Tells the scheduler what there is to tell. That it is gone is noticed by the inbox.
    fn report(&mut self) {
        if !self.reports.is_empty() {
            let _ = self.outbox.send(std::mem::take(&mut self.reports));
        }
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(event, &mut self.actions);
    }

    /// An event and the values it brings.
    fn take(&mut self, event: Event, values: Vec<(TaskRef, Value)>) {
        if !values.is_empty() {
            // What is to go goes first: it may be called the same.
            let (store, actors, dropped) = (&self.store, &self.actors, &mut self.dropped);
            self.actions.retain(|action| match action {
                Action::Drop(tasks) => {
                    dropped.push(store.remove(tasks));
                    actors.remove(tasks);
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
                    for ((id, kind), body) in ids.into_iter().zip(attachments.by_ref()) {
                        self.functions.insert(id, kind, body);
                    }
                }
                ToWorker::DropFunctions(ids) => ids.into_iter().for_each(|id| self.functions.remove(id)),
                ToWorker::Peers(peers) => self.peers.learn(peers),
                ToWorker::PeersGone(peers) => self.peers.give_up(&peers),
                ToWorker::Welcome { worker, cluster } => {
                    self.name_the_rest(cluster);
                    (self.id, self.cluster) = (Some(worker), cluster);
                    // It is welcomed once a connection.
                    let _ = self.welcomed.set(worker);
                }
                other => self.handle(Event::Scheduler(other)),
            }
        }
    }

    /// Values for which there was no room in the greeting: for a cluster that knows them.
    fn name_the_rest(&mut self, cluster: (u64, u32)) {
        let rest = std::mem::take(&mut self.unnamed);
        if cluster.0 == self.cluster.0 {
            let messages = rest.chunks(NAMED_MAX).map(|some| FromWorker::Added(some.to_vec()));
            self.reports.messages.extend(messages);
        } else if !rest.is_empty() {
            self.handle(Event::Scheduler(ToWorker::Free(rest.into_iter().map(|(task, _)| task).collect())));
        }
    }

    /// Does what the machine asks for; what is to be run.
    fn act(&mut self) -> Vec<Job> {
        let mut actions = std::mem::take(&mut self.actions);
        self.machine.flush(&mut actions);
        let mut jobs = Vec::new();
        for action in actions.drain(..) {
            match action {
                Action::Report(report) => self.push(report),
                Action::Run { task, function, index, inputs } => {
                    let inputs: Vec<Option<Value>> = inputs.iter().map(|input| self.store.get(*input)).collect();
                    jobs.push(Job { task, function: self.functions.get(function), index, inputs });
                }
                Action::Fetch { from, request, tasks, turns } => self.peers.ask(from, (request, tasks, turns)),
                Action::Answer { ask, here } => self.asks.0.answer(ask, here),
                Action::Drop(tasks) => {
                    self.dropped.push(self.store.remove(&tasks));
                    self.actors.remove(&tasks);
                }
                Action::Spill(task) => self.on_disk(&self.writes, move |store| match store.spill(task) {
                    Moved::Done => Some(Event::Spilled { task, ok: true }),
                    Moved::Dropped => None,
                    Moved::Stays(_) => Some(Event::Unspillable { task }),
                    Moved::Failed(why) => {
                        crate::log::warn(
                            "worker",
                            format_args!("a value stays in memory, because the disk refused it: {why}"),
                        );
                        Some(Event::Spilled { task, ok: false })
                    }
                }),
                Action::Evict(task) => self.store.evict(task),
                Action::Restore(task) => self.on_disk(&self.reads, move |store| match store.restore(task) {
                    Moved::Done => Some(Event::Restored { task, ok: true }),
                    Moved::Dropped => None,
                    Moved::Stays(why) | Moved::Failed(why) => {
                        crate::log::warn(
                            "worker",
                            format_args!("a value on disk is lost, and will be made again: {why}"),
                        );
                        Some(Event::Restored { task, ok: false })
                    }
                }),
                Action::Exit { why } => self.ended = Some(why),
            }
        }
        self.actions = actions;
        jobs
    }

    /// A report for the scheduler, with the value if it is to come along and can.
    fn push(&mut self, report: FromWorker) {
        let FromWorker::FinishedWith { task, run, nbytes, nanos, dropped } = report else {
            return self.reports.messages.push(report);
        };
        let value = self.store.get(task);
        let value =
            if self.is_local { value } else { value.and_then(|value| value.to_parcel().ok()).map(Value::encoded) };
        match value {
            Some(value) => {
                self.reports.messages.push(report);
                self.reports.attachments.push(value);
            }
            None => self.reports.messages.push(FromWorker::Finished { task, run, nbytes, nanos, dropped }),
        }
    }

    /// Does something slow on a thread of its own, in its turn; what came of it is told.
    fn on_disk(&self, turns: &Arc<Semaphore>, work: impl FnOnce(&Store) -> Option<Event> + Send + 'static) {
        let (store, tell, turns) = (self.store.clone(), self.tell.clone(), turns.clone());
        self.runtime.spawn(async move {
            // The semaphore is never closed.
            let Ok(turn) = turns.acquire_owned().await else { return };
            let work = move || {
                if let Some(event) = work(&store) {
                    drop(tell.send((event, Vec::new())));
                }
                drop(turn);
            };
            // One that panics was printed.
            let _ = tokio::task::spawn_blocking(work).await;
        });
    }
}

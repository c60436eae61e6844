//! A scheduler and workers on this machine: threads of this process, or processes of the same executable.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::children::Children;
use super::nanny::{Nanny, Replace};
use super::watched::Watched;
use super::worker_process::spawn;
use crate::client::Client;
use crate::error::DistError;
use crate::scheduler::Settings;
use crate::security::Security;
use crate::shell::scheduler::{SchedulerOptions, serve_scheduler};
use crate::shell::worker::{WorkerOptions, serve_worker};
use crate::shell::{Thresholds, comm_settings, profile_interval, scheduler_settings, worker_settings};
use crate::transport::{Address, CommSettings, Hello, Listener, Role};

/// Time for workers to come, after which starting has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start a [`LocalCluster`].
#[derive(Clone, Debug)]
pub struct LocalClusterBuilder {
    n_workers: usize,
    options: WorkerOptions,
    processes: bool,
    restart: bool,
    listen: Option<Address>,
    settings: Option<Settings>,
    profile: Option<bool>,
    security: Option<Security>,
    /// Where, and how if not as configured.
    #[cfg(feature = "dashboard")]
    dashboard: Option<(String, Option<crate::dashboard::DashboardOptions>)>,
}

impl LocalClusterBuilder {
    /// How many workers; by default one a core.
    #[must_use]
    pub fn workers(mut self, n: usize) -> Self {
        self.n_workers = n;
        self
    }

    /// Tasks that each runs at a time; by default one.
    #[must_use]
    pub fn threads_per_worker(mut self, n: u32) -> Self {
        self.options.settings.n_threads = n.max(1);
        self
    }

    /// Whether workers are processes, which can die alone; by default they are threads of this process.
    #[must_use]
    pub fn processes(mut self, processes: bool) -> Self {
        self.processes = processes;
        self
    }

    /// Whether a worker process that dies is replaced; not by default.
    #[must_use]
    pub fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// Bytes that each worker may use; unlimited if 0. Worker processes that take more are ended.
    #[must_use]
    pub fn memory_limit(mut self, nbytes: u64) -> Self {
        self.options.settings.memory_limit = nbytes;
        self
    }

    /// Whether the call stacks of tasks are sampled, for the dashboard; by default as configured, and else not. On Linux, by
    /// a signal, which system calls of libraries in other languages may not be prepared for
    /// ([`WorkerOptions::profile`](crate::shell::worker::WorkerOptions::profile)).
    #[must_use]
    pub fn profile(mut self, profile: bool) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Abstract resources that each worker has.
    #[must_use]
    pub fn resource(mut self, name: &str, amount: f64) -> Self {
        self.options.resources.push((name.to_owned(), amount));
        self
    }

    /// Where the scheduler listens; by default any free port of the loopback interface, or a name in this process
    /// if the workers are in it. Where others can connect it needs a token, certificates or [`Security::insecure`].
    #[must_use]
    pub fn listen(mut self, address: Address) -> Self {
        self.listen = Some(address);
        self
    }

    /// The scheduler's settings; by default as configured.
    #[must_use]
    pub fn scheduler_settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// What its processes show to each other, and clients must show; by default as configured.
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.security = Some(security);
        self
    }

    /// Where the dashboard is served, such as `127.0.0.1:8787`, or port 0 for any; by default nowhere. Encrypted, if that is
    /// configured.
    #[cfg(feature = "dashboard")]
    #[must_use]
    pub fn dashboard(mut self, address: &str) -> Self {
        self.dashboard = Some((address.to_owned(), None));
        self
    }

    /// As [`dashboard`](Self::dashboard), for others than those at this machine.
    #[cfg(feature = "dashboard")]
    #[must_use]
    pub fn dashboard_with(mut self, address: &str, options: crate::dashboard::DashboardOptions) -> Self {
        self.dashboard = Some((address.to_owned(), Some(options)));
        self
    }

    /// Starts it, and waits until all workers are there.
    ///
    /// # Errors
    /// An address in use, or one that others can reach with nothing to keep them out; processes that do not start or do
    /// not come.
    pub fn start(mut self) -> Result<LocalCluster, DistError> {
        let comm = comm_settings(Role::Scheduler)?;
        // The parts of one cluster: all show the same.
        let security = self.security.clone().unwrap_or(comm.security);
        self.options.comm.security = security.clone();
        self.options.profile = profile_interval(self.profile)?;
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let listen = self.listen.clone().unwrap_or_else(|| {
            if self.processes {
                Address::Tcp("127.0.0.1:0".to_owned())
            } else {
                Address::InProc(format!("local-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
            }
        });
        let (children, thresholds) = (Children::default(), Thresholds::configured()?);
        let (stop, stopped) = watch::channel(false);
        let (present, presence) = watch::channel(0);
        let of_children = children.clone();
        #[cfg(feature = "dashboard")]
        let (dashboard, questions) = match self.dashboard.take() {
            Some((address, None)) => Some(crate::dashboard::Dashboard::start(&address)?).unzip(),
            Some((address, Some(options))) => Some(crate::dashboard::Dashboard::start_with(&address, options)?).unzip(),
            None => (None, None),
        };
        #[cfg(not(feature = "dashboard"))]
        let questions = None;
        let options = SchedulerOptions {
            settings: match self.settings.clone() {
                Some(settings) => settings,
                None => scheduler_settings()?,
            },
            comm: CommSettings { security, ..comm },
            why_gone: Some(Arc::new(move |process| of_children.how_ended(process))),
            journal: None,
            questions,
            present: Some(present),
        };
        let (tell, told) = std::sync::mpsc::channel();
        let thread = on_own_runtime("dask-scheduler", move || async move {
            match Listener::bind(&listen, Hello::new(Role::Scheduler), &options.comm).await {
                Ok(listener) => {
                    drop(tell.send(Ok(listener.address())));
                    if let Err(error) = serve_scheduler(listener, options, stopped).await {
                        crate::log::fail("scheduler", format_args!("{error}"));
                    }
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        })?;
        let address =
            told.recv().unwrap_or_else(|_| Err(DistError::Other("the scheduler ended at once".to_owned())))?;
        let mut cluster = LocalCluster {
            address,
            builder: self,
            workers: Vec::new(),
            children,
            thresholds,
            stop: Some(stop),
            presence,
            scheduler: Some(thread),
            #[cfg(feature = "dashboard")]
            dashboard,
            nanny: None,
            retired: Arc::default(),
            n_started: 0,
            coming: Vec::new(),
            asks: None,
        };
        for _ in 0..cluster.builder.n_workers {
            cluster.start_worker()?;
        }
        cluster.wait_for_workers(cluster.builder.n_workers)?;
        if cluster.builder.processes && (cluster.builder.restart || 0 < cluster.builder.options.settings.memory_limit) {
            cluster.nanny = Some(cluster.watch()?);
        }
        Ok(cluster)
    }
}

/// Runs a future on a thread with a runtime of its own.
fn on_own_runtime<F: Future<Output = ()>>(
    name: &str,
    make: impl FnOnce() -> F + Send + 'static,
) -> Result<JoinHandle<()>, DistError> {
    let failed = |error| DistError::io(format!("starting the thread {name}"), error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(make())).map_err(failed)
}

fn start_process(
    children: &Children,
    scheduler: &Address,
    options: &WorkerOptions,
    thresholds: &Thresholds,
) -> Result<(), DistError> {
    let child = spawn(scheduler, options)?;
    let watched = Watched::new(child.id(), options.settings.memory_limit, thresholds);
    children.push(child, watched);
    Ok(())
}

struct ThreadWorker {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// A scheduler and workers on this machine. Dropped, it ends.
///
/// ```
/// use dask_dist::LocalCluster;
/// let cluster = LocalCluster::builder().workers(2).start()?;
/// assert_eq!(cluster.n_workers(), 2);
/// # Ok::<(), dask_dist::DistError>(())
/// ```
pub struct LocalCluster {
    address: Address,
    builder: LocalClusterBuilder,
    workers: Vec<ThreadWorker>,
    children: Children,
    thresholds: Thresholds,
    stop: Option<watch::Sender<bool>>,
    presence: watch::Receiver<usize>,
    scheduler: Option<JoinHandle<()>>,
    nanny: Option<Nanny>,
    /// Processes that were asked to leave, and are not replaced.
    pub(super) retired: Arc<Mutex<Vec<u32>>>,
    n_started: usize,
    /// Workers that were started and not seen yet, with their processes, and who asks about them.
    pub(super) coming: Vec<(String, Option<u32>)>,
    pub(super) asks: Option<Client>,
    #[cfg(feature = "dashboard")]
    dashboard: Option<crate::dashboard::Dashboard>,
}

impl LocalCluster {
    /// One thread worker a core, unless told otherwise.
    pub fn builder() -> LocalClusterBuilder {
        let n_workers = std::thread::available_parallelism().map_or(1, usize::from);
        let options = WorkerOptions::default();
        LocalClusterBuilder {
            n_workers,
            options,
            processes: false,
            restart: false,
            listen: None,
            settings: None,
            profile: None,
            security: None,
            #[cfg(feature = "dashboard")]
            dashboard: None,
        }
    }

    /// Its dashboard, if there is one.
    #[cfg(feature = "dashboard")]
    pub fn dashboard(&self) -> Option<&crate::dashboard::Dashboard> {
        self.dashboard.as_ref()
    }

    /// Where the scheduler is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// A client of it.
    ///
    /// # Errors
    /// If no thread can be started for it, or the scheduler is gone.
    pub fn client(&self) -> dask_core::Result<Client> {
        let settings = comm_settings(Role::Client)?;
        let security = self.builder.options.comm.security.clone();
        Client::open(self.address.clone(), CommSettings { security, ..settings })
    }

    /// How many workers the scheduler knows now.
    pub fn n_workers(&self) -> usize {
        *self.presence.borrow()
    }

    /// The processes of the workers that live, if they are processes.
    pub fn processes(&self) -> Vec<u32> {
        self.children.processes()
    }

    /// What the next worker will be called.
    pub(super) fn next_name(&self) -> String {
        format!("worker-{}", self.n_started)
    }

    /// Whether a worker process has ended.
    pub(super) fn has_ended(&self, process: u32) -> bool {
        self.children.how_ended(process).is_some()
    }

    /// Starts one more worker, without waiting for it.
    ///
    /// # Errors
    /// If the process or thread cannot be started.
    pub fn start_worker(&mut self) -> Result<(), DistError> {
        let mut options = self.builder.options.clone();
        options.name = self.next_name();
        self.n_started += 1;
        if self.builder.processes {
            return start_process(&self.children, &self.address, &options, &self.thresholds);
        }
        let (n_threads, memory_limit) = (options.settings.n_threads, options.settings.memory_limit);
        options.settings = crate::worker::Settings { n_threads, memory_limit, ..worker_settings()? };
        let (stop, stopped) = watch::channel(false);
        let scheduler = self.address.clone();
        let thread = on_own_runtime(&options.name.clone(), move || async move {
            match serve_worker(&scheduler, options, stopped).await {
                Ok(()) | Err(DistError::SchedulerGone { .. }) => {}
                Err(error) => crate::log::fail("worker", format_args!("{error}")),
            }
        })?;
        self.workers.push(ThreadWorker { stop, thread });
        Ok(())
    }

    /// Somebody who watches the processes: keeps them within their memory, and replaces those that die if that is wanted.
    fn watch(&self) -> Result<Nanny, DistError> {
        let (children, address, thresholds) = (self.children.clone(), self.address.clone(), self.thresholds);
        let options = self.builder.options.clone();
        let replace = move |name: String| {
            start_process(&children, &address, &WorkerOptions { name, ..options.clone() }, &thresholds)
        };
        let replace = self.builder.restart.then(|| Box::new(replace) as Replace);
        Nanny::start(self.children.clone(), self.retired.clone(), replace)
    }

    /// Waits until the scheduler knows this many workers or more.
    ///
    /// # Errors
    /// After a minute, with how processes have ended that did not come.
    pub fn wait_for_workers(&self, n: usize) -> Result<(), DistError> {
        let start = Instant::now();
        while self.n_workers() < n {
            let ended: Vec<String> = self.children.ended().into_iter().map(|(_, how)| how).collect();
            let alive = self.n_started - ended.len();
            if PATIENCE < start.elapsed() || (alive < n && !ended.is_empty()) {
                return Err(DistError::Other(format!(
                    "{} of {n} workers have come; worker processes that ended: {}; a program whose workers are processes must \
                     reach `dask_dist::init()` first in `main` where nothing runs before `main`",
                    self.n_workers(),
                    if ended.is_empty() { "none".to_owned() } else { ended.join(", ") },
                )));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Kills a worker process, for tests: the scheduler finds out by itself. False if there is no such process, or none
    /// any more.
    pub fn kill(&self, process: u32) -> bool {
        self.children.kill(process)
    }

    /// Ends it; values that only workers hold are gone.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        drop(self.nanny.take());
        let _ = self.stop.take().map(|stop| stop.send(true));
        if let Some(scheduler) = self.scheduler.take() {
            drop(scheduler.join());
        }
        for worker in self.workers.drain(..) {
            drop(worker.stop);
            drop(worker.thread.join());
        }
        self.children.end();
    }
}

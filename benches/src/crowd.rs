//! Workers that answer at once without running anything, connected to a real scheduler: what is left is the scheduler's
//! own time, and that of those who watch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dask_dist::DistError;
use dask_dist::protocol::{Batch, ComputeTask, FromWorker, Metrics, ToWorker, WorkerHello};
use dask_dist::transport::{Address, CommSettings, Hello, Link, Role, connect};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Signs of life come as often as from other workers.
const BEAT: Duration = Duration::from_millis(500);
/// What a value is said to have.
const NBYTES: u64 = 28;

/// Workers on one thread; they leave when it is dropped.
///
/// ```
/// use dask_benches::crowd::Crowd;
/// use dask_dist::transport::CommSettings;
/// let cluster = dask_dist::LocalCluster::builder().workers(0).start()?;
/// let crowd = Crowd::start(cluster.address(), 100, 1, &CommSettings::default())?;
/// let client = cluster.client()?;
/// let futures = client.map(|x: i64| x, 0..1000)?;
/// client.wait(&futures).wait()?;
/// assert_eq!(crowd.n_done(), 1000);
/// # Ok::<(), dask_core::Error>(())
/// ```
pub struct Crowd {
    n_done: Arc<AtomicU64>,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// So many workers, which say that they have `n_threads`. Returns when all of them are connected.
    ///
    /// # Errors
    /// No scheduler there.
    pub fn start(scheduler: &Address, n_workers: u32, n_threads: u32, comm: &CommSettings) -> Result<Self, DistError> {
        let failed = |error| DistError::io("starting workers", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, mut stopped) = watch::channel(());
        let n_done = Arc::new(AtomicU64::new(0));
        let (come, mut comes) = mpsc::unbounded_channel();
        for at in 0..n_workers {
            let worker =
                Worker { at, n_threads, scheduler: scheduler.clone(), comm: comm.clone(), n_done: n_done.clone() };
            let (come, stopped) = (come.clone(), stopped.clone());
            runtime.spawn(async move {
                match worker.connect().await {
                    Ok(link) => {
                        drop(come.send(Ok(())));
                        worker.work(link, stopped).await;
                    }
                    Err(error) => drop(come.send(Err(error))),
                }
            });
        }
        let thread = std::thread::Builder::new().name("dask-crowd".to_owned());
        let thread = thread.spawn(move || runtime.block_on(async { drop(stopped.changed().await) })).map_err(failed)?;
        let crowd = Self { n_done, stop: Some(stop), thread: Some(thread) };
        for _ in 0..n_workers {
            comes.blocking_recv().unwrap_or_else(|| Err(DistError::Other("the workers' thread ended".to_owned())))?;
        }
        Ok(crowd)
    }

    /// How many tasks they have answered.
    pub fn n_done(&self) -> u64 {
        self.n_done.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic there was printed already.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

struct Worker {
    at: u32,
    n_threads: u32,
    scheduler: Address,
    comm: CommSettings,
    n_done: Arc<AtomicU64>,
}

impl Worker {
    async fn connect(&self) -> Result<Link<FromWorker, ToWorker>, DistError> {
        let hello = WorkerHello {
            name: format!("crowd-{}", self.at),
            address: format!("inproc://crowd-{}", self.at),
            n_threads: self.n_threads,
            memory_limit: 8 << 30,
            process: std::process::id(),
            ..WorkerHello::default()
        };
        let hello = Hello::new(Role::Worker).with_about(&hello)?;
        connect(&self.scheduler, hello, &self.comm).await
    }

    /// Answers until it is stopped, or the connection ends.
    async fn work(&self, mut link: Link<FromWorker, ToWorker>, mut stopped: watch::Receiver<()>) {
        // Not all at the same moment.
        let first = Instant::now() + BEAT * (self.at % 100) / 100;
        let mut beats = interval_at(first, BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let reports = tokio::select! {
                batch = link.inbox.recv() => match batch {
                    Ok(Some(batch)) => batch.messages.into_iter().flat_map(|message| self.answer(message)).collect(),
                    _ => return,
                },
                _ = beats.tick() => vec![FromWorker::Heartbeat(self.metrics())],
                _ = stopped.changed() => return,
            };
            if !reports.is_empty() && link.outbox.send(Batch { messages: reports, attachments: Vec::new() }).is_err() {
                return;
            }
        }
    }

    fn answer(&self, message: ToWorker) -> Vec<FromWorker> {
        match message {
            ToWorker::Compute(tasks) => {
                self.n_done.fetch_add(tasks.len() as u64, Ordering::Relaxed);
                let done = |task: ComputeTask| FromWorker::Finished {
                    task: task.task,
                    run: task.run,
                    nbytes: NBYTES,
                    nanos: 1_000_000,
                    dropped: task.last_use,
                };
                tasks.into_iter().map(done).collect()
            }
            ToWorker::Acquire(values) => {
                vec![FromWorker::Added(values.iter().map(|value| (value.task, value.nbytes)).collect())]
            }
            _ => Vec::new(),
        }
    }

    /// Something to look at, that differs from worker to worker and from time to time.
    fn metrics(&self) -> Metrics {
        let n = self.n_done.load(Ordering::Relaxed);
        let some = u64::from(self.at) << 20;
        Metrics {
            managed: some,
            spilled: some / 3,
            resident: some + (64 << 20),
            cpu_percent: (self.at % 100) as f32,
            executing: self.n_threads,
            waiting: 0,
            received: n * NBYTES,
            sent: n * NBYTES,
        }
    }
}

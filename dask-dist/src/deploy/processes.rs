//! The scheduler called "processes": collections compute in processes of the same executable.

use std::sync::{Arc, Mutex, PoisonError};

use dask_core::{Key, LayerGraph, Result, RunContext, Scheduler, Value, install_scheduler};

use super::local_cluster::LocalCluster;
use crate::client::Client;
use crate::security::Security;
use crate::shell::current_worker;

/// Computes in worker processes of the same executable, which are started with the first computation and shared by
/// all of them: isolated from crashes, and free of locks that threads would share. Functions and values travel, so
/// closures must not capture anything.
///
/// ```
/// use dask_core::{Collection, RunContext, delayed};
/// use dask_dist::ProcessScheduler;
/// fn inc(x: i64) -> i64 { x + 1 }
///
/// let processes = ProcessScheduler::new(2);
/// assert_eq!(delayed!(inc(1)).compute_with(&processes, &RunContext::default())?, 2);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Default)]
pub struct ProcessScheduler {
    n_workers: usize,
    cluster: Mutex<Option<Arc<(Client, LocalCluster)>>>,
}

impl ProcessScheduler {
    /// With so many processes, of one thread each; 0 is as many as there are processors. Nothing is started yet.
    pub fn new(n_workers: usize) -> Self {
        Self { n_workers, cluster: Mutex::new(None) }
    }

    /// The cluster, started if this is the first time.
    fn cluster(&self) -> Result<Arc<(Client, LocalCluster)>> {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*cluster {
            return Ok(running.clone());
        }
        let mut builder = LocalCluster::builder();
        if 0 < self.n_workers {
            builder = builder.workers(self.n_workers);
        }
        // Nobody else has anything to do there: strangers are kept out, other users of this machine too.
        let builder = builder.processes(true).restart(true).security(Security::random()?);
        let started = builder.start()?;
        Ok(cluster.insert(Arc::new((started.client()?, started))).clone())
    }

    /// The processes of the workers, if they have been started.
    pub fn processes(&self) -> Vec<u32> {
        let cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        cluster.as_ref().map_or_else(Vec::new, |running| running.1.processes())
    }
}

impl Scheduler for ProcessScheduler {
    fn run(&self, graph: &LayerGraph, outputs: &[Key], context: &RunContext) -> Result<Vec<Value>> {
        // A task that computes something does it on the processes that are there.
        if current_worker().is_some() {
            return Scheduler::run(&Client::current()?, graph, outputs, context);
        }
        Scheduler::run(&self.cluster()?.0, graph, outputs, context)
    }

    fn name(&self) -> &'static str {
        "processes"
    }
}

/// Makes the scheduler `processes` known by name, for `DASK_SCHEDULER=processes` and
/// [`scheduler_named`](dask_core::scheduler_named), once. The local schedulers are installed before, so that threads
/// stay the default.
///
/// ```
/// dask_dist::install();
/// assert_eq!(dask_core::scheduler_named("multiprocessing")?.name(), "processes");
/// # Ok::<(), dask_core::Error>(())
/// ```
pub fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        dask_sched::install();
        install_scheduler(Arc::new(ProcessScheduler::default()));
    });
}

//! How many workers there should be: a machine that is told how much work there is, and says what to start or retire.

use std::collections::BTreeMap;
use std::time::Duration;

use dask_core::config::{duration, whole};

use crate::DistError;
use crate::protocol::{Demand, WorkerInfo};

/// Values may fill this share of the workers' memory before more workers are wanted.
const MEMORY_TARGET: f64 = 0.6;
/// What stays has room for the values that are there, so many times.
const ROOM: u64 = 2;

/// Between how many workers, and how eagerly, a cluster is scaled.
///
/// ```
/// use dask_dist::{Adaptive, LocalCluster};
/// let cluster = LocalCluster::builder().workers(1).start()?;
/// let cluster = cluster.adapt(1, 4)?;
/// let client = cluster.client();
/// assert_eq!(client.submit(|x: i64| x + 1, (1,))?.result()?, 2);
/// assert_eq!(Adaptive::default().wait_count, 3);
/// # Ok::<(), dask_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adaptive {
    /// Workers, at least.
    pub minimum: usize,
    /// Workers, at most.
    pub maximum: usize,
    /// How often it is looked.
    pub interval: Duration,
    /// In how long the work that is there is to be done: longer means fewer workers.
    pub target_duration: Duration,
    /// So often in a row a worker must be found idle before it is retired.
    pub wait_count: u32,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            minimum: 0,
            maximum: usize::MAX,
            interval: Duration::from_secs(1),
            target_duration: Duration::from_secs(5),
            wait_count: 3,
        }
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// It is well as it is.
    Stay,
    /// So many more.
    Start(usize),
    /// Without these.
    Retire(Vec<String>),
}

impl Adaptive {
    /// As configured below `distributed.adaptive`.
    ///
    /// # Errors
    /// A value that is not what its key needs.
    pub fn configured() -> Result<Self, DistError> {
        let mut adaptive = Self::default();
        let count = |key: &str| whole(key).map(|n| n.map(|n| usize::try_from(n).unwrap_or(usize::MAX)));
        adaptive.minimum = count("distributed.adaptive.minimum")?.unwrap_or(adaptive.minimum);
        adaptive.maximum = count("distributed.adaptive.maximum")?.unwrap_or(adaptive.maximum);
        adaptive.interval = duration("distributed.adaptive.interval")?.unwrap_or(adaptive.interval);
        adaptive.target_duration =
            duration("distributed.adaptive.target-duration")?.unwrap_or(adaptive.target_duration);
        let wait_count = whole("distributed.adaptive.wait-count")?.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        adaptive.wait_count = wait_count.unwrap_or(adaptive.wait_count);
        Ok(adaptive)
    }

    pub(super) fn check(&self) -> Result<(), DistError> {
        if self.maximum == 0 || self.maximum < self.minimum {
            return Err(DistError::Other(format!(
                "a cluster cannot have between {} and {} workers: the maximum is to be 1 or more, and not below the minimum",
                self.minimum, self.maximum
            )));
        }
        if self.interval.is_zero() || self.target_duration.is_zero() {
            return Err(DistError::Other(
                "the interval and the target duration are to be longer than nothing".to_owned(),
            ));
        }
        Ok(())
    }

    /// How many workers the work that is there asks for.
    pub fn wanted(&self, demand: &Demand) -> usize {
        let workers = &demand.workers;
        let n = workers.len();
        let n_threads: u64 = workers.iter().map(|worker| u64::from(worker.n_threads.max(1))).sum();
        let per_worker = if n == 0 { 1 } else { n_threads.div_ceil(n as u64) };
        let target = u64::try_from(self.target_duration.as_nanos()).unwrap_or(u64::MAX).max(1);
        let cores = demand.occupancy.saturating_add(demand.queued).div_ceil(target);
        // A few long tasks do not ask for more threads than there are tasks; any task asks for one.
        let cores = cores.max(1).min(demand.n_tasks);
        let for_work = usize::try_from(cores.div_ceil(per_worker)).unwrap_or(usize::MAX);
        let (used, limit) = memory(workers);
        let is_full = limit != 0 && limit as f64 * MEMORY_TARGET < used as f64;
        let wanted = for_work.max(if is_full { 2 * n } else { 0 });
        // Only those go that do nothing, and of which the values have room elsewhere.
        let wanted = if wanted < n { wanted.max(n - self.idle(workers, n - wanted).len()) } else { wanted };
        wanted.clamp(self.minimum, self.maximum)
    }

    /// Up to `n` workers that may go: they have nothing to do and no actors, and the others have room for all values.
    fn idle<'a>(&self, workers: &'a [WorkerInfo], n: usize) -> Vec<&'a WorkerInfo> {
        let (used, mut limit) = memory(workers);
        let holds_values = workers.iter().any(|worker| worker.n_held != 0);
        let mut idle: Vec<&WorkerInfo> =
            workers.iter().filter(|worker| worker.n_processing == 0 && worker.n_actors == 0).collect();
        idle.sort_by_key(|worker| (worker.metrics.managed, worker.n_held, std::cmp::Reverse(worker.id)));
        let mut going = Vec::new();
        for worker in idle {
            let left = limit.saturating_sub(worker.memory_limit);
            let has_room = if limit == 0 { going.len() + 1 < workers.len() } else { used.saturating_mul(ROOM) <= left };
            if going.len() == n || (holds_values && !has_room) {
                break;
            }
            limit = left;
            going.push(worker);
        }
        going
    }
}

/// Bytes of values, and bytes that all workers may use together; 0 if any may use all it finds.
fn memory(workers: &[WorkerInfo]) -> (u64, u64) {
    let used = workers.iter().map(|worker| worker.metrics.managed + worker.metrics.spilled).sum();
    let is_limited = workers.iter().all(|worker| worker.memory_limit != 0);
    (used, if is_limited { workers.iter().map(|worker| worker.memory_limit).sum() } else { 0 })
}

/// What was decided so far.
#[derive(Clone, Debug)]
pub struct Adapter {
    settings: Adaptive,
    next: Duration,
    /// How often in a row a worker could have gone.
    could_go: BTreeMap<String, u32>,
}

impl Adapter {
    /// Before the first look.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub fn new(settings: Adaptive) -> Result<Self, DistError> {
        settings.check()?;
        Ok(Self { settings, next: Duration::ZERO, could_go: BTreeMap::new() })
    }

    /// When to ask again.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Looks, if it is time: `demand` is what the scheduler says, `started` the names of workers that were started and not
    /// retired, also of those that have not come yet.
    pub fn step(&mut self, now: Duration, demand: &Demand, started: &[String]) -> Advice {
        if now < self.next {
            return Advice::Stay;
        }
        self.next = now + self.settings.interval;
        let (wanted, n) = (self.settings.wanted(demand), started.len());
        if n <= wanted {
            self.could_go.clear();
            return if n < wanted { Advice::Start(wanted - n) } else { Advice::Stay };
        }
        let going = self.superfluous(n - wanted, demand, started);
        let before = std::mem::take(&mut self.could_go);
        let mut firm = Vec::new();
        for name in going {
            let count = before.get(&name).copied().unwrap_or(0).saturating_add(1);
            if count < self.settings.wait_count {
                self.could_go.insert(name, count);
            } else {
                firm.push(name);
            }
        }
        if firm.is_empty() { Advice::Stay } else { Advice::Retire(firm) }
    }

    /// Those not there yet first, then the idle; busy ones only if there are more than may be.
    fn superfluous(&self, n: usize, demand: &Demand, started: &[String]) -> Vec<String> {
        let there = |name: &String| demand.workers.iter().any(|worker| worker.name == *name);
        let mut going: Vec<String> = started.iter().filter(|name| !there(name)).take(n).cloned().collect();
        let present: Vec<WorkerInfo> =
            demand.workers.iter().filter(|worker| started.contains(&worker.name)).cloned().collect();
        let idle = self.settings.idle(&present, n - going.len());
        going.extend(idle.into_iter().map(|worker| worker.name.clone()));
        let n_over = started.len().saturating_sub(self.settings.maximum);
        if going.len() < n_over {
            let mut others: Vec<&WorkerInfo> = present.iter().filter(|worker| !going.contains(&worker.name)).collect();
            others.sort_by_key(|worker| (worker.n_actors, worker.n_processing, worker.n_held, worker.id));
            let more: Vec<String> =
                others.into_iter().take(n_over - going.len()).map(|worker| worker.name.clone()).collect();
            going.extend(more);
        }
        going
    }
}

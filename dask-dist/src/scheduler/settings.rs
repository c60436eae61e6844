//! What an operator may choose.

use std::time::Duration;

use super::MemoryManager;

/// The scheduler's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many workers may die under a task before it is given up.
    pub allowed_failures: u32,
    /// Root tasks given to a worker, as a multiple of its threads. More only if they are so short and small that
    /// the way to the worker would dominate.
    pub saturation: f64,
    /// Work to have in stock at a worker beyond that, for tasks that are short.
    pub prefill: Duration,
    /// No more tasks than this in stock, a thread.
    pub prefill_tasks_max: u32,
    /// Bytes that tasks in stock may make, as a share of the worker's memory.
    pub prefill_memory: f64,
    /// Tasks that are sent to the worker which makes their inputs before these are made, a thread; none if 0.
    pub ahead_max: u32,
    /// Root tasks are held back while a worker's values and what its tasks will make exceed this share of its memory.
    pub memory_target: f64,
    /// Assumed bytes a second between workers.
    pub bandwidth: f64,
    /// Assumed time for a request between workers, whatever its size.
    pub latency: Duration,
    /// A worker not heard of for so long is taken for dead.
    pub worker_ttl: Duration,
    /// A client not heard of for so long is taken for gone.
    pub client_ttl: Duration,
    /// Leases of semaphores and locks are free when their holder was not heard of for so long.
    pub lease_timeout: Duration,
    /// Bytes of one item in a variable, a queue or a message, at most: larger ones are for futures.
    pub item_max: u64,
    /// Copies that nobody asked for.
    pub memory_manager: MemoryManager,
    /// How long a task may wait for a worker that satisfies its demands before it is given up; forever if none.
    pub no_worker_timeout: Option<Duration>,
    /// How long after a restart published values may be brought back before they are given up.
    pub return_timeout: Duration,
    /// A task that runs for so long, and ten times longer than others of its layer, is reported; so are tasks that wait
    /// so long for what no worker has, or while no worker takes any. Again after as long.
    pub stuck_after: Duration,
    /// Tasks that the scheduler knows, at most: each takes some 200 to 300 bytes.
    pub tasks_max: u64,
    /// How to place tasks.
    pub placement: Placement,
    /// Check all invariants after every event: for tests.
    pub validate: bool,
}

/// How to choose a worker for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Where it can start first: what is there to do, and bytes to move.
    Locality,
    /// Any: a baseline.
    Random,
    /// Who has least to do, wherever the inputs are: a baseline.
    EarliestFree,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_failures: 3,
            saturation: 1.1,
            prefill: Duration::from_millis(4),
            prefill_tasks_max: 256,
            prefill_memory: 0.02,
            ahead_max: 64,
            memory_target: 0.6,
            bandwidth: 500e6,
            latency: Duration::from_micros(300),
            worker_ttl: Duration::from_secs(30),
            client_ttl: Duration::from_secs(60),
            lease_timeout: Duration::from_secs(30),
            item_max: 16 << 20,
            memory_manager: MemoryManager::default(),
            no_worker_timeout: None,
            return_timeout: Duration::from_secs(300),
            stuck_after: Duration::from_secs(60),
            tasks_max: 20_000_000,
            placement: Placement::Locality,
            validate: cfg!(debug_assertions) && cfg!(test),
        }
    }
}

//! CPU and memory of this process, sampled while computations run.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dask_core::{Error, Graph, Observer};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What the process used at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResourceSample {
    /// Since the profiler was made.
    pub time: Duration,
    /// Per cent of one core, over the last tens of milliseconds.
    pub cpu_percent: f32,
    /// Resident memory, in bytes.
    pub rss_nbytes: u64,
}

/// Samples CPU and resident memory of the process from the start of a computation to its end, and at both.
///
/// ```
/// use std::sync::Arc;
/// use dask_sched::diagnostics::ResourceProfiler;
/// let resources = Arc::new(ResourceProfiler::new());
/// let guard = dask_core::with_observer(resources.clone());
/// // … compute …
/// drop(guard);
/// assert!(resources.samples().is_empty());
/// ```
pub struct ResourceProfiler {
    interval: Duration,
    shared: Arc<Shared>,
    running: Mutex<Running>,
}

struct Shared {
    origin: Instant,
    samples: Mutex<Vec<ResourceSample>>,
    cpu: Mutex<Cpu>,
    over: Mutex<bool>,
    changed: Condvar,
}

/// How busy the process is, from the CPU time that it has used in all.
#[derive(Default)]
struct Cpu {
    /// The time of the last figure, and the CPU time used until then.
    last: Option<(Duration, Duration)>,
    percent: f32,
}

impl Cpu {
    /// Systems count CPU time in steps of 10 ms: over less than this, a step more or less would be most of the figure.
    const WINDOW: Duration = Duration::from_millis(40);

    /// Per cent of one core, at a time by which `used` was used.
    fn percent(&mut self, now: Duration, used: Duration) -> f32 {
        match self.last {
            Some((then, _)) if now.saturating_sub(then) < Self::WINDOW => {}
            Some((then, before)) => {
                self.percent = 100.0 * used.saturating_sub(before).as_secs_f32() / (now - then).as_secs_f32();
                self.last = Some((now, used));
            }
            None => self.last = Some((now, used)),
        }
        self.percent
    }
}

#[derive(Default)]
struct Running {
    n_runs: usize,
    sampler: Option<JoinHandle<()>>,
}

impl Default for ResourceProfiler {
    fn default() -> Self {
        Self::new()
    }
}

impl ResourceProfiler {
    /// Every 50 ms.
    pub fn new() -> Self {
        Self::every(Duration::from_millis(50))
    }

    /// At another interval.
    pub fn every(interval: Duration) -> Self {
        let shared = Shared {
            origin: Instant::now(),
            samples: Mutex::default(),
            cpu: Mutex::default(),
            over: Mutex::new(false),
            changed: Condvar::new(),
        };
        Self { interval, shared: Arc::new(shared), running: Mutex::default() }
    }

    /// The samples so far, by time.
    pub fn samples(&self) -> Vec<ResourceSample> {
        lock(&self.shared.samples).clone()
    }

    /// When its clock started.
    pub(super) fn origin(&self) -> Instant {
        self.shared.origin
    }

    fn end(&self) {
        *lock(&self.shared.over) = true;
        self.shared.changed.notify_all();
        if let Some(sampler) = lock(&self.running).sampler.take() {
            // The sampler panics nowhere; if it did, the samples end there.
            let _ = sampler.join();
        }
    }
}

impl Observer for ResourceProfiler {
    fn started(&self, _graph: &Graph) {
        let mut running = lock(&self.running);
        running.n_runs += 1;
        if running.sampler.is_none() {
            *lock(&self.shared.over) = false;
            let (shared, interval) = (self.shared.clone(), self.interval);
            let sampler = std::thread::Builder::new().name("dask-resources".into());
            // Without a thread there are no samples; the computation goes on.
            running.sampler = sampler.spawn(move || shared.sample(interval)).ok();
        }
    }

    fn done(&self, _graph: &Graph, _error: Option<&Error>) {
        let mut running = lock(&self.running);
        running.n_runs = running.n_runs.saturating_sub(1);
        let last = running.n_runs == 0;
        drop(running);
        if last {
            self.end();
        }
    }

    fn wants_sizes(&self) -> bool {
        false
    }
}

impl Drop for ResourceProfiler {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn sample(&self, interval: Duration) {
        let pid = Pid::from_u32(std::process::id());
        let mut system = System::new();
        loop {
            let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
            if let Some(process) = system.process(pid) {
                let time = self.origin.elapsed();
                lock(&self.samples).push(ResourceSample {
                    time,
                    cpu_percent: lock(&self.cpu).percent(time, Duration::from_millis(process.accumulated_cpu_time())),
                    rss_nbytes: process.memory(),
                });
            }
            let over = lock(&self.over);
            // `over` is looked at before the wait: the sample above was the last one.
            if *over {
                return;
            }
            drop(self.changed.wait_timeout_while(over, interval, |over| !*over));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Cpu;

    #[test]
    fn cpu_is_a_share_of_the_time_since_the_last_figure() {
        let ms = Duration::from_millis;
        let mut cpu = Cpu::default();
        let figures = [(0, 500), (50, 600), (60, 610), (150, 610), (250, 640)];
        let found = figures.map(|(now, used)| cpu.percent(ms(now), ms(used)).round());
        // The third is too soon after the second.
        assert_eq!(found, [0.0, 200.0, 200.0, 10.0, 30.0]);
    }
}

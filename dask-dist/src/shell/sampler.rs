//! What the threads of a worker are seen at, each time that its loop looks at the process: a profile by layer that costs
//! tasks two stores each, and needs neither signals nor symbols. Where the system does not tell, all is computing.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::protocol::ACTIVITIES;

/// A look that comes later than this counts no longer.
const LATE: Duration = Duration::from_millis(200);

/// Milliseconds at each of [`ACTIVITIES`].
type Spent = [u32; ACTIVITIES.len()];

/// The kind of layer of which a thread runs a task; 0 if of none, else the number and one.
#[derive(Clone, Debug, Default)]
pub(super) struct RunsNow(Arc<AtomicU32>);

impl RunsNow {
    pub(super) fn begins(&self, kind: Option<u32>) {
        self.0.store(kind.map_or(0, |kind| kind.saturating_add(1)), Ordering::Relaxed);
    }

    pub(super) fn ends(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A thread, as the system sees it.
struct Watched {
    now: RunsNow,
    stat: Option<File>,
    /// Ticks of processor time, for itself and in the system.
    ticks: (u64, u64),
}

impl Watched {
    /// Which of [`ACTIVITIES`] it is at.
    fn look(&mut self) -> usize {
        let Some((state, ticks)) = self.stat.as_ref().and_then(read).as_deref().and_then(parse) else { return 0 };
        let before = std::mem::replace(&mut self.ticks, ticks);
        match state {
            'D' => 3,
            'S' => 2,
            _ if ticks.0 - before.0.min(ticks.0) < ticks.1 - before.1.min(ticks.1) => 1,
            _ => 0,
        }
    }
}

/// What stands in a file of the system's, from its beginning.
#[cfg(unix)]
fn read(stat: &File) -> Option<String> {
    use std::os::unix::fs::FileExt;
    let mut text = [0; 1024];
    let n = stat.read_at(&mut text, 0).ok()?;
    Some(String::from_utf8_lossy(&text[..n]).into_owned())
}

#[cfg(not(unix))]
fn read(_: &File) -> Option<String> {
    None
}

/// The state, and ticks of processor time, in `/proc/PID/task/TID/stat`; the name before them may hold anything.
fn parse(text: &str) -> Option<(char, (u64, u64))> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some((fields.first()?.chars().next()?, (fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?)))
}

/// Looks at threads.
pub(super) struct Sampler {
    threads: Mutex<Vec<Watched>>,
    /// By kind of layer; and when it was last looked.
    spent: Mutex<(HashMap<u32, Spent>, Instant)>,
}

impl Sampler {
    pub(super) fn new() -> Self {
        Self { threads: Mutex::default(), spent: Mutex::new((HashMap::new(), Instant::now())) }
    }

    /// From now on the thread that calls this is looked at, until what is returned is dropped.
    pub(super) fn watch_this_thread(&self) -> RunsNow {
        let now = RunsNow::default();
        let stat = File::open("/proc/thread-self/stat").ok();
        let watched = Watched { now: now.clone(), stat, ticks: (0, 0) };
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        now
    }

    /// Looks at all threads that run tasks: what they are at now counts for the time since the last look.
    pub(super) fn look(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| 1 < Arc::strong_count(&thread.now.0));
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = std::mem::replace(&mut spent.1, Instant::now()).elapsed().min(LATE);
        for thread in threads.iter_mut() {
            if let Some(kind) = thread.now.0.load(Ordering::Relaxed).checked_sub(1) {
                spent.0.entry(kind).or_default()[thread.look()] += passed.as_millis() as u32;
            }
        }
    }

    /// What was seen since this was last asked, by kind of layer.
    pub(super) fn take(&self) -> Vec<(u32, Spent)> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut spent.0).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn names_of_threads_do_not_matter() {
        let text = "6315 (a) S (b) R 1 2 3 4 5 6 7 8 9 10 31 7 0 0 20 0";
        assert_eq!(parse(text), Some(('R', (31, 7))));
        assert_eq!(parse("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_computes_is_told_from_who_waits_and_who_ends_is_forgotten() {
        const EVERY: Duration = Duration::from_millis(20);
        let sampler = Arc::new(Sampler::new());
        let (ready, is_ready) = mpsc::channel();
        let (over, is_over) = mpsc::channel::<()>();
        let stop = Arc::new(AtomicU32::new(0));
        let busy = {
            let (sampler, stop, ready) = (sampler.clone(), stop.clone(), ready.clone());
            std::thread::spawn(move || {
                let now = sampler.watch_this_thread();
                now.begins(Some(4));
                ready.send(()).unwrap();
                while stop.load(Ordering::Relaxed) == 0 {}
                now.ends();
            })
        };
        let waiting = {
            let sampler = sampler.clone();
            std::thread::spawn(move || {
                let now = sampler.watch_this_thread();
                now.begins(Some(7));
                ready.send(()).unwrap();
                let _ = is_over.recv();
            })
        };
        (0..2).for_each(|_| is_ready.recv().unwrap());
        let mut all: HashMap<u32, Spent> = HashMap::new();
        let seen = |all: &HashMap<u32, Spent>, kind, at: usize| all.get(&kind).is_some_and(|spent| 60 <= spent[at]);
        while !(seen(&all, 4, 0) && seen(&all, 7, 2)) {
            std::thread::sleep(EVERY);
            sampler.look();
            for (kind, spent) in sampler.take() {
                all.entry(kind).or_default().iter_mut().zip(spent).for_each(|(sum, new)| *sum += new);
            }
        }
        stop.store(1, Ordering::Relaxed);
        drop(over);
        busy.join().unwrap();
        waiting.join().unwrap();
        sampler.look();
        assert!(sampler.threads.lock().unwrap().is_empty());
    }
}

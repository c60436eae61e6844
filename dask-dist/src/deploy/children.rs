//! The worker processes of a local cluster.

use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::watched::Watched;

/// How long a process whose input has ended may take to end too.
const PATIENCE: Duration = Duration::from_secs(2);

/// Those that were started, also those that have ended: the scheduler asks how.
#[derive(Clone, Default)]
pub(super) struct Children(Arc<Mutex<Vec<(Child, Watched)>>>);

impl Children {
    fn all(&self) -> MutexGuard<'_, Vec<(Child, Watched)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, child: Child, watched: Watched) {
        self.all().push((child, watched));
    }

    /// Those that live.
    pub(super) fn processes(&self) -> Vec<u32> {
        let mut all = self.all();
        all.iter_mut().filter_map(|(child, _)| status(child).is_none().then(|| child.id())).collect()
    }

    /// How one has ended, if it has and is one of these.
    pub(super) fn how_ended(&self, process: u32) -> Option<String> {
        let mut all = self.all();
        let (child, watched) = all.iter_mut().find(|(child, _)| child.id() == process)?;
        status(child).map(|status| watched.describe(status))
    }

    /// Those that have ended, and how.
    pub(super) fn ended(&self) -> Vec<(u32, String)> {
        let mut all = self.all();
        let ended = all.iter_mut().filter_map(|(child, watched)| Some((child.id(), watched.describe(status(child)?))));
        ended.collect()
    }

    /// Kills those that take more memory than they may.
    pub(super) fn kill_who_takes_too_much(&self) {
        for (child, watched) in self.all().iter_mut() {
            if status(child).is_none() && watched.takes_too_much() {
                // One that has just ended cannot be killed, nor need it be.
                drop(child.kill());
            }
        }
    }

    /// False if there is no such process, or none any more.
    pub(super) fn kill(&self, process: u32) -> bool {
        let mut all = self.all();
        let child = all.iter_mut().map(|(child, _)| child).find(|child| child.id() == process);
        child.is_some_and(|child| status(child).is_none() && child.kill().is_ok())
    }

    /// Ends all of them: those that are busy are not waited for.
    pub(super) fn end(&self) {
        let mut all = self.all();
        // They end when their input does.
        all.iter_mut().for_each(|(child, _)| drop(child.stdin.take()));
        for (child, _) in all.iter_mut() {
            let start = Instant::now();
            while status(child).is_none() && start.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn status(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().ok().flatten()
}

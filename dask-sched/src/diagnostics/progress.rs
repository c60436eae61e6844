//! A progress bar on the terminal.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dask_core::{Error, Graph, Observer, Progress, TaskId};
use indicatif::{ProgressBar as Bar, ProgressDrawTarget, ProgressStyle};

/// Shows how many tasks have run and how long the rest will take; on standard error, only if that is a terminal. On a
/// cluster too, as an observer of a computation or of futures (`Client::watch`).
pub struct ProgressBar {
    forced: bool,
    bar: Mutex<Option<Bar>>,
}

impl Default for ProgressBar {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgressBar {
    /// Shown on a terminal only.
    pub fn new() -> Self {
        Self { forced: false, bar: Mutex::new(None) }
    }

    /// Shown wherever standard error goes.
    pub fn forced() -> Self {
        Self { forced: true, bar: Mutex::new(None) }
    }

    fn bar(&self) -> MutexGuard<'_, Option<Bar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, n_tasks: u64) -> Option<Bar> {
        if !self.forced && !std::io::stderr().is_terminal() {
            return None;
        }
        let bar = Bar::with_draw_target(Some(n_tasks), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} tasks  {elapsed} elapsed, {eta} to go") {
            bar.set_style(style);
        }
        Some(bar)
    }
}

impl Observer for ProgressBar {
    fn started(&self, graph: &Graph) {
        *self.bar() = self.draw(graph.n_tasks() as u64);
    }

    fn task_finished(&self, _graph: &Graph, _task: TaskId, _worker: usize, _nbytes: usize) {
        if let Some(bar) = &*self.bar() {
            bar.inc(1);
        }
    }

    fn progressed(&self, progress: Progress) {
        let mut shown = self.bar();
        if shown.is_none() {
            *shown = self.draw(progress.all);
        }
        let Some(bar) = &*shown else { return };
        bar.set_length(progress.all);
        bar.set_position(progress.ended);
        if progress.is_over {
            if progress.failed == 0 {
                bar.finish();
            } else {
                bar.abandon();
            }
            *shown = None;
        }
    }

    fn done(&self, _graph: &Graph, error: Option<&Error>) {
        if let Some(bar) = self.bar().take() {
            if error.is_some() { bar.abandon() } else { bar.finish() }
        }
    }

    fn wants_sizes(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_work_on_a_cluster_and_ends_with_it() {
        let bar = ProgressBar::forced();
        let told = |ended, all, is_over| bar.progressed(Progress { ended, failed: 0, all, is_over });
        let shown = || bar.bar().as_ref().map(|bar| (bar.position(), bar.length()));
        told(3, 10, false);
        assert_eq!(shown(), Some((3, Some(10))));
        told(5, 12, false);
        assert_eq!(shown(), Some((5, Some(12))), "work may grow");
        told(12, 12, true);
        assert_eq!(shown(), None);
    }
}

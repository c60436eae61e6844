//! A progress bar on the terminal.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use dask_core::{Error, Graph, Observer, TaskId};
use indicatif::{ProgressBar as Bar, ProgressDrawTarget, ProgressStyle};

/// Shows how many tasks have run and how long the rest will take; on standard error, only if that is a terminal.
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
}

impl Observer for ProgressBar {
    fn started(&self, graph: &Graph) {
        if !self.forced && !std::io::stderr().is_terminal() {
            return;
        }
        let bar = Bar::with_draw_target(Some(graph.n_tasks() as u64), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} tasks  {elapsed} elapsed, {eta} to go") {
            bar.set_style(style);
        }
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn task_finished(&self, _graph: &Graph, _task: TaskId, _worker: usize, _nbytes: usize) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(1);
        }
    }

    fn done(&self, _graph: &Graph, error: Option<&Error>) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            if error.is_some() { bar.abandon() } else { bar.finish() }
        }
    }

    fn wants_sizes(&self) -> bool {
        false
    }
}

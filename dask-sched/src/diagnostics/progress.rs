//! A progress bar on the terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dask_core::{Error, Graph, Observer, Progress, TaskId};
use indicatif::{ProgressBar as Bar, ProgressDrawTarget, ProgressStyle, TermLike};

/// Shows how many tasks have run and how long the rest will take; on standard error, only if that is a terminal. On a
/// cluster too, as an observer of a computation or of futures (`Client::watch`).
///
/// Computations that run at the same time, one inside a task of the other say, are one bar: of all their tasks.
pub struct ProgressBar {
    /// Where bars are drawn, made anew for each; none for nowhere.
    target: Box<dyn Fn() -> Option<ProgressDrawTarget> + Send + Sync>,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    /// From the first computation that starts to the last that ends.
    bar: Option<Bar>,
    n_runs: usize,
    failed: bool,
}

impl Shown {
    /// Ends the bar, unless a computation still runs.
    fn end_after_the_last(&mut self) {
        if self.n_runs > 0 {
            return;
        }
        if let Some(bar) = self.bar.take() {
            // What is left of a run that stopped takes no time any more.
            set_style(&bar, if self.failed { ", stopped" } else { "" });
            if self.failed {
                bar.abandon();
            } else {
                bar.finish();
            }
        }
    }
}

impl Default for ProgressBar {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgressBar {
    /// Shown on a terminal only.
    pub fn new() -> Self {
        Self::on(|| io::stderr().is_terminal().then(on_terminal))
    }

    /// Shown wherever standard error goes: if that is no terminal, as lines of text, about one a second.
    pub fn forced() -> Self {
        Self::on(|| Some(if io::stderr().is_terminal() { on_terminal() } else { as_lines(io::stderr()) }))
    }

    fn on(target: impl Fn() -> Option<ProgressDrawTarget> + Send + Sync + 'static) -> Self {
        Self { target: Box::new(target), shown: Mutex::default() }
    }

    fn draw(&self, shown: &mut Shown, n_tasks: u64) {
        if let Some(target) = (self.target)() {
            let bar = Bar::with_draw_target(Some(n_tasks), target);
            set_style(&bar, ", {eta} to go");
            (shown.bar, shown.failed) = (Some(bar), false);
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for ProgressBar {
    fn started(&self, graph: &Graph) {
        let mut shown = self.shown();
        shown.n_runs += 1;
        let n_tasks = graph.n_tasks() as u64;
        if let Some(bar) = &shown.bar {
            bar.inc_length(n_tasks);
        } else {
            self.draw(&mut shown, n_tasks);
        }
    }

    fn task_finished(&self, _graph: &Graph, _task: TaskId, _worker: usize, _nbytes: usize) {
        if let Some(bar) = &self.shown().bar {
            bar.inc(1);
        }
    }

    fn done(&self, _graph: &Graph, error: Option<&Error>) {
        let mut shown = self.shown();
        shown.n_runs = shown.n_runs.saturating_sub(1);
        shown.failed |= error.is_some();
        shown.end_after_the_last();
    }

    fn progressed(&self, progress: Progress) {
        let mut shown = self.shown();
        if shown.bar.is_none() {
            self.draw(&mut shown, progress.all);
        }
        let Some(bar) = &shown.bar else { return };
        bar.set_length(progress.all);
        bar.set_position(progress.ended);
        if progress.is_over {
            shown.failed |= progress.failed > 0;
            shown.end_after_the_last();
        }
    }

    fn wants_sizes(&self) -> bool {
        false
    }
}

fn set_style(bar: &Bar, rest: &str) {
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} tasks  {{elapsed}} elapsed{rest}"))
    {
        bar.set_style(style);
    }
}

fn on_terminal() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(10)
}

fn as_lines(to: impl Write + Send + Sync + std::fmt::Debug + 'static) -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Lines(Mutex::new(Written { to, line: String::new() }))), 1)
}

/// A terminal without a cursor: each drawing is a line.
#[derive(Debug)]
struct Lines<W>(Mutex<Written<W>>);

#[derive(Debug)]
struct Written<W> {
    to: W,
    /// What has been drawn since the last flush.
    line: String,
}

impl<W: Write + Send + Sync + std::fmt::Debug> TermLike for Lines<W> {
    fn width(&self) -> u16 {
        120
    }
    fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.flush()
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).line.push_str(text);
        Ok(())
    }
    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = std::mem::take(&mut written.line);
        match line.trim_end() {
            "" => Ok(()),
            line => writeln!(written.to, "{line}"),
        }
    }
}

#[cfg(test)]
mod tests;

//! What stands on the terminal.

use std::process::{Command, Stdio};
use std::sync::Arc;

use dask_core::layer::{Materialized, SELF};
use dask_core::{Call, LayerGraph, LayerRef, RunContext, Scheduler, TaskError, TaskFn, Value};
use indicatif::InMemoryTerm;

use super::*;
use crate::{SyncScheduler, ThreadedScheduler};

/// Returns nothing, takes its time, computes, or fails.
#[derive(serde::Serialize, serde::Deserialize)]
enum Step {
    Nothing,
    Slow,
    Computes,
    Fails,
}

impl TaskFn for Step {
    fn run(&self, _call: Call<'_>) -> Result<Value, TaskError> {
        match self {
            Self::Nothing => {}
            Self::Slow => std::thread::sleep(std::time::Duration::from_millis(50)),
            Self::Computes => run(&SyncScheduler, [Self::Nothing, Self::Nothing], &RunContext::current())?,
            Self::Fails => return Err("as it was told".into()),
        }
        Ok(Value::new(()))
    }
}
dask_core::portable!(Step as dyn TaskFn = "sched.test.progress");

/// One task after the other.
fn run<const N: usize>(scheduler: &dyn Scheduler, steps: [Step; N], context: &RunContext) -> dask_core::Result<()> {
    let mut layer = Materialized::new("step".into(), &[N as u32], vec![]);
    for (i, step) in steps.into_iter().enumerate() {
        let before: Vec<_> = i.checked_sub(1).map(|before| (SELF, before as u32)).into_iter().collect();
        layer.push(Arc::new(step), &before);
    }
    let layer = LayerRef::new(layer, vec![]);
    scheduler.run(&LayerGraph::new([&layer])?, &layer.keys()[N - 1..], context).map(drop)
}

/// A bar that is drawn at every change, and what was seen when each task had finished.
struct Seen {
    terminal: InMemoryTerm,
    screens: Arc<Screens>,
    context: RunContext,
}

struct Screens(InMemoryTerm, Mutex<Vec<String>>);

impl Observer for Screens {
    fn task_finished(&self, _graph: &Graph, _task: TaskId, _worker: usize, _nbytes: usize) {
        self.1.lock().unwrap().push(self.0.contents());
    }
}

impl Seen {
    fn new() -> Self {
        let terminal = InMemoryTerm::new(4, 100);
        let drawn_on = terminal.clone();
        let bar = ProgressBar::on(move || Some(ProgressDrawTarget::term_like(Box::new(drawn_on.clone()))));
        let screens = Arc::new(Screens(terminal.clone(), Mutex::default()));
        let context = RunContext::default().with_observer(Arc::new(bar)).with_observer(screens.clone());
        Self { terminal, screens, context }
    }

    fn screens(&self) -> Vec<String> {
        self.screens.1.lock().unwrap().clone()
    }
}

/// How much of the bar is filled, tasks done of how many, and what is said of the rest.
fn parts(screen: &str) -> (usize, &str, &str) {
    let filled = screen.chars().filter(|&c| c == '█').count();
    let (_, tail) = screen.split_once("░ ").or_else(|| screen.rsplit_once("█ ")).expect(screen);
    let (done, times) = tail.split_once(" tasks  ").expect(screen);
    let (elapsed, rest) = times.split_once(" elapsed").expect(screen);
    assert!(elapsed.ends_with('s') && elapsed.trim_end_matches('s').parse::<u32>().is_ok(), "{screen}");
    (filled, done, rest)
}

#[test]
fn the_bar_fills_with_each_task_and_says_what_is_left() {
    for scheduler in [&SyncScheduler as &dyn Scheduler, &ThreadedScheduler::new(2)] {
        let seen = Seen::new();
        run(scheduler, [Step::Nothing, Step::Nothing, Step::Nothing, Step::Nothing], &seen.context).unwrap();
        let screens = seen.screens();
        let bars: Vec<_> = screens.iter().map(|screen| parts(screen)).map(|(filled, done, _)| (filled, done)).collect();
        assert_eq!(bars, [(10, "1/4"), (20, "2/4"), (30, "3/4"), (40, "4/4")], "{screens:?}");
        assert!(screens.iter().all(|screen| parts(screen).2.ends_with("s to go")), "{screens:?}");
        assert_eq!(parts(&seen.terminal.contents()), (40, "4/4", ""));
    }
}

#[test]
fn what_is_left_is_guessed_by_what_was_done() {
    let seen = Seen::new();
    let stop = Arc::new(StopAfter(3, seen.context.cancel.clone()));
    let context = seen.context.clone().with_observer(stop);
    let error = run(&SyncScheduler, [const { Step::Slow }; 1000], &context).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    // Each takes 50 ms at least, and 997 are left.
    let screens = seen.screens();
    let (_, done, rest) = parts(&screens[2]);
    assert_eq!(done, "3/1000");
    let to_go = rest.strip_prefix(", ").and_then(|rest| rest.strip_suffix(" to go")).unwrap();
    let n_seconds = to_go.strip_suffix('s').map(|n| n.parse::<u32>().unwrap());
    assert!(n_seconds.map_or_else(|| to_go.ends_with('m'), |n| n >= 30), "{screens:?}");
}

/// Cancels when so many tasks have finished.
struct StopAfter(u32, dask_core::CancelToken);

impl Observer for StopAfter {
    fn task_finished(&self, _graph: &Graph, task: TaskId, _worker: usize, _nbytes: usize) {
        if task.0 + 1 == self.0 {
            self.1.cancel();
        }
    }
}

#[test]
fn a_failure_leaves_the_bar_where_it_was() {
    let seen = Seen::new();
    run(&SyncScheduler, [Step::Nothing, Step::Fails, Step::Nothing, Step::Nothing], &seen.context).unwrap_err();
    let screen = seen.terminal.contents();
    assert_eq!(parts(&screen), (10, "1/4", ", stopped"));
    // The next computation begins a bar of its own, beneath.
    run(&SyncScheduler, [Step::Nothing, Step::Nothing], &seen.context).unwrap();
    assert!(seen.terminal.contents().contains("2/2 tasks"), "{}", seen.terminal.contents());
}

#[test]
fn what_is_computed_inside_a_task_belongs_to_the_bar() {
    let seen = Seen::new();
    run(&SyncScheduler, [Step::Nothing, Step::Computes, Step::Nothing], &seen.context).unwrap();
    let screens = seen.screens();
    let done: Vec<&str> = screens.iter().map(|screen| parts(screen).1).collect();
    assert_eq!(done, ["1/3", "2/5", "3/5", "4/5", "5/5"]);
}

const CHILD: &str = "SCHED_TEST_PROGRESS";

/// What the child does; nothing in an ordinary run.
#[test]
fn child() {
    let Ok(which) = std::env::var(CHILD) else { return };
    let bar = if which == "forced" { ProgressBar::forced() } else { ProgressBar::new() };
    let context = RunContext::default().with_observer(Arc::new(bar));
    run(&SyncScheduler, [Step::Nothing, Step::Nothing, Step::Nothing, Step::Nothing], &context).unwrap();
}

/// What a bar writes to a standard error that is no terminal.
fn piped(which: &str) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["diagnostics::progress::tests::child", "--exact", "--nocapture"])
        .env(CHILD, which)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(child.status.success());
    String::from_utf8(child.stderr).unwrap()
}

#[test]
fn without_a_terminal_there_is_no_bar_unless_it_is_forced() {
    assert_eq!(piped("new"), "");
    let lines = piped("forced");
    let last = lines.lines().last().unwrap();
    assert_eq!(parts(last), (40, "4/4", ""), "{lines}");
    assert!(!lines.contains('\x1b') && !lines.contains('\r'), "{lines:?}");
}

#[test]
fn it_follows_work_on_a_cluster_and_ends_with_it() {
    let bar = ProgressBar::forced();
    let told = |ended, all, is_over| bar.progressed(Progress { ended, failed: 0, all, is_over });
    let shown = || bar.shown().bar.as_ref().map(|bar| (bar.position(), bar.length()));
    told(3, 10, false);
    assert_eq!(shown(), Some((3, Some(10))));
    told(5, 12, false);
    assert_eq!(shown(), Some((5, Some(12))), "work may grow");
    told(12, 12, true);
    assert_eq!(shown(), None);
}

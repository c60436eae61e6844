//! Computations inside tasks: stopped, watched and configured as the run around them, on whatever thread.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::ThreadId;

use dask_core::delayed::{call, try_call};
use dask_core::{
    CancelToken, Collection, Delayed, Error, Graph, Observer, RunContext, Scheduler, TaskId, compute, config,
    current_observers, current_scheduler, with_cancel, with_observer, with_scheduler,
};
use dask_sched::diagnostics::Profiler;
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};

/// Schedulers with two threads.
fn with_threads() -> Vec<Arc<dyn Scheduler>> {
    vec![
        Arc::new(ThreadedScheduler::new(2)),
        #[cfg(feature = "rayon")]
        Arc::new(InPool(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap())),
    ]
}

/// The rayon scheduler in a pool of its own.
#[cfg(feature = "rayon")]
struct InPool(rayon::ThreadPool);

#[cfg(feature = "rayon")]
impl Scheduler for InPool {
    fn run(
        &self,
        graph: &dask_core::LayerGraph,
        outputs: &[dask_core::Key],
        context: &RunContext,
    ) -> dask_core::Result<Vec<dask_core::Value>> {
        // The pool's threads know nothing of the guards of this one.
        let scope = dask_core::RunScope::of(context);
        self.0.install(|| {
            let _inside = scope.enter();
            dask_sched::RayonScheduler.run(graph, outputs, context)
        })
    }
    fn name(&self) -> &'static str {
        "rayon"
    }
}

/// What two tasks find, each on a thread of its own: both are there before either goes on.
fn on_two_threads<T, F>(scheduler: &dyn Scheduler, context: &RunContext, look: F) -> dask_core::Result<Vec<T>>
where
    T: Clone + dask_core::Data,
    F: Fn() -> dask_core::Result<T> + Clone + Send + Sync + 'static,
{
    let (both, threads) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(HashSet::<ThreadId>::new())));
    let task = |_| {
        let (both, threads, look) = (both.clone(), threads.clone(), look.clone());
        let run = move || {
            both.wait();
            threads.lock().unwrap().insert(std::thread::current().id());
            look()
        };
        try_call(run, ())
    };
    let tasks: Vec<Delayed<T>> = (0..2).map(task).collect();
    let found = tasks.compute_with(scheduler, context);
    assert_eq!(threads.lock().unwrap().len(), 2);
    found
}

#[test]
fn a_cancel_reaches_what_tasks_compute_on_every_thread() {
    for scheduler in with_threads() {
        let token = CancelToken::new();
        let n_inside = Arc::new(AtomicUsize::new(0));
        let goes_on = Arc::new(AtomicBool::new(false));
        let (inside, late, waits_for) = (n_inside.clone(), goes_on.clone(), token.clone());
        let look = move || {
            let (inside, late, waits_for) = (inside.clone(), late.clone(), waits_for.clone());
            let first = call(
                move || {
                    // The second to come here cancels both.
                    if inside.fetch_add(1, Ordering::SeqCst) == 1 {
                        waits_for.cancel();
                    }
                    while !waits_for.is_cancelled() {
                        std::thread::yield_now();
                    }
                    0i64
                },
                (),
            );
            let second = first.map(move |x| {
                late.store(true, Ordering::SeqCst);
                x
            });
            // As it stands: fused, it would be one task.
            let graph = dask_core::LayerGraph::new(&second.layers())?;
            SyncScheduler.run(&graph, &second.keys(), &RunContext::current())?;
            Ok(0i64)
        };
        let context = RunContext::default().with_cancel(token);
        let error = on_two_threads(&*scheduler, &context, look).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{}: {error}", scheduler.name());
        assert_eq!(n_inside.load(Ordering::SeqCst), 2);
        assert!(!goes_on.load(Ordering::SeqCst), "{}: an inner computation went on", scheduler.name());
    }
}

/// Counts what it is told.
#[derive(Default)]
struct Told {
    n_runs: AtomicUsize,
    n_tasks: AtomicUsize,
    n_done: AtomicUsize,
}

impl Observer for Told {
    fn started(&self, _graph: &Graph) {
        self.n_runs.fetch_add(1, Ordering::SeqCst);
    }
    fn task_finished(&self, _graph: &Graph, _task: TaskId, _worker: usize, _nbytes: usize) {
        self.n_tasks.fetch_add(1, Ordering::SeqCst);
    }
    fn done(&self, _graph: &Graph, _error: Option<&Error>) {
        self.n_done.fetch_add(1, Ordering::SeqCst);
    }
}

impl Told {
    fn all(&self) -> [usize; 3] {
        [&self.n_runs, &self.n_tasks, &self.n_done].map(|n| n.load(Ordering::SeqCst))
    }
}

fn one() -> i64 {
    1
}

/// Computes three tasks; nothing is captured, so that it can travel.
fn three() -> dask_core::Result<i64> {
    let parts: Vec<Delayed<i64>> = (0..3).map(|_| call(one, ())).collect();
    Ok(compute(parts)?.into_iter().sum())
}

#[test]
fn an_observer_sees_what_tasks_compute_on_every_thread() {
    dask_sched::install();
    for scheduler in with_threads() {
        let told = Arc::new(Told::default());
        let context = RunContext::default().with_observer(told.clone());
        assert_eq!(on_two_threads(&*scheduler, &context, three).unwrap(), [3, 3]);
        assert_eq!(told.all(), [3, 2 + 2 * 3, 3], "{}", scheduler.name());
    }
    for scheduler in [&SyncScheduler as &dyn Scheduler, &RoundTripScheduler] {
        let told = Arc::new(Told::default());
        let context = RunContext::default().with_observer(told.clone());
        let tasks: Vec<Delayed<i64>> = (0..2).map(|_| try_call(three, ())).collect();
        assert_eq!(tasks.compute_with(scheduler, &context).unwrap(), [3, 3]);
        assert_eq!(told.all(), [3, 2 + 2 * 3, 3], "{}", scheduler.name());
    }
}

/// What a task finds where it runs: its scheduler, a setting, the number of observers.
#[derive(Debug, Clone, PartialEq)]
struct Surroundings(&'static str, String, usize);
impl dask_core::Data for Surroundings {}

fn surroundings() -> Surroundings {
    let pause = config::text("distributed.worker.memory.pause").unwrap();
    Surroundings(current_scheduler().unwrap().name(), pause, current_observers().len())
}

#[test]
fn guards_of_the_caller_hold_inside_tasks_and_not_after() {
    dask_sched::install();
    let usual = surroundings();
    for scheduler in with_threads() {
        for fails in [false, true] {
            let guards = (
                with_scheduler(Arc::new(RoundTripScheduler)),
                config::set([("distributed.worker.memory.pause", "0.71")]),
                with_observer(Arc::new(Told::default())),
            );
            let inside = Surroundings("round-trip", "0.71".to_owned(), 1);
            let found = on_two_threads(&*scheduler, &RunContext::current(), move || {
                assert!(!fails, "as it was told");
                Ok(surroundings())
            });
            match found {
                Ok(found) => assert_eq!(found, [inside.clone(), inside]),
                Err(error) => assert!(fails && error.to_string().contains("as it was told"), "{error}"),
            }
            drop(guards);
            let found = on_two_threads(&*scheduler, &RunContext::current(), || Ok(surroundings())).unwrap();
            assert_eq!(found, [usual.clone(), usual.clone()], "{}", scheduler.name());
            assert_eq!(surroundings(), usual);
        }
    }
}

#[test]
fn a_run_inside_a_run_has_its_own_scope_and_gives_back_the_outer_one() {
    // A thread of rayon that waits for an inner run takes up tasks of any other.
    for scheduler in with_threads() {
        let outer = CancelToken::new();
        let (outer_token, inner_scheduler) = (outer.clone(), scheduler.clone());
        let runs_in = |token: &CancelToken| RunContext::current().cancel.is_same(token);
        let task = move || {
            let inner = CancelToken::new();
            assert!(runs_in(&outer_token), "before");
            let parts: Vec<Delayed<bool>> = (0..20)
                .map(|_| {
                    let inner = inner.clone();
                    call(
                        move || {
                            std::thread::yield_now();
                            runs_in(&inner)
                        },
                        (),
                    )
                })
                .collect();
            let context = RunContext::current().with_cancel(inner);
            let found = parts.compute_with(&*inner_scheduler, &context).unwrap();
            assert!(runs_in(&outer_token), "after");
            let fails = call(|| -> bool { panic!("as it was told") }, ());
            fails.compute_with(&*inner_scheduler, &context).unwrap_err();
            assert!(runs_in(&outer_token), "after a panic");
            found.into_iter().all(|is_inner| is_inner)
        };
        let tasks: Vec<Delayed<bool>> = (0..100).map(|_| call(task.clone(), ())).collect();
        let found = tasks.compute_with(&*scheduler, &RunContext::default().with_cancel(outer)).unwrap();
        assert!(found.into_iter().all(|all| all), "{}", scheduler.name());
    }
}

#[test]
fn a_failure_of_an_inner_run_that_somebody_else_cancelled_is_the_tasks() {
    let inner = || {
        let token = CancelToken::new();
        token.cancel();
        let _cancelled = with_cancel(token);
        three()
    };
    for scheduler in with_threads() {
        let _inner = with_scheduler(Arc::new(SyncScheduler));
        let error = on_two_threads(&*scheduler, &RunContext::default(), inner).unwrap_err();
        assert!(matches!(error, Error::Task { .. }), "{error:?}");
    }
}

/// Some bytes.
#[derive(Clone)]
struct Bytes(usize);
impl dask_core::Data for Bytes {
    fn nbytes(&self) -> usize {
        self.0
    }
}

#[test]
fn a_profiler_tells_runs_apart() {
    let _sync = with_scheduler(Arc::new(SyncScheduler));
    let profiler = Arc::new(Profiler::new());
    let guard = with_observer(profiler.clone());
    let total = call(|| Bytes(1000), ()).and_then(|Bytes(n)| {
        let parts: Vec<Delayed<Bytes>> = (0..3).map(|_| call(|| Bytes(100), ())).collect();
        let made: usize = compute(parts)?.into_iter().map(|Bytes(n)| n).sum();
        Ok::<_, Error>(Bytes(n + made))
    });
    // As it stands: fused, it would be one task.
    let graph = dask_core::LayerGraph::new(&total.layers()).unwrap();
    let values = SyncScheduler.run(&graph, &total.keys(), &RunContext::current()).unwrap();
    assert_eq!(values[0].get::<Bytes>().unwrap().0, 1300);
    drop(guard);
    // 1000 made, three times 100 inside, the inner run over, 1300 made and 1000 dropped, all over.
    let bytes: Vec<usize> = profiler.memory().into_iter().map(|(_, nbytes)| nbytes).collect();
    assert_eq!(bytes, [1000, 1100, 1200, 1300, 1000, 0, 1300, 0]);
    let runs: Vec<(usize, usize)> = profiler.tasks().into_iter().map(|task| (task.run, task.nbytes)).collect();
    assert_eq!(runs, [(0, 1000), (1, 100), (1, 100), (1, 100), (0, 1300)]);
}

#[test]
fn a_plan_that_runs_twice_at_once_is_counted_twice() {
    let value = call(|| Bytes(10), ());
    let graph = dask_core::LayerGraph::new(&value.layers()).unwrap();
    let plan = dask_core::Plan::new(&graph, &value.keys()).unwrap();
    let profiler = Profiler::new();
    (0..2).for_each(|_| profiler.started(&plan.graph));
    (0..2).for_each(|_| profiler.task_finished(&plan.graph, TaskId(0), 0, 10));
    profiler.done(&plan.graph, None);
    assert_eq!(profiler.memory().last().unwrap().1, 20);
    profiler.done(&plan.graph, None);
    assert_eq!((profiler.memory().last().unwrap().1, profiler.peak_nbytes()), (0, 20));
}

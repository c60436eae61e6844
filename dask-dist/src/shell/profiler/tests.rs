//! Threads that are looked at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use super::*;

/// A task that goes on until it is told to stop.
struct Goes<'a> {
    stop: &'a AtomicBool,
    depth: u32,
}

impl Portable for Goes<'_> {
    fn wire_name(&self) -> &'static str {
        "test.goes"
    }

    fn encode(&self, _: &mut Encoder) -> Result<(), WireError> {
        unreachable!("it stays here")
    }
}

impl TaskFn for Goes<'_> {
    fn run(&self, _: Call<'_>) -> Result<Value, TaskError> {
        Ok(Value::new(outer(self.stop, self.depth)))
    }
}

#[inline(never)]
fn outer(stop: &AtomicBool, depth: u32) -> u64 {
    std::hint::black_box(if depth == 0 { inner_spin(stop) } else { outer(stop, depth - 1) + 1 })
}

#[inline(never)]
fn inner_spin(stop: &AtomicBool) -> u64 {
    let mut n = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        n = std::hint::black_box(n.wrapping_mul(31) + 7);
    }
    std::hint::black_box(n)
}

/// What is seen of a task of kind 5 that calls itself so often before it goes on: functions by their callers.
fn seen(depth: u32, is_enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    let profiler = Profiler::start(Duration::from_millis(1)).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let thread = profiler.watch_this_thread().unwrap();
            let goes = Goes { stop: &stop, depth };
            thread.watched(&goes, 5, |goes| goes.run(Call::new(&[], &mut [])).map(drop)).unwrap();
        });
        loop {
            std::thread::sleep(Duration::from_millis(20));
            let Profile { functions, layers } = profiler.take();
            let Some(layer) = layers.first() else { continue };
            assert_eq!((layers.len(), layer.kind), (1, 5));
            let mut paths: Vec<String> = vec![String::new()];
            for call in &layer.calls {
                paths.push(format!("{}/{}", paths[call.caller as usize], functions[call.function as usize]));
            }
            if is_enough(&paths) {
                stop.store(true, Ordering::Relaxed);
                return paths;
            }
        }
    })
}

#[test]
fn a_stack_begins_with_the_task_and_ends_where_it_is() {
    let goes = format!("<{0}::Goes as dask_core::task::TaskFn>::run", module_path!());
    let expected = format!("/{goes}/{0}::outer/{0}::outer/{0}::inner_spin", module_path!());
    let paths = seen(1, |paths| paths.iter().any(|path| path.starts_with(&expected)));
    // Whoever calls tasks is never seen.
    assert!(paths.iter().all(|path| path.is_empty() || path.starts_with(&format!("/{goes}"))), "{paths:#?}");
}

#[test]
fn of_deep_stacks_the_innermost_functions_are_seen() {
    let spin = format!("{}::inner_spin", module_path!());
    let paths = seen(1000, |paths| paths.iter().any(|path| path.contains(&spin)));
    let path = paths.iter().find(|path| path.contains(&spin)).unwrap();
    assert!(path.starts_with("/…/") && path.matches('/').count() > 55, "{path}");
}

#[test]
fn what_sleeps_is_not_woken_and_threads_that_end_are_forgotten() {
    let profiler = Profiler::start(Duration::from_millis(1)).unwrap();
    let (over, is_over) = mpsc::channel::<()>();
    struct Waits(Mutex<mpsc::Receiver<()>>);
    impl Portable for Waits {
        fn wire_name(&self) -> &'static str {
            "test.waits"
        }
        fn encode(&self, _: &mut Encoder) -> Result<(), WireError> {
            unreachable!("it stays here")
        }
    }
    impl TaskFn for Waits {
        fn run(&self, _: Call<'_>) -> Result<Value, TaskError> {
            let start = Instant::now();
            std::thread::sleep(Duration::from_millis(100));
            assert!(Duration::from_millis(100) <= start.elapsed());
            // A channel that is closed, not a wait that was broken off.
            Ok(Value::new(locked(&self.0).recv() == Err(mpsc::RecvError)))
        }
    }
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let (thread, waits) = (profiler.watch_this_thread().unwrap(), Waits(Mutex::new(is_over)));
            let result = thread.watched(&waits, 0, |waits| waits.run(Call::new(&[], &mut [])));
            result.unwrap().get::<bool>().copied().unwrap()
        });
        while profiler.take().layers.is_empty() {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(over);
        assert!(waits.join().unwrap());
    });
    while !locked(&profiler.0.threads).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_told_is_bounded_and_no_time_is_lost() {
    let (mut seen, mut known) = (Seen::default(), Names::default());
    let stack = |n: u64| Stack { addresses: (0..40).map(|i| i * n).collect(), is_whole: true };
    for n in 1..=500 {
        seen.count(1, 10, &stack(n), &mut known, |address, names| {
            names.number(&format!("f{address}"), usize::MAX).into_iter().collect::<Vec<_>>().into()
        });
    }
    let Profile { functions, layers } = seen.tell(&known);
    let [LayerCalls { kind: 1, calls, cut }] = &layers[..] else { panic!("{layers:?}") };
    assert!(calls.len() <= CALLS_MAX && functions.len() <= calls.len(), "{}", calls.len());
    // The scheduler is told of all of it.
    let (mut names, mut tree) = (Names::default(), CallTree::default());
    let numbers: Vec<_> = functions.iter().map(|name| names.number(name, usize::MAX)).collect();
    tree.merge(calls, *cut, &numbers);
    assert_eq!(tree.totals()[0], 5000);
    assert!(0 < tree.cut() && tree.cut() <= 5000, "{}", tree.cut());
    // Without any name, too.
    seen.count(2, 7, &stack(1), &mut known, |_, _| Arc::default());
    let Profile { layers, .. } = seen.tell(&known);
    let mut tree = CallTree::default();
    tree.merge(&layers[0].calls, layers[0].cut, &[]);
    assert_eq!((tree.totals(), tree.cut()), (vec![7], 7));
    assert!(seen.tell(&known).layers.is_empty());
}

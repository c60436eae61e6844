//! What observers see, and the page that shows it.

use std::sync::Arc;

use dask_core::{RunContext, Scheduler};
use dask_sched::diagnostics::{Profiler, Report};
use dask_sched::{RoundTripScheduler, SyncScheduler, ThreadedScheduler};

use crate::functions::{Step, graph, layer};

#[test]
fn every_scheduler_tells_of_every_task() {
    let layer =
        layer(&(0..30).map(|i| (Step::Hash(i), if i < 3 { vec![] } else { vec![i as u32 / 2] })).collect::<Vec<_>>());
    let schedulers: &[&dyn Scheduler] = &[
        &SyncScheduler,
        &ThreadedScheduler::new(2),
        &RoundTripScheduler,
        #[cfg(feature = "rayon")]
        &dask_sched::RayonScheduler,
    ];
    for scheduler in schedulers {
        let profiler = Arc::new(Profiler::new());
        let context = RunContext::default().with_observer(profiler.clone());
        scheduler.run(&graph(&layer), &layer.keys(), &context).unwrap();
        let mut keys: Vec<_> = profiler.tasks().into_iter().map(|task| task.key.to_string()).collect();
        let mut expected: Vec<_> = layer.keys().iter().map(ToString::to_string).collect();
        keys.sort();
        expected.sort();
        assert_eq!(keys, expected, "{}", scheduler.name());
        assert_eq!(profiler.peak_nbytes(), 30 * 8, "{}", scheduler.name());
    }
}

#[test]
fn the_report_is_one_page_and_replaces_the_last() {
    let layer = layer(&[(Step::Hash(1), vec![]), (Step::Hash(2), vec![0])]);
    let profiler = Arc::new(Profiler::new());
    let context = RunContext::default().with_observer(profiler.clone());
    ThreadedScheduler::new(2).run(&graph(&layer), &layer.keys(), &context).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new/report.html");
    for _ in 0..2 {
        Report::new(&profiler).write(&path).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("2 tasks on ") && page.contains("prefers-color-scheme:dark"), "{page}");
    assert_eq!(page.matches("<title>(&#39;task&#39;, ").count(), 2);
    assert!(!page.contains("http"), "the page must need nothing from elsewhere");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
        std::fs::write(directory.path().join("plain"), "").unwrap();
        assert_eq!(mode(&path), mode(&directory.path().join("plain")), "who may read a plain file may read the report");
    }
}

#[cfg(feature = "profile")]
#[test]
fn resources_are_sampled_while_a_computation_runs() {
    use dask_sched::diagnostics::ResourceProfiler;
    let layer = layer(&[(Step::Hash(1), vec![])]);
    let resources = Arc::new(ResourceProfiler::new());
    let profiler = Arc::new(Profiler::new());
    let context = RunContext::default().with_observer(profiler.clone()).with_observer(resources.clone());
    for n_runs in 1..4 {
        SyncScheduler.run(&graph(&layer), &layer.keys(), &context).unwrap();
        assert!(resources.samples().len() >= n_runs);
    }
    let samples = resources.samples();
    assert!(samples.is_sorted_by_key(|sample| sample.time));
    assert!(samples.iter().all(|sample| sample.rss_nbytes > 1 << 20), "{samples:?}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.html");
    Report::new(&profiler).with_resources(&resources).write(&path).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("Resident memory of the process") && page.contains("% of one core"));
}

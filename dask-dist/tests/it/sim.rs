//! The cluster simulated: any graph, any faults, many seeds.

mod spread;

use std::time::Duration;

use dask_dist::scheduler::{Measure, Placement};
use dask_dist::sim::faults::{ANY, Kind};
use dask_dist::sim::rivals::{Competition, RivalSettings, compete};
use dask_dist::sim::workload::Workload;
use dask_dist::sim::{Outcome, Sim, SimSettings, faults, shapes};

/// Says which seed it was if a machine's own check panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("run again with DASK_SIM_SEED={}", self.0);
        }
    }
}

/// A cluster drawn from the seed.
fn drawn(seed: u64) -> SimSettings {
    let mut settings = SimSettings { n_workers: 2 + (seed % 7) as u32, ..SimSettings::default() };
    settings.worker.n_threads = 1 + (seed % 3) as u32;
    settings.worker.memory_limit = [0, 20_000_000, 200_000_000][(seed / 3 % 3) as usize];
    settings.scheduler.worker_ttl = Duration::from_secs(3);
    settings.scheduler.memory_manager.interval = Duration::from_millis([500, 2000][(seed / 2 % 2) as usize]);
    settings.scheduler.memory_manager.measure = [Measure::Managed, Measure::Optimistic][(seed / 4 % 2) as usize];
    settings.second_client = seed.is_multiple_of(2);
    settings
}

/// A run with everything drawn from the seed, and some faults of these kinds.
fn troubled_by(kinds: &[Kind], seed: u64) -> Outcome {
    let mut settings = drawn(seed);
    settings.second_client |= kinds == [Kind::Cancel] || kinds == [Kind::ClientGone];
    let n = if kinds.len() == 1 { 1 + seed % 4 } else { seed % 13 };
    let faults = faults::plan(kinds, seed, n as usize, Duration::from_secs(6));
    run(settings, shapes::random(seed), &faults, seed)
}

/// A thousand seeds, or as many as `DASK_SIM_SEEDS` says, or the one of `DASK_SIM_SEED`.
fn seeds() -> std::ops::Range<u64> {
    let told = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    match told("DASK_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1_000_000_000..1_000_000_000 + told("DASK_SIM_SEEDS").unwrap_or(1000),
    }
}

/// That what a test is about has happened, in as many runs as would be seen to lack it.
fn happened(what: &str, n: u32) {
    assert!(0 < n || seeds().count() < 100, "{what}: this tests nothing");
}

/// A run, that must not go wrong.
fn run(settings: SimSettings, graph: Workload, faults: &[(Duration, faults::Fault)], seed: u64) -> Outcome {
    let _says = Seed(seed);
    Sim::new(settings, graph, faults, seed).run().unwrap_or_else(|broken| panic!("{broken}"))
}

// In two parts, that run beside each other.
#[test]
fn whatever_goes_wrong_every_result_is_made_or_failed_for_a_cause() {
    for seed in seeds().step_by(2) {
        troubled_by(&ANY, seed);
    }
}

#[test]
fn whatever_else_goes_wrong_every_result_is_made_or_failed_for_a_cause() {
    for seed in seeds().skip(1).step_by(2) {
        troubled_by(&ANY, seed);
    }
}

/// One kind of fault a test.
macro_rules! alone {
    ($($name:ident: $kind:ident,)*) => {$(
        #[test]
        fn $name() {
            for seed in seeds() {
                troubled_by(&[Kind::$kind], seed);
            }
        }
    )*};
}

alone! {
    workers_are_killed_at_any_step: Kill,
    connections_are_reset_and_workers_come_back: Cut,
    workers_hang_and_go_on: Hang,
    workers_are_stopped_for_good: Freeze,
    the_network_is_cut_and_healed: Partition,
    messages_are_late: Delay,
    connections_between_workers_break: Resets,
    reports_come_twice: Duplicates,
    the_disk_is_full_while_values_are_spilled: FullDisk,
    what_was_spilled_cannot_be_read: BadDisk,
    workers_leave_in_order: Leave,
    workers_come: Join,
    a_client_goes_without_a_word: ClientGone,
    futures_are_cancelled_and_tried_again: Cancel,
    values_are_copied: Replicate,
    values_are_moved: Rebalance,
}

#[test]
fn the_scheduler_is_killed_and_started_again() {
    let mut n_restarts = 0;
    for seed in seeds() {
        let outcome = troubled_by(&[Kind::Restart, Kind::Publish], seed);
        let graph = shapes::random(seed);
        let expected = graph.expected();
        let n_failed = graph.outputs.iter().filter(|&&(stage, at)| expected[stage][at as usize].is_none()).count();
        // All that was published is brought back.
        assert_eq!(outcome.n_failed, n_failed as u32, "run again with DASK_SIM_SEED={seed}");
        n_restarts += outcome.n_restarts;
    }
    happened("restarts", n_restarts);
}

#[test]
fn tasks_that_end_their_process_are_found_out() {
    let mut n_found = 0;
    for seed in seeds() {
        let mut graph = shapes::random(seed);
        let stage = seed as usize % graph.stages.len();
        let n = graph.stages[stage].tasks.len();
        graph.stages[stage].tasks[seed as usize / 7 % n].kills = true;
        let faults = faults::plan(&ANY, seed, (seed % 3) as usize, Duration::from_secs(6));
        n_found += u32::from(run(drawn(seed), graph, &faults, seed).n_failed != 0);
    }
    happened("tasks found out", n_found);
}

#[test]
fn workers_that_take_too_much_memory_are_ended() {
    let mut n_ended = 0;
    for seed in seeds() {
        let mut settings = SimSettings { kills_hungry: true, ..drawn(seed) };
        settings.worker.memory_limit = [5_000_000, 20_000_000, 60_000_000][(seed / 3 % 3) as usize];
        n_ended += run(settings, shapes::random(seed), &[], seed).n_deaths;
    }
    happened("workers ended", n_ended);
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 11, 25, 64] {
        assert_eq!(troubled_by(&ANY, seed), troubled_by(&ANY, seed));
    }
}

#[test]
fn without_faults_every_task_runs_once() {
    let (time, nbytes) = (Duration::from_millis(5), 10_000);
    for (name, graph) in [
        ("merge", shapes::merge(200, time, nbytes)),
        ("tree", shapes::tree(7, time, nbytes)),
        ("stencil 1d", shapes::stencil_1d(20, 10, time, nbytes)),
        ("stencil 2d", shapes::stencil_2d(6, 6, time, nbytes)),
        ("shuffle", shapes::shuffle(12, time, nbytes)),
        ("svd", shapes::svd(40, time, nbytes)),
        ("skewed", shapes::skewed(200, time, nbytes, 1)),
        ("rolling", shapes::rolling(60, time, nbytes)),
        ("fft", shapes::fft(5, time, nbytes)),
    ] {
        let n = graph.n_tasks() as u64;
        let lower = graph.lower_bound(8);
        let outcome = Sim::new(SimSettings::default(), graph, &[], 1).run().unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(outcome.n_runs, n, "{name}");
        assert!(lower <= outcome.makespan, "{name}: {:?} beats {lower:?}", outcome.makespan);
    }
}

#[test]
fn a_wide_graph_does_not_fill_memory() {
    let graph = shapes::tree(10, Duration::from_millis(20), 1_000_000);
    let all = graph.nbytes();
    let mut settings = SimSettings::default();
    settings.scheduler.validate = false;
    settings.worker.validate = false;
    let outcome = Sim::new(settings, graph, &[], 1).run().unwrap_or_else(|broken| panic!("{broken}"));
    assert!(outcome.peak_bytes < all / 10, "{} of {all}", outcome.peak_bytes);
}

#[test]
fn a_dead_worker_costs_what_it_held_and_not_everything() {
    let graph = shapes::tree(7, Duration::from_millis(50), 1000);
    let n = graph.n_tasks() as u64;
    let faults = [(Duration::from_millis(700), faults::Fault::Kill(1))];
    let outcome = Sim::new(SimSettings::default(), graph, &faults, 1).run().unwrap_or_else(|broken| panic!("{broken}"));
    // One of four workers, about half way through.
    assert!(outcome.n_runs < n + n / 2, "{} runs of {n} tasks", outcome.n_runs);
}

/// Graphs with some ten tasks a thread, of tasks that are long beside their transfers.
fn standard(n_threads: u32) -> Vec<(&'static str, Workload)> {
    let (time, nbytes) = (Duration::from_millis(100), 1_000_000);
    vec![
        ("merge", shapes::merge(10 * n_threads, time, 1000)),
        ("tree", shapes::tree((10 * n_threads).ilog2(), time, nbytes)),
        ("stencil 1d", shapes::stencil_1d(n_threads, 10, time, nbytes)),
        ("stencil 2d", shapes::stencil_2d(n_threads.isqrt(), 10, time, nbytes)),
        ("shuffle", shapes::shuffle(n_threads / 4, 10 * time, 20 * nbytes)),
        ("svd", shapes::svd(4 * n_threads, time, nbytes)),
        ("skewed", shapes::skewed(30 * n_threads, time, nbytes, 1)),
        ("rolling", shapes::rolling(5 * n_threads, time, nbytes)),
        ("fft", shapes::fft(n_threads.ilog2(), time, nbytes)),
    ]
}

#[test]
fn schedules_are_near_the_lower_bound_and_better_than_those_that_do_not_think() {
    let (n_workers, n_threads) = (24, 4);
    let run = |graph: &Workload, placement| {
        let mut settings = SimSettings { n_workers, ..SimSettings::default() };
        settings.worker.n_threads = n_threads;
        settings.worker.validate = false;
        settings.scheduler.validate = false;
        settings.scheduler.placement = placement;
        Sim::new(settings, graph.clone(), &[], 1).run().unwrap_or_else(|broken| panic!("{broken}"))
    };
    for (name, graph) in standard(n_workers * n_threads) {
        let bound = graph.lower_bound(n_workers * n_threads);
        let ours = run(&graph, Placement::Locality);
        assert!(ours.makespan <= bound.mul_f64(1.3), "{name}: {:?}, at least {bound:?}", ours.makespan);
        for placement in [Placement::Random, Placement::EarliestFree] {
            let theirs = run(&graph, placement);
            // One task's time is the grain.
            let allowed = theirs.makespan.mul_f64(1.02) + Duration::from_millis(100);
            assert!(ours.makespan <= allowed, "{name}: {:?}, {placement:?} {:?}", ours.makespan, theirs.makespan);
            assert!(ours.bytes_moved <= theirs.bytes_moved, "{name}: moves more than {placement:?}");
        }
    }
}

#[test]
fn parts_of_a_shuffle_are_not_copied_to_every_worker() {
    let graph = shapes::shuffle(24, Duration::from_secs(1), 20_000_000);
    let all = graph.nbytes();
    let mut settings = SimSettings { n_workers: 24, ..SimSettings::default() };
    settings.worker.n_threads = 4;
    let outcome = Sim::new(settings, graph, &[], 1).run().unwrap_or_else(|broken| panic!("{broken}"));
    assert!(outcome.bytes_moved < 2 * all, "{} moved of {all}", outcome.bytes_moved);
}

/// Clients that hang, die and lose their workers while they hold leases and use a queue; everything from the seed.
fn competed(seed: u64) -> Competition {
    let _says = Seed(seed);
    let settings = RivalSettings {
        n_producers: 2 + (seed % 7) as u32,
        n_consumers: 1 + (seed % 4) as u32,
        n_rounds: 5 + (seed % 11) as u32,
        n_leases: 1 + (seed % 3) as u32,
        queue_max: (seed % 5) as u32,
        n_deaths: (seed / 2 % 6) as u32,
        n_hangs: (seed / 3 % 6) as u32,
        n_workers_lost: (seed / 5 % 3) as u32,
    };
    compete(&settings, seed).unwrap_or_else(|broken| panic!("{broken}"))
}

#[test]
fn leases_exclude_and_queues_lose_nothing_whatever_goes_wrong() {
    let mut n_expired = 0;
    for seed in 0..1000 {
        n_expired += competed(seed).n_expired;
    }
    assert!(100 < n_expired, "{n_expired} leases expired: this tests little");
    assert_eq!(competed(77), competed(77));
}

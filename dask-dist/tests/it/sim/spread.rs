//! One value that everybody wants: nobody sends it often, and everybody gets it.

use dask_dist::sim::faults::Fault;

use super::*;

const MB: u64 = 1_000_000;

fn cluster(n_workers: u32) -> SimSettings {
    let mut settings = SimSettings { n_workers, ..SimSettings::default() };
    settings.worker.n_threads = 1;
    settings
}

/// A value, and a task that takes a second: time to ask for copies.
fn one(nbytes: u64) -> Workload {
    let mut graph = Workload::default();
    graph.stage("one", &[], 1, Duration::from_millis(1), nbytes, |_| Vec::new());
    graph.stage("clock", &[], 1, Duration::from_secs(1), 8, |_| Vec::new());
    graph.outputs = vec![(0, 0), (1, 0)];
    graph
}

/// Copies everywhere, asked for after half a second, and other faults.
fn copied(n_workers: u32, nbytes: u64, faults: &[(Duration, Fault)]) -> Outcome {
    let mut all = vec![(Duration::from_millis(500), Fault::Replicate(0))];
    all.extend(faults.iter().cloned());
    run(cluster(n_workers), one(nbytes), &all, 1)
}

#[test]
fn a_value_for_everybody_is_sent_a_few_times_by_each_and_not_often_by_one() {
    for nbytes in [MB / 2, 10 * MB, 100 * MB] {
        let outcome = copied(100, nbytes, &[]);
        // Seven rounds.
        assert!(outcome.bytes_sent_max <= 8 * nbytes, "{} of {nbytes}", outcome.bytes_sent_max);
        assert_eq!(outcome.bytes_moved, 99 * nbytes, "each has it once");
        let transfer = Duration::from_secs_f64(nbytes as f64 / 1e9);
        let allowed = Duration::from_millis(510) + 10 * transfer;
        assert!(outcome.makespan <= allowed.max(Duration::from_millis(1010)), "{nbytes}: {:?}", outcome.makespan);
    }
}

#[test]
fn what_every_task_needs_is_sent_a_few_times_by_each() {
    let (n, nbytes, time) = (100, 20 * MB, Duration::from_secs(5));
    let outcome = run(cluster(n), shapes::broadcast(n, time, nbytes), &[], 1);
    assert!(outcome.bytes_sent_max <= 10 * nbytes, "{} of {nbytes}", outcome.bytes_sent_max);
    assert!(outcome.makespan <= time + Duration::from_millis(500), "{:?}", outcome.makespan);
}

#[test]
fn what_few_need_or_is_small_is_sent_by_its_holder() {
    // Where the value was made is not known, but nobody waits for another.
    let outcome = run(cluster(3), shapes::broadcast(30, Duration::from_millis(500), 10 * MB), &[], 1);
    assert_eq!(outcome.bytes_sent_max, 20 * MB);
    assert_eq!(copied(50, 100, &[]).bytes_sent_max, 4900);
}

#[test]
fn who_dies_with_half_of_the_others_waiting_costs_a_few_transfers() {
    let nbytes = 50 * MB;
    // The second transfer has begun, and then every other round.
    for at in [520, 560, 620, 710, 760] {
        for who in 1..6 {
            let outcome = copied(64, nbytes, &[(Duration::from_millis(at), Fault::Kill(who))]);
            assert!(outcome.bytes_sent_max <= 16 * nbytes, "{at}, {who}: {} of {nbytes}", outcome.bytes_sent_max);
        }
    }
}

#[test]
fn whatever_goes_wrong_everybody_gets_the_value() {
    let kinds = [Kind::Kill, Kind::Cut, Kind::Hang, Kind::Freeze, Kind::Partition, Kind::Resets, Kind::Leave];
    let kinds =
        [&kinds[..], &[Kind::Replicate, Kind::Cancel, Kind::Restart, Kind::FullDisk, Kind::Duplicates]].concat();
    let (mut n_deaths, mut n_often) = (0, 0);
    for seed in seeds().step_by(4) {
        let n_workers = 5 + (seed % 20) as u32;
        let mut settings = cluster(n_workers);
        settings.scheduler.worker_ttl = Duration::from_secs(3);
        settings.second_client = seed.is_multiple_of(2);
        settings.worker.fetches_per_peer = 1 + (seed % 2) as u32;
        settings.worker.fetches_max = [1, 2, 32][(seed % 3) as usize];
        let nbytes = [MB, 10 * MB, 100 * MB][(seed / 2 % 3) as usize];
        let mut graph = Workload::default();
        let (time, n_values) = (Duration::from_millis(100), 1 + (seed / 5 % 4) as u32);
        let ones = graph.stage("one", &[], n_values, time, nbytes, |_| Vec::new());
        let all = (0..n_values).map(|at| (0, at)).collect::<Vec<_>>();
        graph.stage("user", &[ones], 3 * n_workers, 5 * time, MB, |_| all.clone());
        let graph = graph.wanting_last();
        let faults = faults::plan(&kinds, seed, (seed % 9) as usize, Duration::from_secs(2));
        let outcome = run(settings, graph, &faults, seed);
        n_deaths += outcome.n_deaths;
        n_often += u32::from(u64::from(n_values * n_workers) * nbytes <= outcome.bytes_sent_max);
    }
    happened("deaths", n_deaths);
    assert!(n_often < 25, "{n_often} times somebody sent as often as if there were no tree");
}

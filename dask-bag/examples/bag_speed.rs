//! How bags compare with a plain loop on one thread: `cargo run --release -p dask-bag --example bag_speed`.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use dask_bag::Bag;
use dask_core::{Collection, RunContext, Scheduler};
use dask_sched::{SyncScheduler, ThreadedScheduler};

type Table<K> = HashMap<K, i64, foldhash::fast::FixedState>;

/// The best of five runs, in milliseconds, and the last result. `make` is not timed.
fn best<I, R>(make: impl Fn() -> I, run: impl Fn(I) -> R) -> (f64, R) {
    let timed = || {
        let input = make();
        let start = Instant::now();
        let result = black_box(run(black_box(input)));
        (start.elapsed().as_secs_f64() * 1e3, result)
    };
    let first = timed();
    (0..4).map(|_| timed()).fold(first, |(best, _), (ms, result)| (best.min(ms), result))
}

fn compare<C: Collection, R: PartialEq + std::fmt::Debug>(
    what: &str,
    bag: &C,
    result: impl Fn(C::Output) -> R + Copy,
    (plain_ms, plain): (f64, R),
) {
    let schedulers: [&dyn Scheduler; 2] = [&SyncScheduler, &ThreadedScheduler::new(2)];
    let ratios = schedulers.map(|scheduler| {
        let (ms, found) = best(|| (), |()| bag.compute_with(scheduler, &RunContext::default()));
        assert_eq!(result(found.expect(what)), plain, "{what}");
        format!("{} {ms:.1} ms = {:.2}x", scheduler.name(), ms / plain_ms)
    });
    println!("{what}: plain {plain_ms:.1} ms, {}", ratios.join(", "));
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

fn main() {
    const N: i64 = 10_000_000;
    let ints = Bag::range(N, 16);
    let plain = best(|| N, |n| (0..n).map(|x| x * 3).filter(|x| x % 2 == 0).fold(0i64, i64::wrapping_add));
    compare(
        "map-filter-sum, 10M ints against a lazy loop",
        &ints.map(|x| x * 3).filter(|x| x % 2 == 0).sum(),
        |x| x,
        plain,
    );
    let plain = best(
        || N,
        |n| {
            let items: Vec<i64> = black_box((0..n).collect());
            items.into_iter().map(|x| x * 3).filter(|x| x % 2 == 0).fold(0i64, i64::wrapping_add)
        },
    );
    compare(
        "map-filter-sum, 10M ints against a loop over a Vec",
        &ints.map(|x| x * 3).filter(|x| x % 2 == 0).sum(),
        |x| x,
        plain,
    );

    let plain = best(
        || N,
        |n| {
            let mut table = Table::<i64>::default();
            (0..n).for_each(|x| *table.entry(x * 7919 % 1000).or_default() += 1);
            sorted(table.into_iter().map(|(k, n)| (k, n as u64)).collect())
        },
    );
    compare("frequencies, 10M ints, 1000 keys", &ints.map(|x| x * 7919 % 1000).frequencies(), sorted, plain);
    let plain = best(
        || N,
        |n| {
            let mut table = Table::<i64>::default();
            (0..n).for_each(|x| *table.entry(x * 7919 % 1000).or_default() += x);
            sorted(table.into_iter().collect())
        },
    );
    compare(
        "foldby sum, 10M ints, 1000 keys",
        &ints.foldby(|x| x * 7919 % 1000, 0, |s, x| s + x, |a, b| a + b),
        sorted,
        plain,
    );

    let words: Vec<String> = (0..1_000_000u64).map(|i| format!("account-{}", i * 7919 % 5000)).collect();
    let bag = Bag::from_sequence(words.clone(), 16);
    let plain = best(
        || words.clone(),
        |words| {
            let mut table = Table::<String>::default();
            words.into_iter().for_each(|w| *table.entry(w).or_default() += 1);
            sorted(table.into_iter().map(|(k, n)| (k, n as u64)).collect())
        },
    );
    compare("frequencies, 1M strings, 5000 keys", &bag.frequencies(), sorted, plain);
    let plain = best(
        || (),
        |()| {
            let mut table = HashMap::<&str, i64, foldhash::fast::FixedState>::default();
            words.iter().for_each(|w| *table.entry(w).or_default() += 1);
            sorted(table.into_iter().map(|(k, n)| (k.to_owned(), n as u64)).collect())
        },
    );
    compare("frequencies, 1M strings, against borrowed keys", &bag.frequencies(), sorted, plain);

    // A state that grows: appending to a list.
    for n in [20_000i64, 40_000, 80_000] {
        let collect = Bag::range(n, 1).foldby(
            |_| 0u8,
            Vec::new(),
            |mut v, x| {
                v.push(x);
                v
            },
            |mut a, b| {
                a.extend(b);
                a
            },
        );
        let (ms, _) = best(|| (), |()| collect.compute_with(&SyncScheduler, &RunContext::default()).map(|v| v.len()));
        println!("foldby into a list, {n} items, one key: {ms:.1} ms");
    }
}
